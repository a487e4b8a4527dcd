package azulejo.probes.report;

import azulejo.probes.stats.Estimate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Lines with marks and intervals, over numbers or over named levels, in one frame or in several side by side that share the y axis. */
final class LineChart {
  private static final int LEFT = 46;
  private static final int TOP = 32;
  private static final int PLOT = 176;
  private static final int GAP = 14;
  /** More points than this are drawn as a line with a band, without marks. */
  private static final int MANY = 12;

  private LineChart() {}

  /**
   * @param levels names for x = 0, 1, ..., or empty for numbers
   * @param doubling whether x is the logarithm to base 2 of what the axis shows
   */
  record Frame(String heading, List<Series> series, List<String> levels, boolean doubling) {
    Frame(String heading, List<Series> series, List<String> levels) {
      this(heading, series, levels, false);
    }
  }

  static String draw(String title, String xLabel, String yLabel, boolean zero, List<Frame> frames) {
    List<Estimate> all = frames.stream().flatMap(f -> f.series.stream()).flatMap(s -> s.points().stream()).map(Series.Point::y).toList();
    boolean facets = frames.size() > 1;
    int top = TOP + (facets ? 34 : 20);
    Axis y = Axis.covering(all, zero, 4, top + PLOT, top);
    double width = (Svg.WIDTH - LEFT - 10 - GAP * (frames.size() - 1.0)) / frames.size();
    Svg svg = new Svg(title, describe(frames), Svg.WIDTH, top + PLOT + 38);
    svg.heading();
    svg.text(0, TOP + 4, "tick", Svg.fit(yLabel, Svg.WIDTH));
    for (int f = 0; f < frames.size(); f++) {
      frame(svg, frames.get(f), y, LEFT + f * (width + GAP), width, f == 0, facets ? TOP + 24 : -1);
    }
    svg.text(LEFT + (Svg.WIDTH - LEFT - 10) / 2.0, top + PLOT + 34, "tick middle", xLabel);
    Map<String, Series> distinct = new LinkedHashMap<>();
    frames.stream().flatMap(f -> f.series.stream()).forEach(s -> distinct.putIfAbsent(s.label(), s));
    legend(svg, distinct.values());
    return svg.toString();
  }

  private static void frame(Svg svg, Frame frame, Axis y, double left, double width, boolean first, int headingAt) {
    boolean levels = !frame.levels.isEmpty();
    double inset = levels ? width / 4 : 6;
    double[] xs = frame.series.stream().flatMap(s -> s.points().stream()).mapToDouble(Series.Point::x).filter(Double::isFinite).toArray();
    Axis x = levels ? new Axis(0, frame.levels.size() - 1, 1, left + inset, left + width - inset)
        : within(xs, left + inset, left + width - inset);
    for (double tick : y.ticks()) {
      svg.line(left, y.at(tick), left + width, y.at(tick), "grid");
      if (first) {
        svg.text(left - 6, y.at(tick) + 4, "tick end", y.label(tick));
      }
    }
    svg.line(left, y.from(), left + width, y.from(), "axis");
    if (headingAt >= 0) {
      svg.text(left + width / 2, headingAt, "label middle", frame.heading);
    }
    for (double tick : x.ticks()) {
      svg.line(x.at(tick), y.from(), x.at(tick), y.from() + 4, "axis");
      svg.text(x.at(tick), y.from() + 17, "tick middle", levels ? frame.levels.get((int) Math.round(tick)) : frame.doubling
          ? x.label(Math.pow(2, tick)) : x.label(tick));
    }
    List<Series> series = frame.series;
    boolean many = series.stream().anyMatch(s -> s.points().size() > MANY);
    for (int i = 0; i < series.size(); i++) {
      Series s = series.get(i);
      if (s.isLevel()) {
        level(svg, s, y, left, width);
        continue;
      }
      // Intervals of the same level stand beside each other.
      double shift = !levels ? 0 : (i - (series.size() - 1) / 2.0) * 3;
      List<Svg.Point> line = s.points().stream().map(p -> new Svg.Point(x.at(p.x()) + shift, y.at(p.y().value()))).toList();
      List<Series.Point> sure = s.points().stream().filter(p -> p.y().hasInterval()).toList();
      if (many && sure.size() > 1) {
        List<Svg.Point> band = new ArrayList<>(sure.stream().map(p -> new Svg.Point(x.at(p.x()), y.at(p.y().high()))).toList());
        sure.reversed().forEach(p -> band.add(new Svg.Point(x.at(p.x()), y.at(p.y().low()))));
        svg.polygon(band, "band s" + s.style());
      } else {
        sure.forEach(p -> svg.upright(x.at(p.x()) + shift, y.at(p.y().low()), y.at(p.y().high()), "spread s" + s.style()));
      }
      svg.polyline(line, "curve s" + s.style() + " d" + s.style());
      if (!many) {
        line.forEach(p -> svg.mark(p.x(), p.y(), s.style()));
      }
    }
  }

  private static void level(Svg svg, Series series, Axis y, double left, double width) {
    Estimate e = series.points().getFirst().y();
    if (e.hasInterval()) {
      svg.rect(left, y.at(e.high()), width, y.at(e.low()) - y.at(e.high()), "band s" + series.style());
    }
    svg.line(left, y.at(e.value()), left + width, y.at(e.value()), "curve s" + series.style() + " d" + series.style());
  }

  /** From zero, as schedules and shares begin there. */
  private static Axis within(double[] xs, double from, double to) {
    double high = Arrays.stream(xs).max().orElse(1);
    return Axis.covering(0, high, 5, from, to);
  }

  private static void legend(Svg svg, Collection<Series> series) {
    double x = 0;
    double y = svg.height() + 16;
    for (Series s : series) {
      String label = Svg.fit(s.label(), Svg.WIDTH - 34);
      double width = 34 + Svg.widthOf(label);
      if (x > 0 && x + width > Svg.WIDTH) {
        x = 0;
        y += 18;
      }
      svg.line(x, y - 4, x + 24, y - 4, "curve s" + s.style() + " d" + s.style());
      if (!s.isLevel()) {
        svg.mark(x + 12, y - 4, s.style());
      }
      svg.text(x + 29, y, "label", label);
      x += width + 8;
    }
    svg.grow((int) y + 6 - svg.height());
  }

  private static String describe(List<Frame> frames) {
    return frames.stream().flatMap(f -> f.series.stream().flatMap(s -> s.points().isEmpty() ? Stream.empty()
        : Stream.of((f.heading.isEmpty() ? "" : f.heading + ", ") + s.label() + ": from " + BarChart.interval(s.points().getFirst().y())
        + " to "
            + BarChart.interval(s.points().getLast().y())))).collect(Collectors.joining("; "));
  }
}

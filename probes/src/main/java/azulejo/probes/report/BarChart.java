package azulejo.probes.report;

import azulejo.probes.stats.Estimate;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** Bars that lie, so that their labels can be read at any width, with intervals and numbers. */
final class BarChart {
  private static final int HEAD = 26;
  private static final int NUMBERS = 102;
  /** Room for the longest label's line. */
  private static final int LABELS = 130;

  private BarChart() {}

  /**
   * @param remark beside the number, or empty
   * @param clear whether the remark stands beyond doubt, which makes it bold
   */
  record Bar(String label, int style, Estimate value, String remark, boolean clear) {}

  /** @param unit what the numbers are, under the axis */
  static String draw(String title, String unit, List<Bar> bars) {
    String description = bars.stream().map(b -> b.label + " " + interval(b.value) + (b.remark.isEmpty() ? "" : " (" + b.remark + ")"))
        .collect(Collectors.joining("; "));
    double labels = Math.min(bars.stream().flatMap(b -> wrap(b.label).stream()).mapToDouble(Svg::widthOf).max().orElse(0), LABELS) + 8;
    Axis axis = Axis.lying(bars.stream().map(Bar::value).toList(), true, labels, Svg.WIDTH - NUMBERS - 12);
    int rows = bars.stream().mapToInt(b -> rowHeight(b.label)).sum();
    Svg svg = new Svg(title, description, Svg.WIDTH, HEAD + rows + 38);
    svg.heading();
    for (double tick : axis.ticks()) {
      svg.line(axis.at(tick), HEAD, axis.at(tick), HEAD + rows, "grid");
      svg.text(axis.at(tick), HEAD + rows + 15, "tick middle", axis.label(tick));
    }
    svg.text((axis.from() + axis.to()) / 2, HEAD + rows + 31, "tick middle", unit);
    double y = HEAD;
    for (Bar bar : bars) {
      double middle = y + rowHeight(bar.label) / 2.0;
      List<String> lines = wrap(bar.label);
      for (int i = 0; i < lines.size(); i++) {
        svg.text(labels - 8, middle + 4 + (i - (lines.size() - 1) / 2.0) * 13, "label end", lines.get(i));
      }
      double zero = axis.at(0);
      double end = axis.at(bar.value.value());
      svg.rect(Math.min(zero, end), middle - 8, Math.abs(end - zero), 16, "bar s" + bar.style);
      if (bar.value.hasInterval() && bar.value.high() > bar.value.low()) {
        svg.whisker(axis.at(bar.value.low()), axis.at(bar.value.high()), middle);
      }
      svg.text(axis.to() + 12 + 44, middle + 4, "label end", Text.precise(bar.value.value()));
      svg.text(Svg.WIDTH, middle + 4, bar.clear ? "tick end clear" : "tick end", bar.remark);
      y += rowHeight(bar.label);
    }
    svg.line(axis.at(0), HEAD, axis.at(0), HEAD + rows, "axis");
    return svg.toString();
  }

  static String interval(Estimate e) {
    return Text.precise(e.value()) + (e.hasInterval() ? " [" + Text.precise(e.low()) + ", " + Text.precise(e.high()) + "]" : "");
  }

  private static int rowHeight(String label) {
    return wrap(label).size() > 1 ? 34 : 25;
  }

  /** On two lines when it is long. */
  static List<String> wrap(String label) {
    if (Svg.widthOf(label) <= LABELS) {
      return List.of(label);
    }
    List<String> lines = new ArrayList<>();
    StringBuilder line = new StringBuilder();
    for (String word : label.split(" ")) {
      if (!line.isEmpty() && Svg.widthOf(line + " " + word) > LABELS) {
        lines.add(line.toString());
        line.setLength(0);
      }
      line.append(line.isEmpty() ? "" : " ").append(word);
    }
    lines.add(line.toString());
    return lines.stream().limit(2).map(l -> Svg.fit(lines.size() > 2 && l.equals(lines.get(1)) ? l + "\u2026" : l, LABELS)).toList();
  }
}

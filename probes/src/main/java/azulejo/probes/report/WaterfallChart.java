package azulejo.probes.report;

import azulejo.probes.stats.Estimate;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The steps from a start to an additive prediction, and what was really there. The axis does not start at zero, as steps are small beside
 * what they start from; so only steps are bars, and totals are marks.
 */
final class WaterfallChart {
  private static final int HEAD = 26;
  private static final int ROW = 25;
  private static final int LABELS = 122;
  private static final int NUMBERS = 56;

  private WaterfallChart() {}

  /** @param style of the bar */
  record Step(String label, int style, Estimate size) {}

  static String draw(String title, String unit, Estimate start, List<Step> steps, Estimate additive, Estimate actual, Estimate gap) {
    List<Estimate> ends = new ArrayList<>(List.of(start, additive, actual, shift(gap, additive.value())));
    double level = start.value();
    for (Step step : steps) {
      ends.add(shift(step.size, level));
      level += step.size.value();
    }
    int rows = steps.size() + 4;
    Axis axis = Axis.lying(ends, false, LABELS, Svg.WIDTH - NUMBERS - 8);
    String description = Stream.of(
            Stream.of("start " + BarChart.interval(start)), steps.stream().map(s -> s.label + " " + BarChart.interval(s.size)),
            Stream.of("additive " + BarChart.interval(additive), "actual " + BarChart.interval(actual), "synergy gap "
                + BarChart.interval(gap)))
        .flatMap(s -> s).collect(Collectors.joining("; "));
    Svg svg = new Svg(title, description, Svg.WIDTH, HEAD + rows * ROW + 38);
    svg.heading();
    for (double tick : axis.ticks()) {
      svg.line(axis.at(tick), HEAD, axis.at(tick), HEAD + rows * ROW, "grid");
      svg.text(axis.at(tick), HEAD + rows * ROW + 15, "tick middle", axis.label(tick));
    }
    svg.text((axis.from() + axis.to()) / 2, HEAD + rows * ROW + 31, "tick middle", unit);
    total(svg, axis, 0, "Constrained", start);
    level = start.value();
    for (int i = 0; i < steps.size(); i++) {
      Step step = steps.get(i);
      double y = middle(i + 1);
      double from = axis.at(level);
      double to = axis.at(level + step.size.value());
      svg.line(from, middle(i), from, y, "connector");
      svg.rect(Math.min(from, to) - 0.5, y - 8, Math.abs(to - from) + 1, 16, "bar s" + step.style);
      if (step.size.hasInterval()) {
        Estimate end = shift(step.size, level);
        svg.whisker(axis.at(end.low()), axis.at(end.high()), y);
      }
      svg.text(LABELS - 8, y + 4, "label end", "+ " + step.label);
      svg.text(Svg.WIDTH, y + 4, "label end", Text.signed(step.size.value()));
      level += step.size.value();
    }
    int row = steps.size();
    svg.line(axis.at(level), middle(row), axis.at(level), middle(row + 1), "connector");
    total(svg, axis, row + 1, "Additive", additive);
    total(svg, axis, row + 2, "Actual (free)", actual);
    double y = middle(row + 3);
    double from = axis.at(additive.value());
    double to = axis.at(actual.value());
    svg.rect(Math.min(from, to) - 0.5, y - 8, Math.abs(to - from) + 1, 16, "bar s0");
    if (gap.hasInterval() && gap.high() > gap.low()) {
      Estimate end = shift(gap, additive.value());
      svg.whisker(axis.at(end.low()), axis.at(end.high()), y);
    }
    svg.text(LABELS - 8, y + 4, "label end", "Synergy gap");
    svg.text(Svg.WIDTH, y + 4, "label end", Text.signed(gap.value()));
    return svg.toString();
  }

  private static void total(Svg svg, Axis axis, int row, String label, Estimate value) {
    double y = middle(row);
    if (value.hasInterval()) {
      svg.whisker(axis.at(value.low()), axis.at(value.high()), y);
    }
    svg.mark(axis.at(value.value()), y, 0);
    svg.text(LABELS - 8, y + 4, "label end", label);
    svg.text(Svg.WIDTH, y + 4, "label end", Text.number(value.value()));
  }

  private static double middle(int row) {
    return HEAD + row * ROW + ROW / 2.0;
  }

  private static Estimate shift(Estimate e, double by) {
    return new Estimate(e.value() + by, e.low() + by, e.high() + by, e.n());
  }
}

package azulejo.probes.report;

import azulejo.probes.stats.Estimate;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;

/** Bars of two parts each. */
final class StackChart {
  private static final int HEAD = 26;
  private static final int ROW = 25;
  private static final int NUMBERS = 100;

  private StackChart() {}

  record Stack(String label, double first, double second) {}

  /** @param styles of the two parts */
  static String draw(String title, String unit, List<String> parts, List<Integer> styles, List<Stack> stacks) {
    String description = stacks.stream()
        .map(s -> s.label + ": " + parts.get(0) + " " + Text.number(s.first) + ", " + parts.get(1) + " " + Text.number(s.second))
        .collect(Collectors.joining("; "));
    double labels = Math.min(stacks.stream().mapToDouble(s -> Svg.widthOf(s.label)).max().orElse(0), 130) + 8;
    double most = stacks.stream().flatMapToDouble(s -> DoubleStream.of(s.first + s.second)).max().orElse(1);
    Axis axis = Axis.lying(List.of(Estimate.withoutInterval(most, 0)), true, labels, Svg.WIDTH - NUMBERS - 8);
    int bottom = HEAD + stacks.size() * ROW;
    Svg svg = new Svg(title, description, Svg.WIDTH, bottom + 82);
    svg.heading();
    for (double tick : axis.ticks()) {
      svg.line(axis.at(tick), HEAD, axis.at(tick), bottom, "grid");
      svg.text(axis.at(tick), bottom + 15, "tick middle", axis.label(tick));
    }
    svg.text((axis.from() + axis.to()) / 2, bottom + 31, "tick middle", unit);
    for (int i = 0; i < stacks.size(); i++) {
      Stack s = stacks.get(i);
      double y = HEAD + i * ROW + ROW / 2.0;
      svg.text(labels - 8, y + 4, "label end", Svg.fit(s.label, labels - 8));
      svg.rect(axis.at(0), y - 8, axis.at(s.first) - axis.at(0), 16, "bar s" + styles.get(0));
      svg.rect(axis.at(s.first), y - 8, axis.at(s.first + s.second) - axis.at(s.first), 16, "bar s" + styles.get(1));
      svg.text(Svg.WIDTH, y + 4, "label end", Text.number(s.first) + " + " + Text.number(s.second));
    }
    svg.line(axis.at(0), HEAD, axis.at(0), bottom, "axis");
    for (int p = 0; p < 2; p++) {
      svg.rect(0, bottom + 45 + p * 18, 12, 12, "bar s" + styles.get(p));
      svg.text(17, bottom + 55 + p * 18, "label", parts.get(p));
    }
    return svg.toString();
  }
}

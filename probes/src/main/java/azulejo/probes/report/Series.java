package azulejo.probes.report;

import azulejo.probes.stats.Estimate;
import java.util.List;

/**
 * Numbers that belong together.
 *
 * @param style 0 to 7: colour, mark and dash; 0 is the neutral one, for baselines
 */
record Series(String label, int style, List<Point> points) {
  record Point(double x, Estimate y) {}

  /** One number that holds for every x. */
  static Series level(String label, int style, Estimate y) {
    return new Series(label, style, List.of(new Point(Double.NaN, y)));
  }

  boolean isLevel() {
    return points.size() == 1 && Double.isNaN(points.getFirst().x);
  }
}

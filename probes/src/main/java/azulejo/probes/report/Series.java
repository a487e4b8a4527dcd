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
}

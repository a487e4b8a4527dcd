package azulejo.kernels;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Pearson's test of counts against what a distribution expects. The threshold is the quantile that a right sampler exceeds with one seed in 10 000 (Wilson and
 * Hilferty's approximation, within a few percent from 2 degrees of freedom on); seeds are fixed, so a test that passes always does. A class that expects fewer
 * than 5 joins the others of its kind, as the statistic is chi-square distributed for large counts only.
 */
final class ChiSquare {
  private static final double Z = 3.719;

  private double statistic;
  private int classes;
  private double rareCount;
  private double rareExpected;

  void add(double count, double expected) {
    if (expected < 5) {
      rareCount += count;
      rareExpected += expected;
    } else {
      statistic += (count - expected) * (count - expected) / expected;
      classes++;
    }
  }

  void check(String what) {
    if (rareExpected >= 5) {
      statistic += (rareCount - rareExpected) * (rareCount - rareExpected) / rareExpected;
      classes++;
    } else {
      // more than this from a Poisson distribution of mean 5 happens once in 10 000 times
      assertThat(rareCount).as("%s: rare classes", what).isLessThanOrEqualTo(15);
    }
    int freedom = classes - 1;
    assertThat(freedom).isPositive();
    double c = 2 / (9.0 * freedom);
    double threshold = freedom * Math.pow(1 - c + Z * Math.sqrt(c), 3);
    assertThat(statistic).as("%s: chi-square of %d degrees of freedom", what, freedom).isLessThan(threshold);
  }
}

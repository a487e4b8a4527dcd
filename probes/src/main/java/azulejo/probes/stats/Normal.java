package azulejo.probes.stats;

/** The standard normal distribution, and Student's t where it meets it. */
final class Normal {
  private static final double ROOT_TWO_PI = Math.sqrt(2 * Math.PI);

  private Normal() {}

  /** P(Z <= z), to about 1e-15, by the series of Marsaglia (2004), "Evaluating the normal distribution". */
  static double below(double z) {
    if (z < -8) {
      return 0;
    }
    if (z > 8) {
      return 1;
    }
    double sum = z;
    double term = z;
    for (int i = 3; sum + term != sum; i += 2) {
      term *= z * z / i;
      sum += term;
    }
    return 0.5 + sum * Math.exp(-z * z / 2) / ROOT_TWO_PI;
  }

  /** The z with {@link #below}(z) = p, by bisection; within [-8, 8]. */
  static double quantile(double p) {
    double low = -8;
    double high = 8;
    while (true) {
      double middle = (low + high) / 2;
      if (middle <= low || middle >= high) {
        return middle;
      }
      if (below(middle) < p) {
        low = middle;
      } else {
        high = middle;
      }
    }
  }

  /**
   * The quantile of Student's t that belongs to a normal quantile: Cornish and Fisher's expansion (Abramowitz and Stegun 26.7.5), within 1%
   * of the exact value for 95% intervals from three degrees of freedom on.
   */
  static double student(double z, int freedom) {
    double z3 = z * z * z;
    double z5 = z3 * z * z;
    double z7 = z5 * z * z;
    double f = freedom;
    return z + (z3 + z) / (4 * f) + (5 * z5 + 16 * z3 + 3 * z) / (96 * f * f) + (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * f * f * f);
  }
}

package azulejo.kernels;

/**
 * How surprising a masked walk's choice of cells is. The confidences {@code log p + temperature * g} with Gumbel noise g rank the cells as an exponential
 * race with rates {@code w = p^(1 / temperature)} does, fastest first, so the cells that stay settled are the first to arrive, and
 *
 * <pre>P(S) = integral over u in [0, 1] of the product over i in S of (1 - u^(w_i / W))</pre>
 *
 * <p>with W the sum of the rates outside S: u is {@code exp(-W t)}, uniform for t the first arrival outside S. With {@code u = exp(-exp(y))} the logarithm of
 * the integrand is concave and both tails fall off at least exponentially, where the trapezoid rule converges faster than any power of its step.
 */
public final class PathSurprisal {
  /**
   * What lies this many nats below the peak is left out, 1e-12 of it. In the widest case, a tail that falls as e^y, a step is then 1/3, and the rule's error of
   * about {@code exp(-pi^2 / step)}, from the nearest singularities of the integrand at a distance of pi / 2 from the real line, is as small.
   */
  private static final double DEPTH = 28;
  private static final int NODES = 96;

  private PathSurprisal() {}

  /** log w of a cell whose token has this probability. */
  public static double logRate(float probability, float temperature) {
    return StrictMath.log(Math.max(probability, 1e-20f)) / temperature;
  }

  /**
   * In nats, to about 1e-10, or to a relative 1e-10 where it is more than 1.
   *
   * @param logRates log w, of the cells that the step chose from
   * @param kept which of them stayed settled
   * @return 0 where all of them, or none, stayed
   */
  public static double of(double[] logRates, boolean[] kept) {
    double outside = Double.NEGATIVE_INFINITY;
    int count = 0;
    for (int i = 0; i < logRates.length; i++) {
      outside = kept[i] ? outside : logAddExp(outside, logRates[i]);
      count += kept[i] ? 1 : 0;
    }
    if (count == 0 || count == logRates.length) {
      return 0;
    }
    double[] ratios = new double[count];
    for (int i = 0, k = 0; i < logRates.length; i++) {
      if (kept[i]) {
        ratios[k++] = logRates[i] - outside;
      }
    }
    double peak = peak(ratios);
    double top = logIntegrand(ratios, peak);
    double from = edge(ratios, peak, top - DEPTH, -1);
    double to = edge(ratios, peak, top - DEPTH, 1);
    double step = (to - from) / NODES;
    double sum = 0;
    for (int i = 0; i <= NODES; i++) {
      sum += Math.exp(logIntegrand(ratios, from + i * step) - top);
    }
    return -(top + Math.log(sum * step));
  }

  /** {@code log(product of (1 - exp(-r s)) * exp(-s) * s)} at {@code s = exp(y)}, the last factor from ds = s dy. */
  private static double logIntegrand(double[] logRatios, double y) {
    double sum = y - Math.exp(y);
    for (double r : logRatios) {
      double x = Math.exp(r + y);
      // log(1 - e^-x), which for small x is log x - x / 2
      sum += x < 1e-12 ? r + y : Math.log(-Math.expm1(-x));
    }
    return sum;
  }

  /** About where the derivative, which falls, is 0: {@code 1 - s + sum of r s / (e^(r s) - 1)}. */
  private static double peak(double[] logRatios) {
    double low = -745;
    double high = Math.log(logRatios.length + 1.0);
    for (int i = 0; i < 20; i++) {
      double middle = (low + high) / 2;
      double slope = 1 - Math.exp(middle);
      for (double r : logRatios) {
        double x = Math.exp(r + middle);
        slope += x < 1e-8 ? 1 : x > 700 ? 0 : x / Math.expm1(x);
      }
      if (slope > 0) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return high;
  }

  /** About where the logarithm of the integrand has fallen to {@code level} in {@code direction} from the peak. */
  private static double edge(double[] logRatios, double peak, double level, int direction) {
    double inside = peak;
    double reach = 1;
    while (logIntegrand(logRatios, peak + direction * reach) > level) {
      inside = peak + direction * reach;
      reach *= 2;
    }
    double outside = peak + direction * reach;
    for (int i = 0; i < 6; i++) {
      double middle = (inside + outside) / 2;
      if (logIntegrand(logRatios, middle) > level) {
        inside = middle;
      } else {
        outside = middle;
      }
    }
    return outside;
  }

  private static double logAddExp(double a, double b) {
    double max = Math.max(a, b);
    return max == Double.NEGATIVE_INFINITY ? max : max + Math.log1p(Math.exp(Math.min(a, b) - max));
  }
}

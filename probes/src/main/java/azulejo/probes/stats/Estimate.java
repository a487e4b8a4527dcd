package azulejo.probes.stats;

/**
 * A number with its 95% interval; both ends are NaN where there is none.
 *
 * @param n number of prompts behind it
 */
public record Estimate(double value, double low, double high, int n) {

  public static Estimate withoutInterval(double value, int n) {
    return new Estimate(value, Double.NaN, Double.NaN, n);
  }

  public boolean hasInterval() {
    return !Double.isNaN(low);
  }

  /** Whether the interval leaves out zero. */
  public boolean excludesZero() {
    return low > 0 || high < 0;
  }
}

package azulejo.probes.stats;

import java.util.List;
import java.util.Map;

/**
 * Two conditions on the same prompts and seeds, as the prompt-wise differences {@code condition - baseline}.
 *
 * @param difference mean difference
 * @param relative difference of the means as a share of the baseline's mean; infinite or NaN where that is 0
 * @param dz Cohen's d of paired differences: their mean by their standard deviation; infinite or NaN where they do not vary
 * @param g {@code dz} with Hedges' correction for small samples, {@code 1 - 3 / (4 (n - 1) - 1)}
 */
public record Comparison(Estimate difference, Estimate relative, double dz, double g) {

  /**
   * @param baseline values by prompt
   * @param condition values by prompt; prompts that only one of the two has are left out
   * @throws IllegalArgumentException when they have no prompt in common
   */
  public static Comparison of(Map<String, Double> baseline, Map<String, Double> condition, Bootstrap bootstrap) {
    List<String> common = baseline.keySet().stream().filter(condition::containsKey).toList();
    double[] before = common.stream().mapToDouble(baseline::get).toArray();
    double[] after = common.stream().mapToDouble(condition::get).toArray();
    double[] change = new double[before.length];
    for (int i = 0; i < change.length; i++) {
      change[i] = after[i] - before[i];
    }
    int n = change.length;
    Estimate difference = bootstrap.mean(change);
    Estimate relative = bootstrap.estimate(n, prompts -> Sample.mean(change, prompts) / Sample.mean(before, prompts));
    double dz = n < 2 ? Double.NaN : difference.value() / Sample.deviation(change, Sample.all(n));
    return new Comparison(difference, relative, dz, n < 3 ? Double.NaN : dz * (1 - 3 / (4 * (n - 1.0) - 1)));
  }
}

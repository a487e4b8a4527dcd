package azulejo.probes.stats;

import java.util.Arrays;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * 95% intervals by resampling prompts: bias-corrected and accelerated (BCa: Efron, 1987), expanded for small samples as Hesterberg (2015,
 * "What teachers should know about the bootstrap", section 5) does for percentiles: the normal quantile 1.96 becomes
 * {@code sqrt(n / (n - 1)) t}, so that 16 prompts do not give intervals that are too narrow.
 *
 * <p>The resamples depend on the seed and the number of prompts alone, so every statistic of the same prompts sees the same ones.
 */
public record Bootstrap(int replicates, long seed) {
  /** Fewer prompts than this give no interval: their resamples are too few. */
  public static final int FEWEST = 4;
  public static final Bootstrap STANDARD = new Bootstrap(5000, 20251201);

  private static final double Z = Normal.quantile(0.975);

  public Bootstrap {
    if (replicates < 100) {
      throw new IllegalArgumentException("replicates: " + replicates);
    }
  }

  /** A number computed from a sample of prompts, given as indices that may repeat. */
  @FunctionalInterface
  public interface Statistic {
    double of(int[] prompts);
  }

  /** The mean of one value a prompt. */
  public Estimate mean(double[] values) {
    return estimate(values.length, prompts -> Sample.mean(values, prompts));
  }

  /** @throws IllegalArgumentException without prompts */
  public Estimate estimate(int n, Statistic statistic) {
    if (n == 0) {
      throw new IllegalArgumentException("no prompts");
    }
    double value = statistic.of(Sample.all(n));
    if (n < FEWEST || !Double.isFinite(value)) {
      return Estimate.withoutInterval(value, n);
    }
    double[] sorted = new double[replicates];
    int[] next = {0};
    resample(n, prompts -> sorted[next[0]++] = statistic.of(prompts));
    Arrays.sort(sorted);
    if (!Double.isFinite(sorted[0]) || !Double.isFinite(sorted[replicates - 1])) {
      return Estimate.withoutInterval(value, n);
    }
    double bias = bias(sorted, value);
    double acceleration = acceleration(n, statistic);
    double z = Math.sqrt(n / (n - 1.0)) * Normal.student(Z, n - 1);
    return new Estimate(value, quantile(sorted, level(-z, bias, acceleration)), quantile(sorted, level(z, bias, acceleration)), n);
  }

  /** Hands every resample to {@code each}: n indices in [0, n), in an array that is used again. */
  public void resample(int n, Consumer<int[]> each) {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
    int[] prompts = new int[n];
    for (int r = 0; r < replicates; r++) {
      for (int i = 0; i < n; i++) {
        prompts[i] = random.nextInt(n);
      }
      each.accept(prompts);
    }
  }

  /** How far the replicates' median is from the estimate, as a normal quantile; ties count half. */
  private static double bias(double[] sorted, double value) {
    // Sums in another order differ in the last bits, which must not decide on which side of the estimate a replicate lies.
    double tie = 1e-12 * Math.max(Math.abs(sorted[0]), Math.abs(sorted[sorted.length - 1]));
    double below = Arrays.stream(sorted).map(s -> s < value - tie ? 1 : s <= value + tie ? 0.5 : 0).sum();
    return Normal.quantile(below / sorted.length);
  }

  /** From the skewness of the statistic when one prompt is left out. */
  private static double acceleration(int n, Statistic statistic) {
    double[] without = new double[n];
    for (int i = 0; i < n; i++) {
      int left = i;
      without[i] = statistic.of(Arrays.stream(Sample.all(n)).filter(p -> p != left).toArray());
    }
    double mean = Arrays.stream(without).average().orElseThrow();
    double squares = Arrays.stream(without).map(w -> Math.pow(mean - w, 2)).sum();
    double cubes = Arrays.stream(without).map(w -> Math.pow(mean - w, 3)).sum();
    double acceleration = cubes / (6 * Math.pow(squares, 1.5));
    return Double.isFinite(acceleration) ? acceleration : 0;
  }

  private static double level(double z, double bias, double acceleration) {
    double shifted = bias + z;
    double denominator = 1 - acceleration * shifted;
    // Beyond the pole the formula turns round; the interval ends at the outermost replicate instead.
    return denominator <= 0 ? (z > 0 ? 1 : 0) : Normal.below(bias + shifted / denominator);
  }

  private static double quantile(double[] sorted, double p) {
    double at = p * (sorted.length - 1);
    int i = (int) Math.min(Math.floor(at), sorted.length - 2);
    return sorted[i] + (at - i) * (sorted[i + 1] - sorted[i]);
  }
}

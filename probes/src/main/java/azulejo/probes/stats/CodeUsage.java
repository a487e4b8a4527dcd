package azulejo.probes.stats;

import java.util.Arrays;

/**
 * How a codebook is used, from counts of the sampled tokens: H(Z) and what follows from it.
 *
 * @param tokens counted
 * @param used codes that appeared at least once
 * @param size codes that there are
 * @param entropy of the counts, in nats: too small on average
 * @param corrected the same with Miller and Madow's correction, {@code (used - 1) / (2 tokens)}
 */
public record CodeUsage(long tokens, int used, int size, double entropy, double corrected) {

  public static CodeUsage of(long[] counts) {
    long tokens = Arrays.stream(counts).sum();
    int used = (int) Arrays.stream(counts).filter(c -> c > 0).count();
    double entropy = Arrays.stream(counts).filter(c -> c > 0).mapToDouble(c -> -(double) c / tokens * Math.log((double) c / tokens)).sum();
    return new CodeUsage(tokens, used, counts.length, entropy, tokens == 0 ? 0 : entropy + (used - 1) / (2.0 * tokens));
  }

  /** The size of an evenly used codebook of the same entropy. */
  public double perplexity() {
    return Math.exp(entropy);
  }

  public double coverage() {
    return (double) used / size;
  }
}

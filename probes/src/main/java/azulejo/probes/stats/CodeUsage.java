package azulejo.probes.stats;

import azulejo.runtime.sampling.Usage;

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
    Usage usage = new Usage(counts, "sampled tokens");
    return new CodeUsage(usage.total(), usage.used(), counts.length, usage.entropy(), usage.entropyMillerMadow());
  }

  /** The size of an evenly used codebook of the same entropy. */
  public double perplexity() {
    return Math.exp(entropy);
  }

  public double coverage() {
    return (double) used / size;
  }
}

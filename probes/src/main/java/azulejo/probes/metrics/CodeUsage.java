package azulejo.probes.metrics;

import azulejo.runtime.sampling.Usage;

/**
 * How a codebook is used by tokens, of which there is at least one: its counts' entropy H(Z) and what follows from it.
 *
 * @param usage how often each code was sampled
 */
public record CodeUsage(Usage usage) {
  public CodeUsage {
    if (usage.total() <= 0) {
      throw new IllegalArgumentException("no code was used");
    }
  }

  /** Of grids whose codes lie below {@code codebook}. */
  public static CodeUsage of(int codebook, Iterable<int[]> grids) {
    return new CodeUsage(Usage.count(grids, codebook, "sampled tokens"));
  }

  /** [V], how often each code was sampled. */
  public long[] counts() {
    return usage.counts();
  }

  /** Codes that were used at all. */
  public int used() {
    return usage.used();
  }

  /** The used part of the codebook. */
  public double coverage() {
    return usage.coverage();
  }

  /** Of the observed frequencies, in nats: too low by about (codes in use - 1) / 2n for n samples. */
  public double entropy() {
    return usage.entropy();
  }

  /** {@link #entropy} with that bias estimated from the codes seen and added; Miller, "Note on the bias of information estimates" (1955). In nats. */
  public double millerMadow() {
    return usage.entropyMillerMadow();
  }

  /** How many equally frequent codes would have the same entropy. */
  public double perplexity() {
    return usage.perplexity();
  }
}

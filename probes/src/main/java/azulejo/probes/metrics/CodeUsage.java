package azulejo.probes.metrics;

import java.util.Arrays;

/**
 * How a codebook is used: its counts' entropy H(Z) and what follows from it.
 *
 * @param counts [K], how often each code was sampled
 */
public record CodeUsage(long[] counts) {
  public CodeUsage {
    if (Arrays.stream(counts).sum() <= 0) {
      throw new IllegalArgumentException("no code was used");
    }
  }

  /** Of grids whose codes lie below {@code codebook}. */
  public static CodeUsage of(int codebook, Iterable<int[]> grids) {
    long[] counts = new long[codebook];
    for (int[] grid : grids) {
      for (int code : grid) {
        counts[code]++;
      }
    }
    return new CodeUsage(counts);
  }

  /** Codes that were used at all. */
  public int used() {
    return (int) Arrays.stream(counts).filter(count -> count > 0).count();
  }

  /** The used part of the codebook. */
  public double coverage() {
    return (double) used() / counts.length;
  }

  /** Of the observed frequencies, in nats: too low by about (codes in use - 1) / 2n for n samples. */
  public double entropy() {
    double n = Arrays.stream(counts).sum();
    return -Arrays.stream(counts).filter(count -> count > 0).mapToDouble(count -> count / n * Math.log(count / n)).sum();
  }

  /** {@link #entropy} with that bias estimated from the codes seen and added; Miller, "Note on the bias of information estimates" (1955). In nats. */
  public double millerMadow() {
    return entropy() + (used() - 1) / (2.0 * Arrays.stream(counts).sum());
  }

  /** How many equally frequent codes would have the same entropy. */
  public double perplexity() {
    return Math.exp(entropy());
  }
}

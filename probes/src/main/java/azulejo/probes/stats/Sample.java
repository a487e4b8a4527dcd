package azulejo.probes.stats;

import java.util.stream.IntStream;

/** Arithmetic on one value a prompt, over prompts given by index, which may repeat. */
final class Sample {
  private Sample() {}

  /** 0, 1, ..., n - 1. */
  static int[] all(int n) {
    return IntStream.range(0, n).toArray();
  }

  static double mean(double[] values, int[] prompts) {
    double sum = 0;
    for (int p : prompts) {
      sum += values[p];
    }
    return sum / prompts.length;
  }

  /** Standard deviation, with n - 1. */
  static double deviation(double[] values, int[] prompts) {
    double mean = mean(values, prompts);
    double squares = 0;
    for (int p : prompts) {
      squares += (values[p] - mean) * (values[p] - mean);
    }
    return Math.sqrt(squares / (prompts.length - 1));
  }
}

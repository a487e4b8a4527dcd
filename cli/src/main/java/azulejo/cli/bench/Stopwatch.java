package azulejo.cli.bench;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.BooleanSupplier;

/** Times ops on a backend whose work may go on after its calls have returned: the clock stops when a small tensor has come back from it. */
final class Stopwatch {
  /** What a sample should last at least, that waiting for its end does not count. */
  private static final double SAMPLE = 0.005;
  private static final int MOST_CALLS = 200;
  private static final int SAMPLES = 3;
  /** In budgets. */
  private static final double LONGEST_WARMUP = 4;
  /** What counts as having become faster. */
  private static final double FASTER = 0.8;

  private final Backend b;
  private final double budget;
  private final BooleanSupplier cancelled;
  private final Tensor probe;

  /** @param budget seconds in which an op must not become faster to be warm; half of it is spent on samples */
  Stopwatch(Backend b, double budget, BooleanSupplier cancelled) {
    this.b = b;
    this.budget = budget;
    this.cancelled = cancelled;
    this.probe = b.alloc(DType.I32, 1);
  }

  /** Until all ops so far are done. */
  void await() {
    b.download(probe);
  }

  /**
   * Seconds that {@code ops} take: the median of samples, in each of which they are replayed so often that starting them is no part of it. The first call, in which
   * kernels are compiled and chosen, is not one of them.
   */
  double seconds(Runnable ops) {
    timed(ops);
    double once = warm(ops, timed(ops));
    int calls = (int) Math.clamp(SAMPLE / once, 1, MOST_CALLS);
    try (Backend.Recording recording = b.record(() -> repeat(ops, calls))) {
      List<Double> samples = new ArrayList<>();
      for (double spent = 0; (spent < budget / 2 || spent < budget && samples.size() < SAMPLES) && !cancelled.getAsBoolean(); ) {
        double sample = timed(recording::replay);
        spent += sample;
        samples.add(sample / calls);
      }
      return samples.isEmpty() ? once : median(samples);
    }
  }

  /** Goes on until calls have not become faster for a while, as a JIT's do in jumps; the fastest. */
  private double warm(Runnable ops, double first) {
    double best = first;
    double sinceBest = 0;
    for (double spent = 0; sinceBest < budget && spent < LONGEST_WARMUP * budget && !cancelled.getAsBoolean(); ) {
      double seconds = timed(ops);
      spent += seconds;
      sinceBest = seconds < FASTER * best ? 0 : sinceBest + seconds;
      best = Math.min(best, seconds);
    }
    return best;
  }

  private double timed(Runnable ops) {
    long start = System.nanoTime();
    ops.run();
    await();
    return (System.nanoTime() - start) / 1e9;
  }

  private static void repeat(Runnable ops, int calls) {
    for (int i = 0; i < calls; i++) {
      ops.run();
    }
  }

  static double median(List<Double> samples) {
    List<Double> sorted = new ArrayList<>(samples);
    Collections.sort(sorted);
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1 ? sorted.get(middle) : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
  }
}

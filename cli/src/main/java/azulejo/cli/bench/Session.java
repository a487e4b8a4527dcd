package azulejo.cli.bench;

import azulejo.kernels.Backend;
import azulejo.kernels.Ceiling;
import azulejo.kernels.DType;
import azulejo.kernels.Tensor;
import azulejo.kernels.WeightFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;

/** A part of the bench on a backend of its own, which its weights go with. */
final class Session {
  /** Seconds beyond which a figure is left out. */
  private static final double PATIENCE = 10;
  /** Seconds for an op; the JIT takes its time. */
  private static final double BUDGET = 0.4;
  private static final double HOST_BUDGET = 1.2;
  /** Measurements of the ceiling at most, and by how much the next must be better than the best to go on. */
  private static final int CEILINGS = 10;
  private static final double SETTLED = 1.05;

  private final Bench bench;
  private final String part;
  private final Backend b;
  private final Stopwatch stopwatch;
  private final boolean onHost;
  private double bestRate;

  Session(Bench bench, String part, Backend b) {
    this.bench = bench;
    this.part = part;
    this.b = b;
    Tensor one = b.alloc(DType.F32, 1);
    b.copy(one, b.alloc(DType.F32, 1));
    this.onHost = b.launches() == 0;
    this.stopwatch = new Stopwatch(b, bench.settings().quick() ? 0.02 : onHost ? HOST_BUDGET : BUDGET, bench.settings()::stopped);
  }

  Stopwatch stopwatch() {
    return stopwatch;
  }

  Backend backend() {
    return b;
  }

  boolean quick() {
    return bench.settings().quick();
  }

  /** Whether the backend computes on the host's own processor. */
  boolean onHost() {
    return onHost;
  }

  /** What the host's processor can do, measured now, and again until the JIT is done with what measures it; empty for a device. */
  Optional<Ceiling> ceiling() {
    if (!onHost) {
      return Optional.empty();
    }
    Ceiling best = Ceiling.measure(bench.settings().threads());
    for (int i = 0; i < CEILINGS; i++) {
      Ceiling again = Ceiling.measure(bench.settings().threads());
      boolean settled = again.flops() < SETTLED * best.flops() && again.bytes() < SETTLED * best.bytes();
      best = new Ceiling(Math.max(best.flops(), again.flops()), Math.max(best.bytes(), again.bytes()));
      if (settled) {
        break;
      }
    }
    return Optional.of(best);
  }

  /**
   * Seconds that {@code ops} take, or nothing where at the best pace of this part so far they would take too long.
   *
   * @param work of them, in a unit of the part's own
   */
  OptionalDouble seconds(String name, double work, Runnable ops) {
    bench.settings().requireGoingOn();
    double estimate = bestRate == 0 ? 0 : work / bestRate;
    if (estimate > PATIENCE) {
      bench.note(part + " " + name + " is left out: it would take about " + String.format(Locale.ROOT, "%.0f s", estimate) + " a call");
      return OptionalDouble.empty();
    }
    bench.doing(part + " " + name);
    if (bestRate == 0 && onHost && !quick()) {
      stopwatch.seconds(ops); // the part's first op finds all code cold
    }
    double seconds = stopwatch.seconds(ops);
    bench.settings().requireGoingOn();
    bestRate = Math.max(bestRate, work / seconds);
    return OptionalDouble.of(seconds);
  }

  /** Whether the backend keeps weights so; if not, it is said. */
  boolean keeps(WeightFormat format) {
    try {
      b.matrix(Operands.uniform(16, 16), format);
      return true;
    } catch (IllegalArgumentException e) {
      bench.note(part + " has no figures of " + format.label() + ": " + e.getMessage());
      return false;
    }
  }

  /** Reports a figure. */
  void add(String name, double seconds, double value, String unit, List<Figure.Beside> beside) {
    bench.add(new Figure(part, name, seconds, value, unit, beside));
  }
}

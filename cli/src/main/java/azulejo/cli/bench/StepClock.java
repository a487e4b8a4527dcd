package azulejo.cli.bench;

import azulejo.kernels.Backend;
import azulejo.models.GenerationListener;
import azulejo.models.Image;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** The times of a generation's stages and steps, and what each step starts on the device. */
final class StepClock implements GenerationListener {
  private final Backend b;
  private final Stopwatch stopwatch;
  private final int limit;
  private final boolean waiting;
  private final BooleanSupplier stopped;
  private final Map<Stage, Double> seconds = new EnumMap<>(Stage.class);
  private final List<Double> calls = new ArrayList<>();
  private final List<Double> launches = new ArrayList<>();
  private long walkStart;
  private long last;
  private long launched;
  private int steps;
  private int planned;
  private boolean over;

  /**
   * @param limit steps after which the generation is stopped, 0 for none
   * @param waiting whether to wait for the device after each step, so that what the next one's calls take is the host's own time
   */
  StepClock(Backend b, Stopwatch stopwatch, int limit, boolean waiting, BooleanSupplier stopped) {
    this.b = b;
    this.stopwatch = stopwatch;
    this.limit = limit;
    this.waiting = waiting;
    this.stopped = stopped;
  }

  @Override
  public void started(Stage stage) {
    stopwatch.await();
    walkStart = System.nanoTime();
    last = walkStart;
    launched = b.launches();
  }

  @Override
  public void step(int step, int steps, Supplier<List<Image>> frames) {
    calls.add((System.nanoTime() - last) / 1e9);
    launches.add((double) (b.launches() - launched));
    this.steps = step;
    this.planned = steps;
    over = step == limit;
    if (waiting || over) {
      stopwatch.await();
    }
    last = System.nanoTime();
    launched = b.launches();
    if (over) {
      seconds.put(Stage.WALK, (last - walkStart) / 1e9);
    }
  }

  @Override
  public void finished(Stage stage, long nanos) {
    seconds.put(stage, nanos / 1e9);
  }

  @Override
  public boolean cancelled() {
    return over || stopped.getAsBoolean();
  }

  /** Whether it was this clock that stopped the generation. */
  boolean over() {
    return over;
  }

  /** Of a stage that has ended, in this generation or at the limit. */
  double seconds(Stage stage) {
    return seconds.getOrDefault(stage, 0.0);
  }

  /** Steps taken. */
  int steps() {
    return steps;
  }

  /** Steps that the request as a whole has: several walks, if its images were split. */
  int planned() {
    return planned;
  }

  /** Seconds until the calls of a step returned, median. */
  double call() {
    return Stopwatch.median(calls);
  }

  /** Kernels and copies that a step starts, median. */
  double launches() {
    return Stopwatch.median(launches);
  }
}

package azulejo.cli;

import azulejo.models.GenerationListener;
import azulejo.models.Image;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;

/** Shows how a generation goes on, and keeps its times. */
final class Progress implements GenerationListener {
  private static final int BAR = 30;

  private final StatusLine status;
  private final Interrupt interrupt;
  private final FrameSink frames;
  private final Map<Stage, Long> nanos = new EnumMap<>(Stage.class);
  private final Set<String> warnings = new LinkedHashSet<>();
  private long walkStart;
  private long frameNanos;
  private int steps;
  private long[] drawn = new long[0];

  /** Takes the picture of each image after a step. */
  interface FrameSink {
    void accept(int step, int steps, List<Image> images);
  }

  /** @param frames null for none */
  Progress(StatusLine status, Interrupt interrupt, FrameSink frames) {
    this.status = status;
    this.interrupt = interrupt;
    this.frames = frames;
  }

  @Override
  public void started(Stage stage) {
    walkStart = System.nanoTime();
    status.show(name(stage).replace('_', ' ') + " ...");
  }

  @Override
  public void finished(Stage stage, long nanos) {
    this.nanos.merge(stage, stage == Stage.WALK ? nanos - frameNanos : nanos, Long::sum);
    status.clear();
  }

  @Override
  public void codes(int[] drawn) {
    this.drawn = Arrays.copyOf(this.drawn, drawn.length);
    Arrays.setAll(this.drawn, code -> this.drawn[code] + drawn[code]);
  }

  /** How often each code was drawn; empty where nothing was counted. */
  long[] drawn() {
    return drawn;
  }

  @Override
  public void warning(String message) {
    if (warnings.add(message)) {
      status.println("note: " + message);
    }
  }

  @Override
  public void step(int step, int steps, Supplier<List<Image>> images) {
    this.steps = step;
    if (frames != null) {
      long start = System.nanoTime();
      frames.accept(step, steps, images.get());
      frameNanos += System.nanoTime() - start;
    }
    double elapsed = (System.nanoTime() - walkStart) / 1e9;
    int filled = BAR * step / steps;
    String bar = status.onTerminal() ? "[" + "#".repeat(filled) + "-".repeat(BAR - filled) + "] " : "";
    status.show(String.format(Locale.ROOT, "walk %sstep %d of %d, %.1f s, %.1f s left", bar, step, steps, elapsed, elapsed / step * (steps - step)));
  }

  @Override
  public boolean cancelled() {
    return interrupt.requested();
  }

  /** Steps of the walk so far. */
  int steps() {
    return steps;
  }

  /** Seconds in each stage so far, by name. */
  Map<String, Double> seconds() {
    Map<String, Double> seconds = new LinkedHashMap<>();
    for (Stage stage : Stage.values()) {
      seconds.put(name(stage), nanos.getOrDefault(stage, 0L) / 1e9);
      if (stage == Stage.WALK && frames != null) {
        seconds.put("frames", frameNanos / 1e9);
      }
    }
    return seconds;
  }

  private static String name(Stage stage) {
    return stage.name().toLowerCase(Locale.ROOT);
  }
}

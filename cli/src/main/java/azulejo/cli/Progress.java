package azulejo.cli;

import azulejo.models.GenerationListener;
import azulejo.models.Image;
import java.io.PrintStream;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Shows how a generation goes on and keeps its times. On a terminal a bar rewrites its line; elsewhere, in a log, a plain line comes every few seconds.
 */
final class Progress implements GenerationListener {
  private static final long LOG_INTERVAL_NANOS = 5_000_000_000L;
  private static final int BAR = 30;

  private final PrintStream err;
  private final int columns;
  private final boolean quiet;
  private final Interrupt interrupt;
  private final FrameSink frames;
  private final Map<Stage, Long> nanos = new EnumMap<>(Stage.class);
  private long walkStart;
  private long lastLine;
  private long frameNanos;
  private int stepsDone;

  /** Takes the picture of each image after a step. */
  interface FrameSink {
    void accept(int step, int steps, List<Image> images);
  }

  /**
   * @param columns the width of the terminal, 0 for none
   * @param frames null for none
   */
  Progress(PrintStream err, int columns, boolean quiet, Interrupt interrupt, FrameSink frames) {
    this.err = err;
    this.columns = columns;
    this.quiet = quiet;
    this.interrupt = interrupt;
    this.frames = frames;
  }

  @Override
  public void started(Stage stage) {
    if (stage == Stage.WALK) {
      walkStart = System.nanoTime();
      lastLine = walkStart;
    }
    if (columns > 0) {
      rewrite(name(stage) + " ...");
    }
  }

  @Override
  public void finished(Stage stage, long nanos) {
    long own = stage == Stage.WALK ? nanos - frameNanos : nanos;
    this.nanos.merge(stage, own, Long::sum);
    clear();
  }

  @Override
  public void step(int step, int steps, Supplier<List<Image>> images) {
    stepsDone++;
    if (frames != null) {
      long start = System.nanoTime();
      frames.accept(step, steps, images.get());
      frameNanos += System.nanoTime() - start;
    }
    long now = System.nanoTime();
    double elapsed = (now - walkStart) / 1e9;
    String times = String.format(Locale.ROOT, "%.1f s, %.1f s left", elapsed, elapsed / step * (steps - step));
    if (columns > 0) {
      int filled = BAR * step / steps;
      rewrite("walk [" + "#".repeat(filled) + "-".repeat(BAR - filled) + "] " + step + "/" + steps + ", " + times);
    } else if (!quiet && now - lastLine > LOG_INTERVAL_NANOS) {
      lastLine = now;
      err.println("walk: step " + step + " of " + steps + ", " + times);
    }
  }

  @Override
  public boolean cancelled() {
    return interrupt.requested();
  }

  /** Time in a stage so far. */
  long nanos(Stage stage) {
    return nanos.getOrDefault(stage, 0L);
  }

  long frameNanos() {
    return frameNanos;
  }

  int stepsDone() {
    return stepsDone;
  }

  static String name(Stage stage) {
    return stage.name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  /** Removes the bar, so that a line can be printed in its place. */
  void clear() {
    rewrite("");
  }

  private void rewrite(String line) {
    if (columns > 0 && !quiet) {
      err.print("\r\033[K" + line.substring(0, Math.min(line.length(), columns - 1)));
      err.flush();
    }
  }
}

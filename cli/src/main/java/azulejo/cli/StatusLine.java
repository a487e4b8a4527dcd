package azulejo.cli;

import java.io.PrintStream;

/** One line that tells what is going on: rewritten in place on a terminal, printed now and then elsewhere, where each rewrite would stay. */
final class StatusLine {
  private static final long INTERVAL_NANOS = 5_000_000_000L;

  private final PrintStream err;
  private final boolean quiet;
  private final int columns;
  private long last = System.nanoTime();

  /** @param columns the width of the terminal, 0 where there is none */
  StatusLine(PrintStream err, boolean quiet, int columns) {
    this.err = err;
    this.quiet = quiet;
    this.columns = columns;
  }

  boolean onTerminal() {
    return columns > 0;
  }

  void show(String line) {
    if (onTerminal()) {
      rewrite(line);
    } else if (System.nanoTime() - last > INTERVAL_NANOS) {
      println(line);
      last = System.nanoTime();
    }
  }

  /** A line that stays. */
  void println(String line) {
    clear();
    if (!quiet) {
      err.println(line);
    }
  }

  void clear() {
    if (onTerminal()) {
      rewrite("");
    }
  }

  private void rewrite(String line) {
    if (!quiet) {
      err.print("\r\033[K" + line.substring(0, Math.min(line.length(), columns - 1)));
      err.flush();
    }
  }
}

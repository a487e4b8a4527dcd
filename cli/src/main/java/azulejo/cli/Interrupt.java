package azulejo.cli;

import java.io.PrintStream;
import java.util.concurrent.atomic.AtomicBoolean;
import sun.misc.Signal;

/**
 * Ctrl-C. While something runs that can stop between two steps ({@link #stoppable}), the first one asks it to, and the second ends the process; otherwise
 * the first one ends it. Ending the process this way still deletes the temporary files of {@link azulejo.runtime.AtomicFile}.
 */
final class Interrupt {
  /** What a shell reports for a process that SIGINT ended. */
  static final int STATUS = 130;

  private final AtomicBoolean requested = new AtomicBoolean();
  private volatile boolean stoppable;

  /** A stretch of work that asks {@link #requested} between its steps. */
  interface Stretch extends AutoCloseable {
    @Override
    void close();
  }

  /** @param columns the width of the terminal that {@code err} is, 0 for none */
  void install(PrintStream err, int columns) {
    try {
      Signal.handle(new Signal("INT"), signal -> {
        if (!stoppable || requested.getAndSet(true)) {
          err.print(columns > 0 ? "\n" : ""); // the shell's prompt comes on a line of its own
          System.exit(STATUS);
        }
        err.println((columns > 0 ? "\r\033[K" : "") + "stopping (Ctrl-C again to stop at once)");
      });
    } catch (IllegalArgumentException e) {
      // the process was started with SIGINT ignored, as a shell does for a job in the background: then Ctrl-C is not for it
    }
  }

  Stretch stoppable() {
    stoppable = true;
    return () -> stoppable = false;
  }

  /** Asks the running stretch to stop, as Ctrl-C does. */
  void request() {
    requested.set(true);
  }

  boolean requested() {
    return requested.get();
  }
}

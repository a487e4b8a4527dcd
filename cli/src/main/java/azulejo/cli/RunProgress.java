package azulejo.cli;

import azulejo.probes.run.RunListener;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.Set;

/** Shows how a run goes on. */
final class RunProgress implements RunListener {
  private static final int BAR = 24;

  private final StatusLine status;
  private final Interrupt interrupt;
  private final Set<String> notes = new LinkedHashSet<>();

  RunProgress(StatusLine status, Interrupt interrupt) {
    this.status = status;
    this.interrupt = interrupt;
  }

  @Override
  public void doing(String what) {
    status.show(what + " ...");
  }

  @Override
  public void progress(String what, double made, int images, int measured, int sets, OptionalDouble secondsLeft) {
    double part = images == 0 ? 1 : made / images;
    int filled = (int) (BAR * part);
    String bar = status.onTerminal() ? "[" + "#".repeat(filled) + "-".repeat(BAR - filled) + "] " : "";
    String left = secondsLeft.isPresent() ? ", " + time(secondsLeft.getAsDouble()) + " left" : "";
    status.show(String.format(Locale.ROOT, "%s%d of %d images, %d of %d sets measured%s: %s", bar, (int) made, images, measured, sets, left, what));
  }

  @Override
  public void note(String sentence) {
    if (notes.add(sentence)) {
      status.println("note: " + sentence);
    }
  }

  @Override
  public boolean cancelled() {
    return interrupt.requested();
  }

  /** "12 s", "3:04 min", "5:20 h" or "2 d 3 h". */
  static String time(double seconds) {
    long s = Math.round(seconds);
    if (s < 60) {
      return s + " s";
    }
    if (s < 3600) {
      return String.format(Locale.ROOT, "%d:%02d min", s / 60, s % 60);
    }
    long minutes = Math.round(seconds / 60);
    return minutes < 24 * 60 ? String.format(Locale.ROOT, "%d:%02d h", minutes / 60, minutes % 60)
        : String.format(Locale.ROOT, "%d d %d h", minutes / (24 * 60), minutes / 60 % 24);
  }
}

package azulejo.runtime.sampling;

import azulejo.kernels.Backend;
import azulejo.kernels.Draw;
import azulejo.kernels.Draw.Pick;
import azulejo.runtime.OptionException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Takes the most likely token (the lowest code on a tie) instead of a random one in a part of the walk: the probe of execution diversity. Every choice of the
 * path stays random.
 *
 * <p>Deconstructing Generative Diversity (arXiv 2512.01831), sections 3.4.2 and 4.4.
 *
 * @param from fraction of the walk's steps from which on, in [0, 1)
 * @param to fraction before which, in (from, 1]
 * @param pick {@link Pick#ARGMAX}, or {@link Pick#ARGMAX_TRANSITION} in a diffusion
 */
public record ArgmaxWindow(double from, double to, Pick pick) implements Intervention {
  private static final Pattern RANGE = Pattern.compile("([0-9]*\\.?[0-9]+)-([0-9]*\\.?[0-9]+)");

  public ArgmaxWindow {
    if (!(from >= 0 && from < to && to <= 1) || pick == Pick.RANDOM) {
      throw new OptionException("an argmax window must begin before it ends and lie between 0 and 1, not from " + from + " to " + to);
    }
  }

  /** @param text "all", "early", "middle", "late" (thirds of the schedule) or "FROM-TO", fractions of it */
  public static ArgmaxWindow of(String text, Pick pick) {
    return switch (text) {
      case "all" -> new ArgmaxWindow(0, 1, pick);
      case "early" -> new ArgmaxWindow(0, 1 / 3.0, pick);
      case "middle" -> new ArgmaxWindow(1 / 3.0, 2 / 3.0, pick);
      case "late" -> new ArgmaxWindow(2 / 3.0, 1, pick);
      default -> {
        Matcher range = RANGE.matcher(text);
        if (!range.matches()) {
          throw new OptionException("an argmax window is all, early, middle, late, or a range of the schedule like 0.25-0.75, not '" + text + "'");
        }
        yield new ArgmaxWindow(Double.parseDouble(range.group(1)), Double.parseDouble(range.group(2)), pick);
      }
    };
  }

  /** Whether step {@code step} of {@code steps}, from 0, lies in the window. */
  public boolean covers(int step, int steps) {
    double at = (double) step / steps;
    return at >= from && at < to;
  }

  @Override
  public String name() {
    return pick == Pick.ARGMAX ? "argmax" : "argmax_transition";
  }

  @Override
  public String setting() {
    return from + "-" + to;
  }

  @Override
  public Edit on(Backend b, int codes) {
    return (draw, step, steps) -> covers(step, steps) ? draw.pick(pick) : draw;
  }
}

package azulejo.probes.experiment;

import azulejo.runtime.OptionException;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which codes may be drawn, as {@code keep-top:0.5} (the most frequent half), {@code drop-top:0.2} (all but the most frequent fifth) or
 * {@code drop-random:0.3@7} (all but a random 30%, of seed 7).
 *
 * @param fraction of all codes that the rule names, between 0 and 1
 * @param seed of {@link Rule#DROP_RANDOM}
 */
public record Codebook(Rule rule, double fraction, OptionalLong seed) {
  private static final Pattern FORM = Pattern.compile("(keep-top|drop-top|drop-random):([0-9]*\\.?[0-9]+)(?:@([0-9]{1,18}))?");

  public enum Rule {
    KEEP_TOP("keep-top"), DROP_TOP("drop-top"), DROP_RANDOM("drop-random");

    private final String text;

    Rule(String text) {
      this.text = text;
    }
  }

  /** @param where as a message begins */
  static Codebook parse(String where, String text) {
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      throw new OptionException(where + ": codebook must be like keep-top:0.5, drop-top:0.2 or drop-random:0.3@7, not '" + text + "'");
    }
    Rule rule = switch (matcher.group(1)) {
      case "keep-top" -> Rule.KEEP_TOP;
      case "drop-top" -> Rule.DROP_TOP;
      default -> Rule.DROP_RANDOM;
    };
    double fraction = Double.parseDouble(matcher.group(2));
    if (!(fraction > 0 && fraction < 1)) {
      throw new OptionException(where + ": the fraction of codes must lie between 0 and 1, not at " + matcher.group(2));
    }
    if (rule != Rule.DROP_RANDOM && matcher.group(3) != null) {
      throw new OptionException(where + ": only drop-random has a seed, so leave @" + matcher.group(3) + " out");
    }
    return new Codebook(rule, fraction,
        rule == Rule.DROP_RANDOM ? OptionalLong.of(matcher.group(3) == null ? 0 : Long.parseLong(matcher.group(3))) : OptionalLong.empty());
  }

  /** The share of the codes that may be drawn. */
  public double allowed() {
    return rule == Rule.KEEP_TOP ? fraction : 1 - fraction;
  }

  @Override
  public String toString() {
    return rule.text + ":" + fraction + (seed.isPresent() ? "@" + seed.getAsLong() : "");
  }
}

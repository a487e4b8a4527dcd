package azulejo.probes.experiment;

import azulejo.probes.Results;
import azulejo.probes.Results.Factors;
import azulejo.probes.Results.Kind;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What is changed while images are made; everything else, the seeds too, is the same in all conditions.
 *
 * @param name unique in the experiment, part of file names
 * @param codebook which codes may be drawn, all where it is empty
 * @param argmax the part of the schedule that takes the likeliest code: {@code all}, {@code early}, {@code middle}, {@code late}, or {@code FROM-TO} in fractions
 * @param argmaxMode of a diffusion, empty for its default
 * @param frozen the random stream that is the same for a whole set
 * @param models the models that it is tried with, by name
 */
public record Condition(String name, String label, Kind kind, Optional<Codebook> codebook, Optional<String> argmax, Optional<String> argmaxMode,
    Wording wording, Optional<Frozen> frozen, List<String> models) {

  /** One of the two random streams. */
  public enum Frozen {
    PATH, DRAW;

    public String text() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  public Condition {
    models = List.copyOf(models);
  }

  /** The place in the factorial design of subset x argmax x paraphrase. */
  public Factors factors() {
    boolean factorial = kind == Kind.FACTORIAL;
    return new Factors(factorial && codebook.isPresent(), factorial && argmax.isPresent(), factorial && wording != Wording.BASE);
  }

  /** Exactly what is changed, in words of {@link Results.Condition}'s keys and the configuration's. */
  public Map<String, String> settings() {
    Map<String, String> settings = new LinkedHashMap<>();
    codebook.ifPresent(subset -> {
      settings.put("codebook", subset.toString());
      settings.put(Results.Condition.RATIO, String.valueOf(Math.round(subset.allowed() * 1e6) / 1e6));
      settings.put(Results.Condition.RULE, switch (subset.rule()) {
        case KEEP_TOP -> "least";
        case DROP_TOP -> "most";
        case DROP_RANDOM -> "random";
      });
    });
    argmax.ifPresent(window -> settings.put(Results.Condition.WINDOW, window));
    argmaxMode.ifPresent(mode -> settings.put("argmax-mode", mode));
    if (wording != Wording.BASE) {
      settings.put(Results.Condition.LENGTH, wording.text());
    }
    frozen.ifPresent(stream -> settings.put("frozen", stream.text()));
    return settings;
  }
}

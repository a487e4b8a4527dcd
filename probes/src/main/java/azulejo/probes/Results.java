package azulejo.probes;

import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Everything that was measured in a run, as plain data: the whole input of the statistics and of the report. Lists are shown in the order
 * that they have here.
 *
 * <p>A prompt's set counts only when it is complete: a value computed from a part of its images is left out, and {@link #missing} says what
 * is not there yet.
 *
 * @param title of the report, for example the preset's name
 * @param prompts by {@link Prompt#id}
 * @param configuration the resolved configuration, as JSON
 * @param environment what the run ran on, by name: {@code azulejo}, {@code java}, {@code backend}, {@code machine}, checkpoint hashes, ...
 * @param notes sentences that a reader must know, shown as they are
 */
public record Results(
    String title,
    List<Model> models,
    List<Condition> conditions,
    List<Prompt> prompts,
    List<Metric> metrics,
    List<Value> values,
    List<Curve> curves,
    List<Total> totals,
    List<Usage> usage,
    List<Sample> samples,
    List<Missing> missing,
    String configuration,
    Map<String, String> environment,
    List<String> notes) {

  public Results {
    models = List.copyOf(models);
    conditions = List.copyOf(conditions);
    prompts = List.copyOf(prompts);
    metrics = List.copyOf(metrics);
    values = List.copyOf(values);
    curves = List.copyOf(curves);
    totals = List.copyOf(totals);
    usage = List.copyOf(usage);
    samples = List.copyOf(samples);
    missing = List.copyOf(missing);
    environment = Collections.unmodifiableMap(new LinkedHashMap<>(environment));
    notes = List.copyOf(notes);
    requireDistinct("model", models.stream().map(Model::name).toList());
    requireDistinct("condition", conditions.stream().map(Condition::name).toList());
    requireDistinct("prompt", prompts.stream().map(Prompt::id).toList());
    requireDistinct("metric", metrics.stream().map(Metric::profile).toList());
  }

  public enum Paradigm { AUTOREGRESSIVE, MASKED, DIFFUSION }

  /**
   * @param name unique in the run
   * @param family the published model that it has the architecture of, in lower case: {@code llamagen}, {@code amused},
   *     {@code vqdiffusion}, {@code janus-pro}, {@code show-o}
   * @param description one line, for example with parameters and grid
   */
  public record Model(String name, String family, Paradigm paradigm, String description) {}

  /** What a condition is for; it decides the figure that shows it. */
  public enum Kind {
    /** No intervention. */
    BASELINE,
    /** One of the other seven cells of subset x argmax x paraphrase. The three with a single factor are the paper's probes. */
    FACTORIAL,
    /** Only the most frequent part of the codes, in several sizes. */
    SUBSET_RATIO,
    /** A codebook subset chosen by another rule. */
    SUBSET_RULE,
    /** Argmax in a part of the schedule. */
    ARGMAX_TIMING,
    /** Paraphrases of one length. */
    PARAPHRASE_LENGTH,
    /** Mixed paraphrases while the most frequent codes are disabled (the paper's section 4.5). */
    ENHANCEMENT,
    /** One path for a whole set, while draws vary. */
    FROZEN_PATH,
    /** One seed of draws for a whole set, while paths vary. */
    FROZEN_DRAW
  }

  /**
   * @param name unique in the run, for files and options
   * @param label for people, short
   * @param settings what was intervened, exactly; the report reads the keys {@link #RATIO}, {@link #RULE}, {@link #WINDOW} and {@link
   *     #LENGTH} and shows them all
   */
  public record Condition(String name, String label, Kind kind, Factors factors, Map<String, String> settings) {
    /** The share of the codes that stays allowed, in (0, 1]. */
    public static final String RATIO = "ratio";
    /** Which codes a subset leaves out: {@code least} (the paper's probe), {@code most} or {@code random} frequent ones. */
    public static final String RULE = "rule";
    /** The steps under argmax: {@code early}, {@code middle}, {@code late} or {@code all}. */
    public static final String WINDOW = "window";
    /** Of the paraphrases: {@code short}, {@code medium}, {@code long} or {@code mixed}. */
    public static final String LENGTH = "length";

    public Condition {
      settings = Collections.unmodifiableMap(new LinkedHashMap<>(settings));
      if (kind == Kind.BASELINE && factors.count() > 0 || kind == Kind.FACTORIAL && factors.count() == 0) {
        throw new IllegalArgumentException("condition " + name + " of kind " + kind + " has the factors " + factors);
      }
    }
  }

  /** Which of the three probes of the factorial design a condition applies. */
  public record Factors(boolean subset, boolean argmax, boolean paraphrase) {
    public static final Factors NONE = new Factors(false, false, false);

    public int count() {
      return (subset ? 1 : 0) + (argmax ? 1 : 0) + (paraphrase ? 1 : 0);
    }
  }

  /** @param text of the baseline */
  public record Prompt(String id, String text) {}

  public enum Role { DIVERSITY, QUALITY }

  /**
   * @param profile the exact name, for example {@code lpips:alex-0.1}: values of unlike profiles are never compared
   * @param label for an axis, for example "LPIPS (AlexNet)"
   * @param smallerIsMore whether a smaller value means more diversity or quality, as with SSIM and FID
   */
  public record Metric(String profile, String label, Role role, boolean smallerIsMore) {}

  /**
   * A metric of one prompt's set (for distances: the mean over all unique pairs of its images), or of all images of a condition.
   *
   * @param prompt an id, or empty for a metric of the whole set such as FID
   */
  public record Value(String model, String condition, Optional<String> prompt, String metric, double value) {}

  /**
   * The ledger over the schedule.
   *
   * @param quantity in words, for example "entropy after guidance", "entropy of the draw", "surprisal of the draw", "surprisal of the path"
   * @param unit {@link #NATS} for entropies and surprisals (shown as bits), or empty for a share such as the kept mass
   */
  public record Curve(String model, String condition, String quantity, String unit, List<Point> points) {
    public static final String NATS = "nats";

    public Curve {
      points = List.copyOf(points);
    }
  }

  /**
   * @param at how much of the schedule is done, in [0, 1]
   * @param mean per open position, over images
   * @param deviation standard deviation over images, in the mean's unit
   * @param n number of images
   */
  public record Point(double at, double mean, double deviation, long n) {}

  public enum Quantity {
    /** H(P|X). */
    PATH,
    /** H(Z|P,X). */
    EXECUTION
  }

  public enum Standing { EXACT, UNBIASED, UPPER_BOUND, LOWER_BOUND }

  /**
   * An entropy of whole generations, as a mean over the images of one prompt.
   *
   * @param nats per image
   * @param tokens in an image
   * @param estimator its name, for people
   */
  public record Total(String model, String condition, String prompt, Quantity quantity, double nats, int tokens, String estimator,
      Standing standing) {}

  /**
   * How often each code was used in all images of a condition.
   *
   * @param counts {@code [K]}, from the sampled tokens
   */
  public record Usage(String model, String condition, long[] counts) {}

  /** @param index within the prompt's set: the same index has the same seed in every condition */
  public record Sample(String model, String condition, String prompt, int index, Path image) {}

  /** @param images that were planned and are not made yet */
  public record Missing(String model, String condition, int images) {}

  public Optional<Condition> condition(Factors factors) {
    return conditions.stream().filter(c -> (c.kind() == Kind.BASELINE || c.kind() == Kind.FACTORIAL) && c.factors().equals(factors))
        .findFirst();
  }

  public Optional<Condition> baseline() {
    return condition(Factors.NONE);
  }

  public List<Condition> conditions(Kind kind) {
    return conditions.stream().filter(c -> c.kind() == kind).toList();
  }

  /** A metric's values by prompt id; empty when it was not measured there. Reads all values: for many look-ups make an index. */
  public Map<String, Double> byPrompt(String model, String condition, String metric) {
    Map<String, Double> found = new LinkedHashMap<>();
    values.stream()
        .filter(v -> v.prompt().isPresent() && v.model().equals(model) && v.condition().equals(condition) && v.metric().equals(metric))
        .forEach(v -> found.put(v.prompt().get(), v.value()));
    return found;
  }

  private static void requireDistinct(String what, Collection<String> names) {
    if (new LinkedHashSet<>(names).size() < names.size()) {
      throw new IllegalArgumentException("a " + what + " appears twice in " + names);
    }
  }
}

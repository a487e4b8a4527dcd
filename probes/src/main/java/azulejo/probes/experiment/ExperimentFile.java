package azulejo.probes.experiment;

import azulejo.kernels.WeightFormat;
import azulejo.probes.Results.Kind;
import azulejo.probes.metrics.Metrics;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.OptionException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLFactory;
import tools.jackson.dataformat.yaml.YAMLMapper;

/**
 * Reads experiments: YAML files, the presets (which are such files), and a run's resolved configuration (JSON is YAML). Whatever is not understood
 * is an error. docs/probes.md describes the format.
 */
public final class ExperimentFile {
  /** The presets, by name. */
  public static final List<String> PRESETS = List.of("quick", "paper");

  /** What a model's folder calls the usage of its codes. */
  private static final String USAGE = "usage.json";
  private static final int MAX_IMAGES = 10_000;
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");
  private static final Pattern WINDOW = Pattern.compile("all|early|middle|late|(0|1|0?\\.[0-9]+|1\\.0+)-(0|1|0?\\.[0-9]+|1\\.0+)");
  private static final YAMLMapper YAML = new YAMLMapper(YAMLFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build());

  private final String where;
  private final UnaryOperator<Path> resolve;

  private ExperimentFile(String where, UnaryOperator<Path> resolve) {
    this.where = where;
    this.resolve = resolve;
  }

  /**
   * @param resolve finds a path of the file that is not absolute: those of a preset, {@code demo/...}, and those of a file that are not found beside it
   * @throws OptionException when there is no such preset, or the file makes no sense
   */
  public static Experiment preset(String name, UnaryOperator<Path> resolve) {
    if (!PRESETS.contains(name)) {
      throw new OptionException("there is no preset '" + name + "': the presets are " + String.join(" and ", PRESETS));
    }
    try (InputStream in = ExperimentFile.class.getResourceAsStream(name + ".yaml")) {
      return parse("preset " + name, new String(in.readAllBytes(), StandardCharsets.UTF_8), resolve);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** {@link #preset} for a file; its paths are looked for beside it first. */
  public static Experiment read(Path file, UnaryOperator<Path> resolve) {
    try {
      Path folder = file.toAbsolutePath().getParent();
      return parse(file.toString(), Files.readString(file), path -> Files.exists(folder.resolve(path)) ? folder.resolve(path) : resolve.apply(path));
    } catch (CharacterCodingException e) {
      throw new OptionException(file + " is not UTF-8 text", e);
    } catch (IOException e) {
      throw new OptionException("cannot read " + file + ": " + AzulejoException.reason(e), e);
    }
  }

  /** @param where how a message begins */
  public static Experiment parse(String where, String yaml, UnaryOperator<Path> resolve) {
    JsonNode root;
    try {
      root = YAML.readTree(yaml);
    } catch (JacksonException e) {
      String place = e.getLocation() == null ? "" : ": line " + e.getLocation().getLineNr();
      throw new OptionException(where + place + " is not YAML: " + e.getOriginalMessage().lines().findFirst().orElse("it cannot be read"), e);
    }
    return new ExperimentFile(where, resolve).experiment(new Fields(where, root));
  }

  private Experiment experiment(Fields root) {
    String title = root.text("title").orElse("");
    long seed = root.longInteger("seed").orElse(0L);
    int images = root.integer("images").orElse(4);
    require(images >= 2, where + ": images must be at least 2, as diversity is about pairs of images, not " + images);
    List<Model> models = root.objects("models", "folder").entrySet().stream().map(entry -> model(entry.getKey(), entry.getValue())).toList();
    require(!models.isEmpty(), where + " has no models: give a name and a folder, such as 'models: {masked: demo/masked}'");
    List<PromptGroup> prompts = prompts(root);
    List<Condition> conditions = conditions(root, models, prompts);
    Measures measures = measures(root.object("metrics", null));
    root.end();
    Experiment experiment = new Experiment(title, seed, images, prompts, models, conditions, measures);
    check(experiment);
    return experiment;
  }

  private Model model(String name, Fields fields) {
    requireName("model", name);
    Path folder = fields.text("folder").map(this::path).orElseThrow(() -> new OptionException(fields.where() + " has no folder"));
    WeightFormat weights = fields.text("weights").map(text -> constant(fields, "weights", WeightFormat.values(), text)).orElse(WeightFormat.F32);
    Model model = new Model(name, folder, fields.integer("steps"), real(fields, "guidance"), fields.integer("guidance-interval"), fields.reals("temperature"),
        fields.integer("top-k"), real(fields, "top-p"), real(fields, "truncation"), weights, fields.text("usage").map(this::path).or(() -> Optional.of(folder.resolve(USAGE)).filter(Files::exists)));
    fields.end();
    return model;
  }

  private static OptionalDouble real(Fields fields, String name) {
    return fields.real(name).map(OptionalDouble::of).orElse(OptionalDouble.empty());
  }

  private List<PromptGroup> prompts(Fields root) {
    JsonNode prompts = root.get("prompts").orElseThrow(
        () -> new OptionException(where + " has no prompts: name a file, such as 'prompts: demo/prompts.json', or list them"));
    List<PromptGroup> groups;
    if (prompts.isArray()) {
      groups = PromptFile.list(where + ": prompts", prompts);
    } else {
      Fields fields = root.object("prompts", "file");
      Path file = fields.text("file").map(this::path).orElseThrow(() -> new OptionException(fields.where() + " names no file"));
      groups = PromptFile.read(file);
      int first = fields.integer("first").orElse(groups.size());
      require(first >= 1 && first <= groups.size(), fields.where() + ": first must be from 1 to " + groups.size() + ", the prompts of the file, not " + first);
      groups = groups.subList(0, first);
      fields.end();
    }
    require(!groups.isEmpty(), where + " has no prompts");
    groups.forEach(group -> requireName("prompt id", group.id()));
    requireDistinct("prompt id", groups.stream().map(PromptGroup::id).toList());
    requireDistinct("prompt", groups.stream().map(PromptGroup::text).toList());
    return groups;
  }

  private List<Condition> conditions(Fields root, List<Model> models, List<PromptGroup> prompts) {
    List<String> names = models.stream().map(Model::name).toList();
    List<Condition> conditions = new ArrayList<>();
    root.objects("conditions", null).forEach((name, fields) -> {
      requireName("condition", name);
      conditions.add(condition(name, fields, names, conditions));
    });
    require(!conditions.isEmpty(), where + " has no conditions: give at least 'conditions: {baseline: }'");
    for (Condition condition : conditions) {
      for (PromptGroup prompt : prompts) {
        require(prompt.has(condition.wording()), where + ": the condition '" + condition.name() + "' needs " + condition.wording().text()
            + " paraphrases, but the prompt '" + prompt.text() + "' has none: add them, or leave the condition out");
      }
    }
    return conditions;
  }

  private Condition condition(String name, Fields fields, List<String> models, List<Condition> before) {
    Optional<Codebook> codebook = fields.text("codebook").map(text -> Codebook.parse(fields.where(), text));
    Optional<String> argmax = fields.text("argmax").map(text -> {
      require(WINDOW.matcher(text).matches() && ordered(text), fields.where() + ": argmax must be all, early, middle, late or a part of the schedule such as 0-0.5, not '" + text + "'");
      return text;
    });
    Optional<String> mode = fields.text("argmax-mode");
    require(mode.isEmpty() || mode.get().matches("x0|posterior"), fields.where() + ": argmax-mode must be x0 or posterior, not '" + mode.orElse("") + "'");
    require(mode.isEmpty() || argmax.isPresent(), fields.where() + ": argmax-mode says how argmax is taken, so it needs argmax");
    Wording wording = fields.text("paraphrase").map(text -> constant(fields, "paraphrase", Wording.values(), text)).orElse(Wording.BASE);
    Optional<Condition.Frozen> frozen = fields.text("frozen").map(text -> constant(fields, "frozen", Condition.Frozen.values(), text));
    List<String> chosen = fields.texts("models");
    for (String model : chosen) {
      require(models.contains(model), fields.where() + ": there is no model '" + model + "', only " + String.join(", ", models));
    }
    String label = fields.text("label").orElse(name.replace('-', ' '));
    Kind natural = kind(codebook, argmax, wording, frozen, before);
    Kind kind = fields.text("kind").map(text -> constant(fields, "kind", Kind.values(), text)).orElse(natural);
    requireKind(fields.where(), kind, codebook, argmax, wording, frozen);
    fields.end();
    return new Condition(name, label, kind, codebook, argmax, mode, wording, frozen, chosen.isEmpty() ? models : models.stream().filter(chosen::contains).toList());
  }

  /** What a condition is for, from what it changes; the first of several alike belongs to the factorial design, the others to a sweep. */
  private static Kind kind(Optional<Codebook> codebook, Optional<String> argmax, Wording wording, Optional<Condition.Frozen> frozen, List<Condition> before) {
    if (frozen.isPresent()) {
      return frozen.get() == Condition.Frozen.PATH ? Kind.FROZEN_PATH : Kind.FROZEN_DRAW;
    }
    if (argmax.isPresent() && !argmax.get().equals("all")) {
      return Kind.ARGMAX_TIMING;
    }
    if (codebook.isPresent() && codebook.get().rule() != Codebook.Rule.KEEP_TOP) {
      return codebook.get().rule() == Codebook.Rule.DROP_TOP && wording != Wording.BASE ? Kind.ENHANCEMENT : Kind.SUBSET_RULE;
    }
    if (codebook.isEmpty() && argmax.isEmpty() && wording == Wording.BASE) {
      return Kind.BASELINE;
    }
    boolean taken = before.stream().anyMatch(other -> other.kind() == Kind.FACTORIAL && other.codebook().isPresent() == codebook.isPresent()
        && other.argmax().isPresent() == argmax.isPresent() && (other.wording() != Wording.BASE) == (wording != Wording.BASE));
    if (!taken) {
      return Kind.FACTORIAL;
    }
    return codebook.isPresent() ? Kind.SUBSET_RATIO : wording != Wording.BASE ? Kind.PARAPHRASE_LENGTH : Kind.ARGMAX_TIMING;
  }

  private static void requireKind(String where, Kind kind, Optional<Codebook> codebook, Optional<String> argmax, Wording wording,
      Optional<Condition.Frozen> frozen) {
    boolean fits = switch (kind) {
      case BASELINE -> codebook.isEmpty() && argmax.isEmpty() && wording == Wording.BASE && frozen.isEmpty();
      case FACTORIAL -> frozen.isEmpty() && (codebook.isPresent() || argmax.isPresent() || wording != Wording.BASE);
      case SUBSET_RATIO, SUBSET_RULE -> codebook.isPresent();
      case ARGMAX_TIMING -> argmax.isPresent();
      case PARAPHRASE_LENGTH -> wording != Wording.BASE;
      case ENHANCEMENT -> codebook.isPresent() && wording != Wording.BASE;
      case FROZEN_PATH -> frozen.equals(Optional.of(Condition.Frozen.PATH));
      case FROZEN_DRAW -> frozen.equals(Optional.of(Condition.Frozen.DRAW));
    };
    require(fits, where + ": its settings do not make a condition of the kind " + text(kind));
  }

  private static boolean ordered(String window) {
    if (!window.contains("-")) {
      return true;
    }
    String[] ends = window.split("-");
    return Double.parseDouble(ends[0]) < Double.parseDouble(ends[1]);
  }

  private Measures measures(Fields fields) {
    Measures measures = new Measures(fields.texts("use"), fields.text("clip").map(this::path), fields.text("lpips").map(this::path),
        fields.text("inception").map(this::path), fields.text("reference").map(this::path));
    fields.end();
    Map<String, Metrics.Entry> known = new LinkedHashMap<>();
    Metrics.entries().forEach(entry -> known.put(entry.name(), entry));
    for (String name : measures.names()) {
      require(known.containsKey(name), fields.where() + ": there is no metric '" + name + "', only " + String.join(", ", known.keySet()));
      for (Metrics.Need need : new TreeSet<>(known.get(name).needs())) {
        String key = text(need);
        boolean given = need == Metrics.Need.CAPTIONS || need == Metrics.Need.TOKENS || measures.folders().containsKey(key);
        require(given, fields.where() + ": " + name + " needs '" + key + ": PATH'");
      }
    }
    return measures.names().isEmpty() ? measures.withAll() : measures;
  }

  private void check(Experiment experiment) {
    long images = experiment.cells().size();
    require(experiment.conditions().stream().filter(condition -> condition.kind() == Kind.BASELINE).count() == 1,
        where + " must have exactly one condition that changes nothing, such as 'baseline: {}': the others are compared with it");
    Map<Object, String> factorial = new LinkedHashMap<>();
    for (Condition condition : experiment.conditions()) {
      String other = condition.kind() == Kind.FACTORIAL ? factorial.put(condition.factors(), condition.name()) : null;
      require(other == null, where + ": the conditions " + other + " and " + condition.name() + " have the same place in the factorial design, "
          + "so give one of them another kind, such as subset-ratio or paraphrase-length");
    }
    for (Model model : experiment.models()) {
      require(!experiment.conditions(model).isEmpty(), where + ": the model " + model.name() + " has no condition");
      require(!experiment.needsUsage(model) || model.usage().isPresent() || experiment.measures().reference().isPresent(), where
          + ": to keep or drop the most frequent codes of " + model.name() + " it must be known how often it uses each: give 'usage: FILE' to the model "
          + "or 'reference: FOLDER' of images to the metrics");
    }
    require(images <= 1000L * MAX_IMAGES, where + " asks for " + images + " images, more than " + 1000L * MAX_IMAGES);
  }

  private Path path(String text) {
    Path path = Path.of(text);
    return (path.isAbsolute() ? path : resolve.apply(path)).toAbsolutePath().normalize();
  }

  /** A constant as a configuration calls it: SUBSET_RATIO is subset-ratio. */
  static String text(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static <E extends Enum<E>> E constant(Fields fields, String name, E[] constants, String text) {
    return Arrays.stream(constants)
        .filter(constant -> text(constant).equals(text))
        .findFirst()
        .orElseThrow(() -> new OptionException(fields.where() + ": " + name + " must be one of "
            + Arrays.stream(constants).map(ExperimentFile::text).collect(Collectors.joining(", ")) + ", not '" + text + "'"));
  }

  private void requireName(String what, String name) {
    require(NAME.matcher(name).matches(), where + ": the " + what + " '" + name + "' becomes part of file names, so it may have letters, digits, '.', '_' and '-' only");
  }

  private void requireDistinct(String what, List<String> values) {
    Set<String> seen = new LinkedHashSet<>();
    values.forEach(value -> require(seen.add(value), where + ": the " + what + " '" + value + "' appears twice"));
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new OptionException(otherwise);
    }
  }
}

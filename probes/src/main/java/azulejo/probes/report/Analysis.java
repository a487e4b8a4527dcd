package azulejo.probes.report;

import azulejo.probes.Results;
import azulejo.probes.Results.Condition;
import azulejo.probes.Results.Factors;
import azulejo.probes.Results.Kind;
import azulejo.probes.Results.Metric;
import azulejo.probes.Results.Model;
import azulejo.probes.Results.Paradigm;
import azulejo.probes.Results.Prompt;
import azulejo.probes.Results.Quantity;
import azulejo.probes.Results.Role;
import azulejo.probes.Results.Standing;
import azulejo.probes.Results.Total;
import azulejo.probes.Results.Value;
import azulejo.probes.stats.Bootstrap;
import azulejo.probes.stats.Comparison;
import azulejo.probes.stats.Conclusion;
import azulejo.probes.stats.Estimate;
import azulejo.probes.stats.Factorial;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** The results with their statistics, as the figures ask for them. */
final class Analysis {
  /** In nats. */
  static final double BIT = Math.log(2);
  static final Factors SUBSET = new Factors(true, false, false);
  static final Factors ARGMAX = new Factors(false, true, false);
  static final Factors PARAPHRASE = new Factors(false, false, true);

  private final Results results;
  private final Bootstrap bootstrap;
  private final Map<Key, Map<String, Double>> byPrompt = new HashMap<>();
  private final Map<Key, Double> ofSet = new HashMap<>();
  private final Map<Key, Optional<Estimate>> estimates = new HashMap<>();
  private final Map<Key, Optional<Comparison>> comparisons = new HashMap<>();

  private record Key(String model, String condition, String metric) {}

  Analysis(Results results, Bootstrap bootstrap) {
    this.results = results;
    this.bootstrap = bootstrap;
    List<String> prompts = results.prompts().stream().map(Prompt::id).toList();
    Map<String, Integer> order = IntStream.range(0, prompts.size()).boxed().collect(Collectors.toMap(prompts::get, i -> i));
    for (Value v : results.values()) {
      Key key = new Key(v.model(), v.condition(), v.metric());
      v.prompt().ifPresentOrElse(p -> byPrompt.computeIfAbsent(key, _ -> new TreeMap<>(Comparator.comparing(order::get))).put(p, v.value()),
          () -> ofSet.put(key, v.value()));
    }
  }

  /** A metric's values by prompt id, in the order of the run's prompts; empty when it was not measured there. */
  private Map<String, Double> byPrompt(Model model, Condition condition, Metric metric) {
    return byPrompt.getOrDefault(new Key(model.name(), condition.name(), metric.profile()), Map.of());
  }

  Results results() {
    return results;
  }

  Bootstrap bootstrap() {
    return bootstrap;
  }

  /** A metric's mean over prompts; without an interval where the metric belongs to the whole set. */
  Optional<Estimate> estimate(Model model, Condition condition, Metric metric) {
    return estimates.computeIfAbsent(new Key(model.name(), condition.name(), metric.profile()), key -> {
      Map<String, Double> values = byPrompt(model, condition, metric);
      return values.isEmpty()
          ? Optional.ofNullable(ofSet.get(key)).map(v -> Estimate.withoutInterval(v, results.prompts().size()))
          : Optional.of(bootstrap.mean(values.values().stream().mapToDouble(v -> v).toArray()));
    });
  }

  /** A condition against the baseline, prompt by prompt; empty for metrics of the whole set. */
  Optional<Comparison> comparison(Model model, Condition condition, Metric metric) {
    if (results.baseline().isEmpty() || condition.kind() == Kind.BASELINE) {
      return Optional.empty();
    }
    return comparisons.computeIfAbsent(new Key(model.name(), condition.name(), metric.profile()), _ -> {
      Map<String, Double> before = byPrompt(model, results.baseline().get(), metric);
      Map<String, Double> after = byPrompt(model, condition, metric);
      return before.keySet().stream().anyMatch(after::containsKey) ? Optional.of(Comparison.of(before, after, bootstrap))
          : Optional.empty();
    });
  }

  /** How far a condition is from the baseline, as a share of it, for display; empty where that says nothing. */
  String change(Model model, Condition condition, Metric metric) {
    Optional<Estimate> before = results.baseline().flatMap(b -> estimate(model, b, metric));
    Optional<Estimate> after = estimate(model, condition, metric);
    return condition.kind() == Kind.BASELINE || before.isEmpty() || after.isEmpty() ? ""
        : Text.change((after.get().value() - before.get().value()) / Math.abs(before.get().value()));
  }

  /** The metric of the curves, the factorial design and the conclusions: LPIPS where it was measured. */
  Optional<Metric> diversity() {
    List<Metric> candidates = results.metrics().stream()
        .filter(m -> m.role() == Role.DIVERSITY && !m.smallerIsMore()
        && results.values().stream().anyMatch(v -> v.metric().equals(m.profile()) && v.prompt().isPresent()))
        .toList();
    return candidates.stream().filter(m -> m.profile().startsWith("lpips")).findFirst().or(() -> candidates.stream().findFirst());
  }

  /** The metric of quality beside it: CLIP-IQA where it was measured. */
  Optional<Metric> quality() {
    List<Metric> candidates = results.metrics().stream().filter(m -> m.role() == Role.QUALITY).toList();
    return candidates.stream().filter(m -> m.profile().startsWith("clip-iqa")).findFirst().or(() -> candidates.stream().findFirst());
  }

  /** Baseline, subset, argmax, paraphrase, as far as they were run. */
  List<Condition> probes() {
    return Stream.of(Factors.NONE, SUBSET, ARGMAX, PARAPHRASE).flatMap(f -> results.condition(f).stream()).toList();
  }

  /** What an ablation compares: the baseline, its own conditions, and the probe that it varies unless one of them repeats its setting. */
  List<Condition> ablation(Kind kind, Factors probe, String setting) {
    List<Condition> own = results.conditions(kind);
    if (own.isEmpty()) {
      return own;
    }
    List<Condition> all = new ArrayList<>(results.baseline().stream().toList());
    results.condition(probe)
        .filter(p -> p.settings().containsKey(setting)
        && own.stream().noneMatch(c -> c.settings().get(setting).equals(p.settings().get(setting))))
        .ifPresent(all::add);
    all.addAll(own);
    return all;
  }

  /** The share of the codes that a condition allows. */
  static Optional<Double> ratio(Condition condition) {
    return Optional.ofNullable(condition.settings().get(Condition.RATIO)).flatMap(r -> {
      try {
        return Optional.of(Double.valueOf(r));
      } catch (NumberFormatException e) {
        return Optional.empty();
      }
    });
  }

  /** A condition's label as it begins a line. */
  static String label(Condition condition) {
    return Text.sentence(condition.label());
  }

  /** Colour and mark of a condition: the same one in all figures. */
  int style(Condition condition) {
    return switch (condition.kind()) {
      case BASELINE -> 0;
      case FACTORIAL -> condition.factors().count() > 1 ? 6 : style(condition.factors());
      case SUBSET_RATIO, SUBSET_RULE -> 1;
      case ARGMAX_TIMING -> 2;
      case PARAPHRASE_LENGTH -> 3;
      case ENHANCEMENT -> 4;
      case FROZEN_PATH -> 5;
      case FROZEN_DRAW -> 7;
    };
  }

  private static int style(Factors single) {
    return single.subset() ? 1 : single.argmax() ? 2 : 3;
  }

  /** Colour and mark of a model. */
  int style(Model model) {
    return 1 + results.models().indexOf(model) % 7;
  }

  /** Axis label of a metric: its profile, and which way is more where that is not up. */
  static String unit(Metric metric) {
    return metric.profile() + (metric.smallerIsMore() ? ", smaller is " + (metric.role() == Role.DIVERSITY ? "more diverse" : "better")
        : "");
  }

  /** Whether the design leaves sampling out: argmax gives an autoregressive model one image only, so the paper analyses two factors. */
  static boolean twoFactors(Model model) {
    return model.paradigm() == Paradigm.AUTOREGRESSIVE;
  }

  /**
   * The cell of the full design: bit 0 for stochastic, bit 1 for paraphrased, bit 2 for the full codebook.
   */
  static Factors cell(int bits) {
    return new Factors((bits & 4) == 0, (bits & 1) == 0, (bits & 2) != 0);
  }

  /** All three factors, or the two without sampling; empty when a cell was not run. */
  Optional<Factorial> factorial(Model model, Metric metric, boolean sampling) {
    List<Factors> cells = IntStream.range(0, 8).filter(c -> sampling || (c & 1) == 1).mapToObj(Analysis::cell).toList();
    List<Map<String, Double>> values = cells.stream()
        .map(f -> results.condition(f).map(c -> byPrompt(model, c, metric)).orElse(Map.of())).toList();
    List<String> prompts = values.getFirst().keySet().stream().filter(p -> values.stream().allMatch(v -> v.containsKey(p))).toList();
    if (prompts.isEmpty()) {
      return Optional.empty();
    }
    double[][] numbers = values.stream().map(v -> prompts.stream().mapToDouble(v::get).toArray()).toArray(double[][]::new);
    return Optional.of(Factorial.of(sampling ? List.of("sampling", "prompt", "codebook") : List.of("prompt", "codebook"), numbers,
        bootstrap));
  }

  /** What the cells of the design are called that a model lacks values for. */
  String missingCells(Model model, Metric metric, boolean sampling) {
    return String.join(", ", IntStream.range(0, 8).filter(c -> sampling || (c & 1) == 1).mapToObj(Analysis::cell)
        .filter(f -> results.condition(f).flatMap(c -> estimate(model, c, metric)).isEmpty())
        .map(Analysis::name).toList());
  }

  static String name(Factors factors) {
    List<String> names = new ArrayList<>();
    if (factors.subset()) {
      names.add("subset");
    }
    if (factors.argmax()) {
      names.add("argmax");
    }
    if (factors.paraphrase()) {
      names.add("paraphrase");
    }
    return names.isEmpty() ? "baseline" : String.join(" + ", names);
  }

  Optional<Conclusion> conclusion(Model model) {
    if (diversity().isEmpty() || probes().size() < 4) {
      return Optional.empty();
    }
    List<Map<String, Double>> v = probes().stream().map(c -> byPrompt(model, c, diversity().get())).toList();
    boolean common = v.getFirst().keySet().stream().anyMatch(p -> v.stream().allMatch(m -> m.containsKey(p)));
    return common ? Optional.of(Conclusion.of(v.get(0), v.get(1), v.get(2), v.get(3), bootstrap)) : Optional.empty();
  }

  /**
   * One estimator of an entropy.
   *
   * @param image bits an image, over prompts
   * @param token bits a token
   */
  record Bits(Estimate image, double token, Standing standing, String estimator) {
    String bound() {
      return switch (standing) {
        case EXACT, UNBIASED -> "";
        case LOWER_BOUND -> "at least ";
        case UPPER_BOUND -> "at most ";
      };
    }
  }

  /** Every estimator of an entropy, the one to show first: exact before unbiased before what is certainly there before what is at most. */
  List<Bits> bits(Model model, Condition condition, Quantity quantity) {
    Map<List<Object>, List<Total>> estimators = results.totals().stream()
        .filter(t -> t.model().equals(model.name()) && t.condition().equals(condition.name()) && t.quantity() == quantity)
        .collect(Collectors.groupingBy(t -> List.of(t.standing(), t.estimator()), LinkedHashMap::new, Collectors.toList()));
    return estimators.values().stream().map(totals -> {
      Total first = totals.getFirst();
      Estimate image = bootstrap.mean(totals.stream().mapToDouble(t -> t.nats() / BIT).toArray());
      return new Bits(image, image.value() / first.tokens(), first.standing(), first.estimator());
    }).sorted(Comparator.comparing(b -> List.of(Standing.EXACT, Standing.UNBIASED, Standing.LOWER_BOUND, Standing.UPPER_BOUND)
        .indexOf(b.standing))).toList();
  }
}

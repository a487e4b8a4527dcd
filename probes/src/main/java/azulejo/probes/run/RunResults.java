package azulejo.probes.run;

import azulejo.probes.Results;
import azulejo.probes.Results.Curve;
import azulejo.probes.Results.Missing;
import azulejo.probes.Results.Paradigm;
import azulejo.probes.Results.Point;
import azulejo.probes.Results.Sample;
import azulejo.probes.Results.Total;
import azulejo.probes.Results.Usage;
import azulejo.probes.Results.Value;
import azulejo.probes.experiment.Cell;
import azulejo.probes.experiment.Condition;
import azulejo.probes.experiment.Experiment;
import azulejo.probes.experiment.Model;
import azulejo.probes.run.Store.CurveRow;
import azulejo.probes.run.Store.ImageRow;
import azulejo.probes.run.Store.Key;
import azulejo.probes.run.Store.ModelRow;
import azulejo.probes.run.Store.Scope;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A run's store as {@link Results}, finished or not. */
public final class RunResults {
  private final RunFolder run;
  private final Experiment experiment;
  private final Store store;
  private final Map<Key, ImageRow> images;
  private final Map<String, ModelRow> rows;

  private RunResults(RunFolder run) {
    this.run = run;
    this.experiment = run.experiment();
    this.store = run.store();
    this.images = store.images();
    this.rows = store.models().stream().collect(Collectors.toMap(ModelRow::name, Function.identity()));
  }

  /** What {@code run} holds by now. */
  public static Results of(RunFolder run) {
    return new RunResults(run).results();
  }

  private Results results() {
    List<Model> models = experiment.models().stream().filter(model -> rows.containsKey(model.name())).toList();
    Set<Scope> complete = complete();
    Map<String, Integer> tokens = new HashMap<>();
    images.values().forEach(image -> tokens.put(image.key().model(), image.gridHeight() * image.gridWidth()));
    List<Total> totals = store.totals().stream()
        .filter(total -> complete.contains(total.scope()))
        .map(total -> new Total(total.scope().model(), total.scope().condition(), total.scope().prompt(), total.quantity(), total.nats(),
            tokens.get(total.scope().model()), total.estimator(), total.standing()))
        .toList();
    List<Value> values = store.values().stream()
        .filter(value -> complete.contains(new Scope(value.model(), value.condition(), value.prompt().orElse(""))))
        .toList();
    return new Results(experiment.title().isEmpty() ? "Run " + run.path().toAbsolutePath().normalize().getFileName() : experiment.title(),
        models.stream().map(this::model).toList(),
        experiment.conditions().stream().map(RunResults::condition).toList(),
        experiment.prompts().stream().map(prompt -> new Results.Prompt(prompt.id(), prompt.text())).toList(),
        metrics(), values, curves(), totals, usage(models), samples(), missing(), run.json(), environment(), notes());
  }

  /** What all images are there of. */
  private Set<Scope> complete() {
    Set<Scope> complete = new LinkedHashSet<>(Executor.scopes(experiment));
    for (Cell cell : experiment.cells()) {
      if (!images.containsKey(Key.of(cell))) {
        complete.remove(new Scope(cell.model().name(), cell.condition().name(), cell.prompt().id()));
        complete.remove(new Scope(cell.model().name(), cell.condition().name(), ""));
      }
    }
    return complete;
  }

  private Results.Model model(Model model) {
    ModelRow row = rows.get(model.name());
    return new Results.Model(model.name(), row.family(), paradigm(row.family()), row.description());
  }

  private static Paradigm paradigm(String family) {
    return switch (family) {
      case "llamagen", "janus-pro" -> Paradigm.AUTOREGRESSIVE;
      case "amused", "show-o" -> Paradigm.MASKED;
      case "vqdiffusion" -> Paradigm.DIFFUSION;
      default -> throw new IllegalArgumentException("unknown family " + family);
    };
  }

  private static Results.Condition condition(Condition condition) {
    return new Results.Condition(condition.name(), condition.label(), condition.kind(), condition.factors(), condition.settings());
  }

  /** Diversity first, each kind in the order of the configuration. */
  private List<Results.Metric> metrics() {
    List<String> order = experiment.measures().names();
    return store.metrics().stream()
        .sorted(Comparator.comparing(Results.Metric::role).thenComparing(metric -> order.indexOf(metric.profile().replaceFirst("@.*", ""))))
        .toList();
  }

  /** Each curve's mean and deviation over a condition's images. */
  private List<Curve> curves() {
    record Name(String model, String condition, String quantity, String unit) {}
    Map<Name, List<double[]>> curves = new LinkedHashMap<>();
    for (CurveRow row : store.curves()) {
      curves.computeIfAbsent(new Name(row.model(), row.condition(), row.quantity(), row.unit()), _ -> new ArrayList<>()).add(row.steps());
    }
    List<Curve> result = new ArrayList<>();
    curves.forEach((name, rows) -> {
      List<Point> points = points(rows);
      if (!points.isEmpty()) {
        result.add(new Curve(name.model, name.condition, name.quantity, name.unit, points));
      }
    });
    return result;
  }

  private static List<Point> points(List<double[]> curves) {
    int steps = curves.getFirst().length;
    List<Point> points = new ArrayList<>();
    for (int step = 0; step < steps; step++) {
      long n = 0;
      double sum = 0;
      double squares = 0;
      for (double[] curve : curves) {
        if (!Double.isNaN(curve[step])) {
          n++;
          double delta = curve[step] - sum;
          sum += delta / n; // Welford's running mean
          squares += delta * (curve[step] - sum);
        }
      }
      if (n > 0) {
        points.add(new Point((step + 1.0) / steps, sum, n > 1 ? Math.sqrt(squares / (n - 1)) : 0, n));
      }
    }
    return points;
  }

  private List<Usage> usage(List<Model> models) {
    List<Usage> usage = new ArrayList<>();
    for (Model model : models) {
      for (Condition condition : experiment.conditions(model)) {
        long[] counts = new long[rows.get(model.name()).codes()];
        List<ImageRow> made = store.images(new Scope(model.name(), condition.name(), ""));
        for (ImageRow image : made) {
          for (int token : image.tokens()) {
            counts[token]++;
          }
        }
        if (!made.isEmpty()) {
          usage.add(new Usage(model.name(), condition.name(), counts));
        }
      }
    }
    return usage;
  }

  private List<Sample> samples() {
    List<Sample> samples = new ArrayList<>();
    for (Cell cell : experiment.cells()) {
      ImageRow row = images.get(Key.of(cell));
      if (row != null) {
        samples.add(new Sample(cell.model().name(), cell.condition().name(), cell.prompt().id(), cell.index(), run.path().resolve(row.file())));
      }
    }
    return samples;
  }

  private List<Missing> missing() {
    Map<List<String>, Integer> missing = new LinkedHashMap<>();
    for (Cell cell : experiment.cells()) {
      if (!images.containsKey(Key.of(cell))) {
        missing.merge(List.of(cell.model().name(), cell.condition().name()), 1, Integer::sum);
      }
    }
    return missing.entrySet().stream().map(e -> new Missing(e.getKey().getFirst(), e.getKey().getLast(), e.getValue())).toList();
  }

  /** That of the last session, and the checkpoints. */
  private Map<String, String> environment() {
    Map<String, String> environment = new LinkedHashMap<>();
    List<String> sessions = store.sessions();
    if (!sessions.isEmpty()) {
      JsonMapper.shared().readTree(sessions.getLast()).properties().forEach(entry -> environment.put(entry.getKey(), entry.getValue().asString()));
    }
    JsonNode files = JsonMapper.shared().readTree(run.json()).path("files");
    files.properties().forEach(entry -> environment.put("SHA-256 of " + entry.getKey(), Hash.of(entry.getValue().toString())));
    return environment;
  }

  private List<String> notes() {
    List<String> notes = new ArrayList<>();
    long environments = store.sessions().stream().distinct().count();
    if (environments > 1) {
      notes.add("The run was made in " + environments + " different environments, of which the last is shown.");
    }
    int prompts = experiment.prompts().size();
    if (prompts < 30) {
      notes.add("The intervals are over " + prompts + " prompts only, so they are rough.");
    }
    return notes;
  }
}

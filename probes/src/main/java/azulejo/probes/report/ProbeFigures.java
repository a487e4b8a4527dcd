package azulejo.probes.report;

import azulejo.probes.Results.Condition;
import azulejo.probes.Results.Factors;
import azulejo.probes.Results.Kind;
import azulejo.probes.Results.Metric;
import azulejo.probes.Results.Model;
import azulejo.probes.Results.Role;
import azulejo.probes.stats.Estimate;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/** Figures 2 to 6: what each probe does to diversity and quality, and the ablations. */
final class ProbeFigures {
  private static final List<String> COLUMNS = List.of("model", "condition", "metric", "prompts", "mean", "low", "high");

  private final Analysis analysis;

  ProbeFigures(Analysis analysis) {
    this.analysis = analysis;
  }

  List<Figure> all() {
    return List.of(
        probes("figure-2", "Figure 2. Diversity under the three probes", Role.DIVERSITY,
            "Each bar is the mean over prompts of a prompt's own diversity, with its 95% interval; beside it the change from the baseline,"
                + " in bold where the interval of the prompt-by-prompt difference leaves out zero. A bar that shrinks under argmax was"
                + " execution diversity, one that shrinks under the subset needed the whole codebook, one that grows with paraphrases"
                + " listens to the wording."),
        probes("figure-3", "Figure 3. Quality under the three probes", Role.QUALITY,
            "Quality beside diversity: a probe that destroys the pictures also makes them differ, so a gain in diversity counts only where"
                + " these bars hold. Metrics of a whole set, such as FID, have no interval over prompts."),
        ratios(),
        ablation("figure-5a", "Figure 5a. Argmax early, in the middle, or late", Kind.ARGMAX_TIMING, Analysis.ARGMAX, Condition.WINDOW,
            "Argmax in one third of the schedule only: the third whose bar shrinks most is where the model decides what will differ."),
        ablation("figure-5b", "Figure 5b. Paraphrases by length", Kind.PARAPHRASE_LENGTH, Analysis.PARAPHRASE, Condition.LENGTH,
            "Sets of the same size from short, medium, long or mixed paraphrases: the longer the bar, the more this kind of rewording"
                + " spreads the pictures."),
        ablation("figure-5c", "Figure 5c. Which codes are removed", Kind.SUBSET_RULE, Analysis.SUBSET, Condition.RULE,
            "The same number of codes removed from the rare end, from the frequent end, or at random: removing frequent codes pushes a"
                + " model off its habits."),
        enhancement(),
        frozen());
  }

  private Figure probes(String file, String title, Role role, String reading) {
    List<Condition> conditions = analysis.probes();
    List<String> panels = new ArrayList<>();
    List<List<Object>> rows = new ArrayList<>();
    for (Model model : analysis.results().models()) {
      List<String> group = new ArrayList<>();
      for (Metric metric : analysis.results().metrics()) {
        if (metric.role() == role) {
          bars(model, metric, conditions, metric.label(), rows).ifPresent(group::add);
        }
      }
      if (!group.isEmpty()) {
        panels.add(Figure.group(model.name(), group));
      }
    }
    List<String> absent = new ArrayList<>(Stream.of(Factors.NONE, Analysis.SUBSET, Analysis.ARGMAX, Analysis.PARAPHRASE)
        .filter(f -> conditions.stream().noneMatch(c -> c.factors().equals(f)))
        .map(f -> "Not shown: " + Analysis.name(f) + ", which this run has no condition for.").toList());
    if (panels.isEmpty()) {
      absent.add("Not drawn: it needs a " + (role == Role.DIVERSITY ? "diversity" : "quality") + " metric of the baseline or of a probe.");
    }
    return new Figure(file, title, reading, panels, new Table(COLUMNS, rows), absent);
  }

  /** Bars of one metric, when at least one of the conditions has it. */
  private Optional<String> bars(Model model, Metric metric, List<Condition> conditions, String title, List<List<Object>> rows) {
    List<BarChart.Bar> bars = new ArrayList<>();
    for (Condition c : conditions) {
      analysis.estimate(model, c, metric).ifPresent(e -> {
        bars.add(new BarChart.Bar(Analysis.label(c), analysis.style(c), e, analysis.change(model, c, metric),
            analysis.comparison(model, c, metric).map(d -> d.difference().excludesZero()).orElse(false)));
        rows.add(row(model, c, metric, e));
      });
    }
    return bars.isEmpty() ? Optional.empty() : Optional.of(BarChart.draw(title, Analysis.unit(metric), bars));
  }

  private static List<Object> row(Model model, Condition condition, Metric metric, Estimate e) {
    return List.of(model.name(), condition.name(), metric.profile(), e.n(), e.value(), e.low(), e.high());
  }

  private List<Metric> trade() {
    return Stream.concat(analysis.diversity().stream(), analysis.quality().stream()).toList();
  }

  private Figure ratios() {
    String title = "Figure 4. Diversity and quality against the share of codes that stay";
    List<Condition> conditions = Stream.concat(
        analysis.results().conditions(Kind.SUBSET_RATIO).stream(),
        analysis.results().condition(Analysis.SUBSET).stream()).filter(c -> Analysis.ratio(c).isPresent()).toList();
    if (analysis.results().conditions(Kind.SUBSET_RATIO).isEmpty()) {
      return Figure.absent("figure-4", title, "Not drawn: it needs conditions with codebook subsets of several sizes (kind subset-ratio).");
    }
    List<String> panels = new ArrayList<>();
    List<List<Object>> rows = new ArrayList<>();
    for (Metric metric : trade()) {
      List<Series> series = new ArrayList<>();
      for (Model model : analysis.results().models()) {
        List<Series.Point> points = curve(model, metric, conditions, rows);
        analysis.results().baseline().filter(_ -> points.stream().noneMatch(p -> p.x() == 1))
            .ifPresent(b -> analysis.estimate(model, b, metric).ifPresent(e -> {
          points.add(new Series.Point(1, e));
          rows.add(ratioRow(model, b, metric, 1, e));
        }));
        if (!points.isEmpty()) {
          series.add(new Series(model.name(), analysis.style(model), points));
        }
      }
      if (!series.isEmpty()) {
        panels.add(LineChart.draw(metric.label(), "share of the codes that stay allowed", Analysis.unit(metric), false,
            List.of(new LineChart.Frame("", series, List.of()))));
      }
    }
    return new Figure("figure-4", title,
        "From right to left the rarest codes are taken away; at 1 stands the baseline. A steep curve is a model that uses its whole"
            + " codebook, a flat one works with few codes. Where quality falls as well, the subset has damaged the model and its diversity"
            + " means little.",
        panels, new Table(List.of("model", "condition", "metric", "ratio", "prompts", "mean", "low", "high"), rows), List.of());
  }

  /** A condition's value against its ratio, ascending; one point a ratio. */
  private List<Series.Point> curve(Model model, Metric metric, List<Condition> conditions, List<List<Object>> rows) {
    List<Series.Point> points = new ArrayList<>();
    for (Condition c : conditions.stream()
        .sorted((a, b) -> Double.compare(Analysis.ratio(a).orElseThrow(), Analysis.ratio(b).orElseThrow())).toList()) {
      double ratio = Analysis.ratio(c).orElseThrow();
      analysis.estimate(model, c, metric).filter(_ -> points.stream().noneMatch(p -> p.x() == ratio)).ifPresent(e -> {
        points.add(new Series.Point(ratio, e));
        rows.add(ratioRow(model, c, metric, ratio, e));
      });
    }
    return points;
  }

  private static List<Object> ratioRow(Model model, Condition condition, Metric metric, double ratio, Estimate e) {
    return List.of(model.name(), condition.name(), metric.profile(), ratio, e.n(), e.value(), e.low(), e.high());
  }

  private Figure ablation(String file, String title, Kind kind, Factors probe, String setting, String reading) {
    List<Condition> conditions = analysis.ablation(kind, probe, setting);
    if (conditions.isEmpty() || analysis.diversity().isEmpty()) {
      return Figure.absent(file, title, "Not drawn: it needs "
          + (conditions.isEmpty() ? "conditions of the kind " + kind.name().toLowerCase(Locale.ROOT).replace('_', '-')
          : "a diversity metric of each prompt") + ".");
    }
    List<String> panels = new ArrayList<>();
    List<List<Object>> rows = new ArrayList<>();
    analysis.results().models().forEach(m -> bars(m, analysis.diversity().get(), conditions, m.name(), rows).ifPresent(panels::add));
    return new Figure(file, title, reading, panels, new Table(COLUMNS, rows), List.of());
  }

  /** Beyond the paper: a direct look at the two parts of diversity. */
  private Figure frozen() {
    String title = "One stream of chance frozen";
    List<Condition> frozen = Stream.concat(analysis.results().conditions(Kind.FROZEN_PATH).stream(),
        analysis.results().conditions(Kind.FROZEN_DRAW).stream()).toList();
    if (frozen.isEmpty() || analysis.diversity().isEmpty()) {
      return Figure.absent("frozen", title, "Not drawn: it needs conditions of the kinds frozen-path or frozen-draw.");
    }
    List<String> panels = new ArrayList<>();
    List<List<Object>> rows = new ArrayList<>();
    for (Model model : analysis.results().models()) {
      List<Condition> run = frozen.stream().filter(c -> analysis.estimate(model, c, analysis.diversity().get()).isPresent()).toList();
      if (!run.isEmpty()) {
        bars(model, analysis.diversity().get(), Stream.concat(analysis.results().baseline().stream(), run.stream()).toList(), model.name(),
            rows).ifPresent(panels::add);
      }
    }
    return new Figure("frozen", title,
        "Beyond the paper. All images of a set share the path and differ in their draws alone, or the other way round: what is left beside"
            + " the frozen path is execution diversity, what is left beside the frozen draw is path diversity.",
        panels, new Table(COLUMNS, rows), panels.isEmpty() ? List.of("Not drawn: no set of a frozen condition is complete.") : List.of());
  }

  private Figure enhancement() {
    String title = "Figure 6. More diversity without training: mixed paraphrases without the most frequent codes";
    List<Condition> conditions = analysis.results().conditions(Kind.ENHANCEMENT).stream().filter(c -> Analysis.ratio(c).isPresent())
        .toList();
    if (conditions.isEmpty()) {
      return Figure.absent("figure-6", title, "Not drawn: it needs a condition of the kind enhancement.");
    }
    List<Condition> baseline = analysis.results().baseline().stream().toList();
    List<String> panels = new ArrayList<>();
    List<List<Object>> rows = new ArrayList<>();
    for (Model model : analysis.results().models()) {
      List<String> group = new ArrayList<>();
      for (Metric metric : trade()) {
        if (conditions.size() == 1) {
          bars(model, metric, Stream.concat(baseline.stream(), conditions.stream()).toList(), metric.label(), new ArrayList<>())
              .ifPresent(group::add);
        }
        List<Series.Point> points = curve(model, metric, conditions, rows);
        List<Series> series = new ArrayList<>();
        for (Condition b : baseline) {
          analysis.estimate(model, b, metric).filter(_ -> !points.isEmpty()).ifPresent(e -> {
            series.add(Series.level("Baseline", 0, e));
            rows.add(ratioRow(model, b, metric, 1, e));
          });
        }
        if (points.size() > 1) {
          series.add(new Series("Mixed paraphrases, frequent codes dropped", 4, points));
          group.add(LineChart.draw(metric.label(), "share of the codes that stay allowed", Analysis.unit(metric), false,
              List.of(new LineChart.Frame("", series, List.of()))));
        }
      }
      if (!group.isEmpty()) {
        panels.add(Figure.group(model.name(), group));
      }
    }
    return new Figure("figure-6", title, "What the strategy promises is more diversity than the baseline has, at no less quality.",
        panels, new Table(List.of("model", "condition", "metric", "ratio", "prompts", "mean", "low", "high"), rows), List.of());
  }
}

package azulejo.probes.report;

import azulejo.probes.Results.Condition;
import azulejo.probes.Results.Factors;
import azulejo.probes.Results.Metric;
import azulejo.probes.Results.Model;
import azulejo.probes.stats.Estimate;
import azulejo.probes.stats.Factorial;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/** Figures 8 to 13: the 2 x 2 x 2 design of sampling, prompt and codebook. */
final class FactorialFigures {
  private static final List<String> STEPS = List.of("stochastic", "paraphrased", "full codebook");
  /** Of the steps: the probes' colours. */
  private static final int[] STYLES = {2, 3, 1};
  private static final String[] SAMPLING = {"argmax", "stochastic"};
  private static final String[] PROMPT = {"original", "paraphrased"};
  private static final String[] CODEBOOK = {"subset", "full"};

  private final Analysis analysis;

  FactorialFigures(Analysis analysis) {
    this.analysis = analysis;
  }

  List<Figure> all() {
    return List.of(waterfalls(), profiles(), effects());
  }

  /** In the order of the paper's figures. */
  private List<Model> models() {
    return analysis.results().models().stream()
        .sorted(Comparator.comparingInt(m -> Paper.waterfall(m.family()).map(Paper.Waterfall::figure).orElse(99))).toList();
  }

  private Figure waterfalls() {
    List<String> panels = new ArrayList<>();
    List<List<Object>> rows = new ArrayList<>();
    Map<String, List<String>> absent = new LinkedHashMap<>();
    for (Model model : models()) {
      boolean sampling = !Analysis.twoFactors(model);
      Optional<Factorial> factorial = analysis.diversity().flatMap(m -> analysis.factorial(model, m, sampling));
      if (factorial.isEmpty()) {
        absent.computeIfAbsent(need(model, sampling), _ -> new ArrayList<>()).add(model.name());
        continue;
      }
      Factorial.Waterfall w = factorial.get().waterfall();
      Optional<Paper.Waterfall> paper = Paper.waterfall(model.family())
          .filter(_ -> analysis.diversity().get().profile().startsWith("lpips"));
      int skipped = sampling ? 0 : 1;
      List<WaterfallChart.Step> steps = IntStream.range(0, w.steps().size())
          .mapToObj(i -> new WaterfallChart.Step(STEPS.get(i + skipped), STYLES[i + skipped], w.steps().get(i))).toList();
      panels.add("<div class=\"column\">"
          + WaterfallChart.draw(paper.map(p -> "Figure " + p.figure() + ". ").orElse("") + model.name() + ", this run",
          Analysis.unit(analysis.diversity().get()),
          w.start(), steps, w.additive(), w.actual(), w.gap()) + paper.map(p -> drawn(p, steps)).orElse("") + "</div>");
      List<Double> published = paper.filter(Paper.Waterfall::hasSteps).map(Paper.Waterfall::steps).orElse(List.of());
      rows.add(row(model, "constrained", w.start(), paper.map(Paper.Waterfall::start)));
      for (int i = 0; i < steps.size(); i++) {
        rows.add(row(model, "+ " + steps.get(i).label(), w.steps().get(i), published.isEmpty() ? Optional.empty()
            : Optional.of(published.get(i))));
      }
      rows.add(row(model, "additive prediction", w.additive(), paper.map(Paper.Waterfall::additive)));
      rows.add(row(model, "actual", w.actual(), paper.map(Paper.Waterfall::actual)));
      rows.add(row(model, "synergy gap", w.gap(), paper.map(Paper.Waterfall::gap)));
    }
    return new Figure("figures-8-to-10", "Figures 8 to 10. Do the probes add up?",
        "From the cell where everything is constrained (argmax, original prompt, codebook subset), main effect by main effect, to what"
            + " they predict together, and what the free cell really has. Main effects are averaged over the other factors, as in the"
            + " paper: the gap is then the three-way interaction alone, and in the two-factor design of autoregressive models it is zero"
            + " by algebra, whatever the data; Figures 11 to 13 and the table of effects show the two-way interactions. The paper's"
            + " numbers are of the published full-size model on its own prompts; compare signs and proportions, not levels.",
        panels, new Table(List.of("model", "quantity", "prompts", "ours", "low", "high", "paper (full-size published model)"), rows),
            sentences(absent));
  }

  private static String drawn(Paper.Waterfall p, List<WaterfallChart.Step> ours) {
    String title = "Figure " + p.figure() + " of the paper: " + p.model() + ", full size";
    if (p.hasSteps()) {
      List<WaterfallChart.Step> steps = IntStream.range(0, p.steps().size())
          .mapToObj(i -> new WaterfallChart.Step(ours.get(i).label(), ours.get(i).style(), Paper.exactly(p.steps().get(i)))).toList();
      return "<div class=\"paper\">"
          + WaterfallChart.draw(title, "LPIPS, as published", Paper.exactly(p.start()), steps, Paper.exactly(p.additive()),
          Paper.exactly(p.actual()),
          Paper.exactly(p.gap())) + "</div>";
    }
    return "<div class=\"paper given\"><h4>" + Text.escape(title) + "</h4><p>The caption gives only the end: additive prediction "
        + Text.number(p.additive()) + ", actual "
        + Text.number(p.actual()) + ", synergy gap " + Text.signed(p.gap()) + " (LPIPS, as published).</p></div>";
  }

  private static List<Object> row(Model model, String quantity, Estimate ours, Optional<Double> paper) {
    return List.of(model.name(), quantity, ours.n(), ours.value(), ours.low(), ours.high(), paper.orElse(Double.NaN));
  }

  private String need(Model model, boolean sampling) {
    return analysis.diversity()
        .map(m -> "it needs complete sets of these cells of the design: " + analysis.missingCells(model, m, sampling) + ".")
        .orElse("it needs a diversity metric of each prompt.");
  }

  private static List<String> asAbove(List<String> models) {
    return models.isEmpty() ? List.of() : List.of("Not drawn for " + String.join(", ", models) + ": it needs what Figures 8 to 10 need.");
  }

  /** @param absent models by what they lack */
  private static List<String> sentences(Map<String, List<String>> absent) {
    return absent.entrySet().stream().map(e -> "Not drawn for " + String.join(", ", e.getValue()) + ": " + e.getKey()).toList();
  }

  private Figure profiles() {
    List<String> panels = new ArrayList<>();
    List<List<Object>> rows = new ArrayList<>();
    List<String> absent = new ArrayList<>();
    for (Model model : models()) {
      boolean sampling = !Analysis.twoFactors(model);
      if (analysis.diversity().flatMap(m -> analysis.factorial(model, m, sampling)).isEmpty()) {
        absent.add(model.name());
        continue;
      }
      Metric metric = analysis.diversity().get();
      String number = switch (model.family()) {
        case "amused" -> "Figure 11";
        case "vqdiffusion" -> "Figure 12";
        case "llamagen" -> "Figure 13";
        default -> "";
      };
      String unit = Analysis.unit(metric);
      String name = (number.isEmpty() ? "" : number + "|. ") + model.name();
      if (sampling) {
        panels.add(Figure.group("", List.of(
            LineChart.draw(name.replace("|", "a"), "prompt", unit, false, facets(model, metric, 0, 1, 2)),
            LineChart.draw(name.replace("|", "b"), "sampling", unit, false, facets(model, metric, 1, 0, 2)),
            LineChart.draw(name.replace("|", "c"), "sampling", unit, false, facets(model, metric, 2, 0, 1)))));
      } else {
        panels.add(LineChart.draw(name.replace("|", ""), "prompt (stochastic sampling)", unit, false,
            List.of(facets(model, metric, 0, 1, 2).getLast())));
      }
      for (int c = 0; c < 8; c++) {
        int bits = c;
        value(model, metric, c).ifPresent(e ->
            rows.add(List.of(model.name(), SAMPLING[bits & 1], PROMPT[bits >> 1 & 1], CODEBOOK[bits >> 2], e.n(), e.value(), e.low(),
                e.high())));
      }
    }
    return new Figure("figures-11-to-13", "Figures 11 to 13. Interaction profiles",
        "Parallel lines: the two factors act independently. Lines that cross or fan out: the effect of one depends on the other. Each line"
            + " joins the same setting of the factor in the legend.",
        panels, new Table(List.of("model", "sampling", "prompt", "codebook", "prompts", "mean", "low", "high"), rows), asAbove(absent));
  }

  private Optional<Estimate> value(Model model, Metric metric, int bits) {
    Factors factors = Analysis.cell(bits);
    Optional<Condition> condition = analysis.results().condition(factors);
    return condition.flatMap(c -> analysis.estimate(model, c, metric));
  }

  /** @param facet number of the factor that splits the frames; likewise the one on the axis and the one in the legend */
  private List<LineChart.Frame> facets(Model model, Metric metric, int facet, int axis, int legend) {
    String[][] names = {SAMPLING, PROMPT, CODEBOOK};
    List<LineChart.Frame> frames = new ArrayList<>();
    for (int f = 0; f < 2; f++) {
      List<Series> series = new ArrayList<>();
      for (int l = 0; l < 2; l++) {
        List<Series.Point> points = new ArrayList<>();
        for (int a = 0; a < 2; a++) {
          int x = a;
          value(model, metric, f << facet | l << legend | a << axis).ifPresent(e -> points.add(new Series.Point(x, e)));
        }
        // The two levels of a factor: its probe's colour for the constrained (or reworded) one, the neutral one for the plain.
        boolean probe = legend == 1 ? l == 1 : l == 0;
        series.add(new Series(names[legend][l] + (legend == 2 ? " codebook" : legend == 1 ? " prompt" : ""), probe ? STYLES[legend] : 0,
            points));
      }
      frames.add(new LineChart.Frame(names[facet][f] + (facet == 2 ? " codebook" : facet == 1 ? " prompt" : ""), series,
          List.of(names[axis])));
    }
    return frames;
  }

  private Figure effects() {
    String title = "Main effects and interactions";
    List<String> panels = new ArrayList<>();
    List<List<Object>> rows = new ArrayList<>();
    List<String> absent = new ArrayList<>();
    for (Model model : analysis.results().models()) {
      Optional<Factorial> factorial = analysis.diversity()
          .flatMap(m -> analysis.factorial(model, m, true).or(() -> analysis.factorial(model, m, false)));
      if (factorial.isEmpty()) {
        absent.add(model.name());
        continue;
      }
      Factorial f = factorial.get();
      panels.add(BarChart.draw(model.name(), "effect on " + analysis.diversity().get().profile(),
          f.effects().stream().map(e -> new BarChart.Bar(f.name(e), style(f, e), e.size(), e.size().excludesZero() ? "\u2260 0" : "",
              e.size().excludesZero())).toList()));
      f.effects().forEach(e -> rows.add(List.of(model.name(), f.name(e), e.size().n(), e.size().value(), e.size().low(), e.size().high())));
    }
    return new Figure("effects", title,
        "A main effect is what freeing one factor adds on average over the others: stochastic instead of argmax, paraphrased instead of"
            + " original, full codebook instead of the subset. An interaction of two is half of how much the effect of one grows when the"
            + " other is freed. \u2260 0 marks intervals that leave out zero.",
        panels, new Table(List.of("model", "effect", "prompts", "size", "low", "high"), rows), asAbove(absent));
  }

  private static int style(Factorial f, Factorial.Effect effect) {
    if (effect.order() > 1) {
      return 6;
    }
    return switch (f.name(effect)) {
      case "sampling" -> STYLES[0];
      case "prompt" -> STYLES[1];
      default -> STYLES[2];
    };
  }
}

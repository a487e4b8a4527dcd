package azulejo.probes.report;

import azulejo.probes.Results.Condition;
import azulejo.probes.Results.Curve;
import azulejo.probes.Results.Kind;
import azulejo.probes.Results.Model;
import azulejo.probes.Results.Point;
import azulejo.probes.Results.Quantity;
import azulejo.probes.Results.Standing;
import azulejo.probes.Results.Usage;
import azulejo.probes.report.Analysis.Bits;
import azulejo.probes.stats.CodeUsage;
import azulejo.probes.stats.Estimate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * What the entropy ledger adds to the paper: entropy over the schedule, the split into path and execution, and the use of the
 * codebook. Nats are shown as bits.
 */
final class LedgerFigures {
  /** Points of a curve over the codebook. */
  private static final int POINTS = 60;
  /** A schedule of more steps is drawn as means of neighbouring ones; a picture's tokens are many. */
  private static final int STEPS = 64;

  private final Analysis analysis;

  LedgerFigures(Analysis analysis) {
    this.analysis = analysis;
  }

  List<Figure> all() {
    return List.of(schedule(), split(), usage());
  }

  /** A stream that is frozen gives a whole set one choice, whose bits are not chance any more. */
  private static boolean isChance(Condition condition) {
    return condition.kind() != Kind.FROZEN_PATH && condition.kind() != Kind.FROZEN_DRAW;
  }

  private Figure schedule() {
    String title = "Entropy over the schedule";
    List<Curve> curves = analysis.results().curves();
    if (curves.isEmpty()) {
      return Figure.absent("schedule", title, "Not drawn: the run kept no ledger.");
    }
    List<String> panels = new ArrayList<>();
    List<String> baselines = new ArrayList<>();
    Map<String, String> quantities = new LinkedHashMap<>();
    curves.forEach(c -> quantities.putIfAbsent(c.quantity(), c.unit()));
    quantities.forEach((quantity, unit) -> {
      List<Series> models = new ArrayList<>();
      for (Model m : analysis.results().models()) {
        analysis.results().baseline().flatMap(b -> find(m, b, quantity)).ifPresent(c -> models.add(series(m.name(), analysis.style(m), c)));
      }
      if (models.stream().flatMap(s -> s.points().stream())
          .anyMatch(p -> p.y().value() != 1)) { // a share of 1 says that nothing was left out
        baselines.add(draw(Text.sentence(quantity), unit, models));
      }
    });
    if (!baselines.isEmpty()) {
      panels.add(Figure.group("All models, baseline", baselines));
    }
    for (Model m : analysis.results().models()) {
      List<String> group = new ArrayList<>();
      quantities.forEach((quantity, unit) -> {
        if (!quantity.startsWith("entropy") && unit.equals(Curve.NATS)) {
          return; // surprisals follow the entropies with more noise
        }
        List<Series> conditions = new ArrayList<>();
        for (Condition c : analysis.probes()) {
          find(m, c, quantity).ifPresent(curve -> conditions.add(series(Analysis.label(c), analysis.style(c), curve)));
        }
        if (conditions.size() > 1) {
          group.add(draw(Text.sentence(quantity), unit, conditions));
        }
      });
      if (!group.isEmpty()) {
        panels.add(Figure.group(m.name(), group));
      }
    }
    List<String> drawn = analysis.probes().stream().map(Condition::name).toList();
    List<List<Object>> rows = curves.stream().filter(c -> drawn.contains(c.condition())).flatMap(c -> c.points().stream().map(p -> {
      Estimate e = estimate(c, p);
      return List.<Object>of(c.model(), c.condition(), c.quantity(), unit(c.unit()), p.at(), p.n(), e.value(), e.low(), e.high());
    })).toList();
    return new Figure("schedule", title,
        "How uncertain the model is about an open position while the picture comes to be, from the first step on the left to the last on"
            + " the right. High at the start and low at the end: early draws decide, late ones fill in. The intervals are 95% normal ones"
            + " over images. Schedules of more than "
        + STEPS + " steps are drawn as means of neighbouring steps; the data has each.",
        panels, new Table(List.of("model", "condition", "quantity", "unit", "schedule", "images", "mean", "low", "high"), rows), List.of());
  }

  private static String draw(String title, String unit, List<Series> series) {
    return LineChart.draw(title, "share of the schedule that is done", unit(unit), true,
        List.of(new LineChart.Frame("", series, List.of())));
  }

  private static String unit(String unit) {
    return unit.equals(Curve.NATS) ? "bits" : unit.isEmpty() ? "share" : unit;
  }

  private Optional<Curve> find(Model model, Condition condition, String quantity) {
    return analysis.results().curves().stream()
        .filter(c -> c.model().equals(model.name()) && c.condition().equals(condition.name()) && c.quantity().equals(quantity)).findFirst();
  }

  private static Series series(String label, int style, Curve curve) {
    List<Point> points = curve.points();
    int bin = (points.size() + STEPS - 1) / STEPS;
    List<Series.Point> averages = new ArrayList<>();
    for (int from = 0; from < points.size(); from += bin) {
      List<Point> bins = points.subList(from, Math.min(from + bin, points.size()));
      averages.add(new Series.Point(mean(bins, Point::at), estimate(curve,
          new Point(0, mean(bins, Point::mean), mean(bins, Point::deviation), Math.round(mean(bins, Point::n))))));
    }
    return new Series(label, style, averages);
  }

  private static double mean(List<Point> points, ToDoubleFunction<Point> part) {
    return points.stream().mapToDouble(part).average().orElseThrow();
  }

  private static Estimate estimate(Curve curve, Point p) {
    double scale = curve.unit().equals(Curve.NATS) ? 1 / Analysis.BIT : 1;
    double half = p.n() > 1 ? 1.96 * p.deviation() / Math.sqrt(p.n()) : Double.NaN;
    return new Estimate(p.mean() * scale, Math.max(0, p.mean() - half) * scale, // entropies and shares are never negative
        (p.mean() + half) * scale, (int) Math.min(p.n(), Integer.MAX_VALUE));
  }

  private Figure split() {
    String title = "Path and execution, in bits";
    if (analysis.results().totals().isEmpty()) {
      return Figure.absent("path-and-execution", title, "Not drawn: the run kept no ledger.");
    }
    List<String> panels = new ArrayList<>();
    List<List<Object>> rows = new ArrayList<>();
    for (Model m : analysis.results().models()) {
      List<StackChart.Stack> stacks = new ArrayList<>();
      List<String> parts = new ArrayList<>();
      for (Condition c : analysis.probes()) {
        List<Bits> path = analysis.bits(m, c, Quantity.PATH);
        List<Bits> execution = analysis.bits(m, c, Quantity.EXECUTION);
        if (!path.isEmpty() && !execution.isEmpty()) {
          stacks.add(new StackChart.Stack(Analysis.label(c), path.getFirst().image().value(), execution.getFirst().image().value()));
          parts = List.of("path: " + path.getFirst().bound() + "H(P|X)", "execution: " + execution.getFirst().bound() + "H(Z|P,X)");
        }
      }
      if (!stacks.isEmpty()) {
        panels.add(StackChart.draw(m.name(), "bits an image", parts, List.of(5, 4), stacks));
      }
      for (Condition c : analysis.results().conditions().stream().filter(LedgerFigures::isChance).toList()) {
        for (Quantity q : Quantity.values()) {
          analysis.bits(m, c, q).forEach(b ->
              rows.add(List.of(m.name(), c.name(), q == Quantity.PATH ? "H(P|X)" : "H(Z|P,X)", b.image().n(), b.image().value(),
                  b.image().low(),
              b.image().high(), b.token(), name(b.standing()), b.estimator())));
        }
      }
    }
    return new Figure("path-and-execution", title,
        "How many bits of chance went into an image, by where they went: into which positions are settled when (path), or into which code"
            + " each gets (execution). Where neither is a bound, their sum bounds H(Z|X) from above, as paths that lead to the same image"
            + " count twice. The table has every estimator and what it is worth.",
        panels, new Table(List.of("model", "condition", "quantity", "prompts", "bits an image", "low", "high", "bits a token", "standing",
            "estimator"), rows), List.of());
  }

  private static String name(Standing standing) {
    return standing.name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  private Figure usage() {
    String title = "How the codebook is used";
    if (analysis.results().usage().isEmpty()) {
      return Figure.absent("codebook", title, "Not drawn: no tokens were counted.");
    }
    List<String> panels = new ArrayList<>();
    List<List<Object>> rows = new ArrayList<>();
    for (Model m : analysis.results().models()) {
      List<Series> series = new ArrayList<>();
      for (Condition c : analysis.probes()) {
        usage(m, c).ifPresent(u -> series.add(new Series(Analysis.label(c), analysis.style(c), concentration(u.counts()))));
      }
      if (!series.isEmpty()) {
        panels.add(LineChart.draw(m.name(), "number of codes, most frequent first", "share of all tokens", true,
            List.of(new LineChart.Frame("", series, List.of(), true))));
      }
      for (Condition c : analysis.results().conditions()) {
        usage(m, c).map(u -> CodeUsage.of(u.counts())).filter(u -> u.tokens() > 0).ifPresent(u -> rows.add(List.of(
            m.name(), c.name(), u.tokens(), u.used(), u.size(), u.coverage(), u.entropy() / Analysis.BIT, u.corrected() / Analysis.BIT,
                u.perplexity())));
      }
    }
    return new Figure("codebook", title,
        "The share of all tokens that the most frequent codes make up. A curve that is high on the left is a codebook collapsed onto few"
            + " codes; even use would stay low and rise at the right end. The axis is logarithmic. H(Z) is the entropy of these counts, in"
            + " bits, also with Miller and Madow's correction for codes not seen yet.",
        panels, new Table(List.of("model", "condition", "tokens", "codes used", "codes", "coverage", "H(Z)", "H(Z) corrected",
            "perplexity"), rows), List.of());
  }

  private Optional<Usage> usage(Model model, Condition condition) {
    return analysis.results().usage().stream().filter(u -> u.model().equals(model.name()) && u.condition().equals(condition.name()))
        .findFirst();
  }

  private static List<Series.Point> concentration(long[] counts) {
    long[] ascending = counts.clone();
    Arrays.sort(ascending);
    double all = Arrays.stream(ascending).sum();
    double[] sums = new double[ascending.length + 1];
    for (int i = 0; i < ascending.length; i++) {
      sums[i + 1] = sums[i] + ascending[ascending.length - 1 - i];
    }
    double doublings = Math.log(ascending.length) / Math.log(2);
    return all == 0 ? List.of() : IntStream.rangeClosed(0, POINTS).map(i -> (int) Math.round(Math.pow(2, doublings * i / POINTS)))
        .distinct()
        .mapToObj(codes -> new Series.Point(Math.log(codes) / Math.log(2), Estimate.withoutInterval(sums[codes] / all, 0))).toList();
  }
}

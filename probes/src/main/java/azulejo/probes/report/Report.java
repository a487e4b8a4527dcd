package azulejo.probes.report;

import azulejo.probes.Results;
import azulejo.probes.Results.Condition;
import azulejo.probes.Results.Metric;
import azulejo.probes.Results.Missing;
import azulejo.probes.Results.Model;
import azulejo.probes.Results.Quantity;
import azulejo.probes.report.Analysis.Bits;
import azulejo.probes.stats.Bootstrap;
import azulejo.probes.stats.Comparison;
import azulejo.probes.stats.Conclusion;
import azulejo.probes.stats.Estimate;
import azulejo.runtime.AtomicFile;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The paper's figures for a run, as one HTML file that needs nothing else: no script, no network, no font. Beside it lies a folder with
 * each figure's data as CSV.
 *
 * @param html the page
 * @param data the CSV files, by name
 */
public record Report(String html, Map<String, String> data) {

  public static Report of(Results results) {
    return of(results, Bootstrap.STANDARD);
  }

  public static Report of(Results results, Bootstrap bootstrap) {
    Analysis analysis = new Analysis(results, bootstrap);
    List<Section> sections = List.of(
        new Section("Probes", "", new ProbeFigures(analysis).all()),
        new Section("Samples", "", List.of(SampleGrid.of(analysis))),
        new Section("Factors", "", new FactorialFigures(analysis).all()),
        new Section("Ledger", "Every draw's distribution passed through the sampling kernel, which kept account of its entropy; these"
            + " figures go beyond the paper.",
            new LedgerFigures(analysis).all()),
        new Section("Numbers", "", List.of(values(analysis), differences(analysis))));
    Map<String, String> data = new LinkedHashMap<>();
    sections.stream().flatMap(s -> s.figures.stream()).filter(f -> !f.data().rows().isEmpty())
        .forEach(f -> data.put(f.file() + ".csv", f.data().csv()));
    return new Report(page(analysis, sections), data);
  }

  private record Section(String title, String introduction, List<Figure> figures) {
    String html() {
      return "<section id=\"" + title.toLowerCase(Locale.ROOT) + "\">\n<h2>" + title + "</h2>\n"
          + (introduction.isEmpty() ? "" : "<p>" + introduction + "</p>\n")
          + figures.stream().map(Figure::html).collect(Collectors.joining("\n")) + "</section>\n";
    }
  }

  /**
   * Writes the page, and its data into the folder {@code NAME-data} beside it.
   *
   * @return that folder
   * @throws azulejo.runtime.OutputException when one of them cannot be written
   */
  public Path write(Path file) {
    AtomicFile.write(file, html.getBytes(StandardCharsets.UTF_8));
    Path folder = file.resolveSibling(file.getFileName().toString().replaceFirst("\\.html?$", "") + "-data");
    AtomicFile.createFolder(folder);
    data.forEach((name, csv) -> AtomicFile.write(folder.resolve(name), csv.getBytes(StandardCharsets.UTF_8)));
    return folder;
  }

  private static String page(Analysis analysis, List<Section> sections) {
    Results results = analysis.results();
    String nav = sections.stream().map(s -> "<a href=\"#" + s.title.toLowerCase(Locale.ROOT) + "\">" + s.title + "</a>")
        .collect(Collectors.joining(" "));
    return """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
        <title>%s</title>
        <style>
        %s</style>
        </head>
        <body>
        <main>
        <header>
        <p class="kicker">Azulejo \u00b7 where diversity comes from</p>
        <h1>%s</h1>
        %s<nav>%s <a href="#method">Method</a> <a href="#configuration">Configuration</a></nav>
        </header>
        %s%s%s%s</main>
        </body>
        </html>
        """.formatted(Text.escape(results.title()), style(), Text.escape(results.title()), summary(results), nav, conclusions(analysis),
        sections.stream().map(Section::html).collect(Collectors.joining()), method(analysis), configuration(results));
  }

  private static String summary(Results results) {
    StringBuilder html = new StringBuilder("<p class=\"summary\">").append(count(results.models().size(), "model")).append(", ")
        .append(count(results.conditions().size(), "condition")).append(", ").append(count(results.prompts().size(), "prompt"))
        .append(".</p>\n<dl class=\"models\">");
    results.models().forEach(m -> html.append("<div><dt>").append(Text.escape(m.name())).append("</dt><dd>")
        .append(Text.escape(m.description())).append("</dd></div>"));
    html.append("</dl>\n");
    if (!results.missing().isEmpty()) {
      html.append("<div class=\"warning\"><p><strong>This run is not finished.</strong> ")
          .append(count(results.missing().stream().mapToInt(Missing::images).sum(), "image"))
          .append(" of ").append(count(results.missing().size(), "set"))
          .append(" are still to be made; the report shows what is complete.</p><details><summary>What is missing</summary><ul>");
      results.missing().forEach(m -> html.append("<li>")
          .append(Text.escape(m.model() + ", " + m.condition() + ": " + count(m.images(), "image"))).append("</li>"));
      html.append("</ul></details></div>\n");
    }
    if (!results.notes().isEmpty()) {
      html.append("<ul class=\"notes\">");
      results.notes().forEach(n -> html.append("<li>").append(Text.escape(n)).append("</li>"));
      html.append("</ul>\n");
    }
    return html.toString();
  }

  private static String count(int n, String what) {
    return n + " " + what + (n == 1 ? "" : "s");
  }

  private static String conclusions(Analysis analysis) {
    StringBuilder html = new StringBuilder("<section id=\"conclusions\">\n<h2>Conclusions</h2>\n<div class=\"cards\">\n");
    for (Model model : analysis.results().models()) {
      html.append("<article class=\"card\"><p class=\"model\">").append(Text.escape(model.name())).append("</p>");
      analysis.conclusion(model).ifPresentOrElse(c -> html.append(conclusion(analysis, c)),
          () -> html.append("<p class=\"verdict\">No conclusion</p><p>It needs a diversity metric of the baseline and of all three"
              + " probes: subset, argmax, paraphrase.</p>"));
      html.append(chance(analysis, model)).append("</article>\n");
    }
    return html.append("""
        </div>
        <p class="rule">The rule, after section 4.2 of the paper, on changes of diversity as shares of the baseline's.
        <em>Compression-prioritised</em>: argmax takes at least %1$s and the subset changes less than %2$s.
        <em>Diversity-prioritised</em>: argmax and the subset each take at least %2$s, argmax less than %1$s. <em>Decoupled</em>: argmax
        and paraphrases each change less than %2$s. Anything else, or agreement of fewer than %3$s of the bootstrap replicates:
        <em>undecided</em>.</p>
        </section>
        """.formatted(Text.percent(Conclusion.TOTAL), Text.percent(Conclusion.MINOR), Text.percent(Conclusion.AGREEMENT))).toString();
  }

  private static String conclusion(Analysis analysis, Conclusion c) {
    String shares = c.shares().entrySet().stream().filter(e -> e.getValue() > 0)
        .sorted(Map.Entry.<Conclusion.Strategy, Double>comparingByValue().reversed().thenComparing(Comparator.comparing(Map.Entry::getKey)))
        .map(e -> name(e.getKey()) + " " + Text.percent(e.getValue())).collect(Collectors.joining(", "));
    return "<p class=\"verdict\">" + Text.sentence(name(c.label())) + "</p><p class=\"shares\">Of " + analysis.bootstrap().replicates()
        + " bootstrap replicates: " + shares + "</p>"
        + "<table class=\"evidence\"><tbody>" + evidence("Argmax", c.argmax()) + evidence("Subset", c.subset())
        + evidence("Paraphrase", c.paraphrase()) + "</tbody></table>"
        + "<p class=\"shares\">Change of " + Text.escape(analysis.diversity().orElseThrow().profile()) + ", 95% intervals over "
        + count(c.argmax().n(), "prompt") + "</p>";
  }

  /** What the ledger has to say about the same question. */
  private static String chance(Analysis analysis, Model model) {
    Optional<Bits> path = analysis.results().baseline().flatMap(b -> analysis.bits(model, b, Quantity.PATH).stream().findFirst());
    Optional<Bits> execution = analysis.results().baseline().flatMap(b -> analysis.bits(model, b, Quantity.EXECUTION).stream().findFirst());
    return path.isEmpty() || execution.isEmpty() ? "" : "<p class=\"shares\">Ledger of the baseline, bits an image: path "
        + bits(path.get()) + ", execution " + bits(execution.get()) + "</p>";
  }

  private static String bits(Bits bits) {
    return bits.bound() + Text.number(bits.image().value());
  }

  private static String evidence(String probe, Estimate e) {
    return "<tr><th scope=\"row\">" + probe + "</th><td>" + Text.change(e.value()) + "</td><td>"
        + (e.hasInterval() ? "[" + Text.change(e.low()) + ", " + Text.change(e.high()) + "]" : "") + "</td></tr>";
  }

  private static String name(Conclusion.Strategy strategy) {
    return strategy.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static Figure values(Analysis analysis) {
    List<List<Object>> rows = new ArrayList<>();
    each(analysis, (model, condition, metric) -> analysis.estimate(model, condition, metric)
        .ifPresent(e -> rows.add(List.of(model.name(), condition.name(), metric.profile(), e.n(), e.value(), e.low(), e.high()))));
    return new Figure("values", "Every metric in every condition", "Means over prompts with 95% intervals.",
        analysis.results().models().stream().map(m -> matrix(analysis, m)).toList(),
        new Table(List.of("model", "condition", "metric", "prompts", "mean", "low", "high"), rows), rows.isEmpty()
            ? List.of("No metric has been computed yet.") : List.of());
  }

  /** A model's conditions by metrics. */
  private static String matrix(Analysis analysis, Model model) {
    List<Metric> metrics = analysis.results().metrics();
    List<String> columns = Stream.concat(Stream.of(model.name()), metrics.stream().map(Metric::profile)).toList();
    List<List<Object>> rows = new ArrayList<>();
    for (Condition c : analysis.results().conditions()) {
      List<String> cells = metrics.stream().map(m -> analysis.estimate(model, c, m).map(BarChart::interval).orElse("\u2013")).toList();
      if (metrics.stream().anyMatch(m -> analysis.estimate(model, c, m).isPresent())) {
        rows.add(Stream.concat(Stream.<Object>of(Analysis.label(c)), cells.stream()).toList());
      }
    }
    return "<div class=\"matrix\">" + new Table(columns, rows).html() + "</div>";
  }

  private static Figure differences(Analysis analysis) {
    List<List<Object>> rows = new ArrayList<>();
    each(analysis, (model, condition, metric) -> analysis.comparison(model, condition, metric)
        .ifPresent(c -> rows.add(row(model, condition, metric, c))));
    return new Figure("differences", "Every condition against the baseline", "", List.of(),
        new Table(List.of("model", "condition", "metric", "prompts", "difference", "low", "high", "relative", "relative low",
            "relative high", "d_z", "Hedges g"), rows),
        rows.isEmpty() ? List.of("No condition has prompts in common with the baseline yet.") : List.of());
  }

  private static List<Object> row(Model model, Condition condition, Metric metric, Comparison c) {
    return List.of(model.name(), condition.name(), metric.profile(), c.difference().n(), c.difference().value(), c.difference().low(),
        c.difference().high(), c.relative().value(),
        c.relative().low(), c.relative().high(), c.dz(), c.g());
  }

  private interface Visitor {
    void visit(Model model, Condition condition, Metric metric);
  }

  private static void each(Analysis analysis, Visitor visitor) {
    for (Model model : analysis.results().models()) {
      for (Condition condition : analysis.results().conditions()) {
        analysis.results().metrics().forEach(metric -> visitor.visit(model, condition, metric));
      }
    }
  }

  private static String method(Analysis analysis) {
    return """
        <section id="method">
        <h2>Method</h2>
        <p>Framework and figure numbers follow Wu, Zhao and Liu, <em>Deconstructing Generative Diversity: An Information Bottleneck
        Analysis of Discrete Latent Generative Models</em>, arXiv 2512.01831. A distance is averaged over all unique pairs of a prompt's
        set of images; the number of a condition is the mean over prompts. Conditions use the same prompts and seeds and sets of the same
        size, so they are compared prompt by prompt.</p>
        <p>Intervals hold 95%% and come from %d bootstrap resamples of prompts (seed %d): bias-corrected and accelerated (BCa), expanded
        for small samples by the quantile of Student's t (Hesterberg, 2015). Fewer than %d prompts give no interval. d_z is the mean of
        the paired differences by their standard deviation; Hedges' g corrects it for small samples. A metric's name is its exact profile;
        unlike profiles are not compared.</p>
        </section>
        """.formatted(analysis.bootstrap().replicates(), analysis.bootstrap().seed(), Bootstrap.FEWEST);
  }

  private static String configuration(Results results) {
    List<List<Object>> conditions = results.conditions().stream()
        .map(c -> List.<Object>of(c.name(), c.label(), c.kind().name().toLowerCase(Locale.ROOT).replace('_', '-'),
        c.settings().entrySet().stream().map(e -> e.getKey() + "=" + e.getValue()).collect(Collectors.joining(", ")))).toList();
    List<List<Object>> prompts = results.prompts().stream().map(p -> List.<Object>of(p.id(), p.text())).toList();
    List<List<Object>> environment = results.environment().entrySet().stream().map(e -> List.<Object>of(e.getKey(), e.getValue())).toList();
    return "<section id=\"configuration\">\n<h2>Configuration</h2>\n"
        + table("Conditions", List.of("condition", "label", "kind", "settings"), conditions)
        + table("Prompts", List.of("prompt", "text"), prompts) + table("Environment", List.of("what", "value"), environment)
        + "<details><summary>The exact configuration</summary>\n<pre tabindex=\"0\">" + Text.escape(results.configuration())
        + "</pre></details>\n</section>\n";
  }

  private static String table(String title, List<String> columns, List<List<Object>> rows) {
    return rows.isEmpty() ? "" : "<details><summary>" + title + "</summary>\n" + new Table(columns, rows).html() + "</details>\n";
  }

  private static String style() {
    try (InputStream css = Report.class.getResourceAsStream("report.css")) {
      return new String(css.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

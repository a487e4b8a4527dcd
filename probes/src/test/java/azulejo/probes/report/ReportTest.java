package azulejo.probes.report;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.probes.Results;
import azulejo.probes.Results.Condition;
import azulejo.probes.Results.Kind;
import azulejo.probes.Results.Metric;
import azulejo.probes.Results.Missing;
import azulejo.probes.Results.Model;
import azulejo.probes.Results.Paradigm;
import azulejo.probes.Results.Prompt;
import azulejo.probes.Results.Sample;
import azulejo.probes.Results.Value;
import azulejo.probes.SyntheticResults;
import azulejo.probes.stats.Bootstrap;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

class ReportTest {
  private static final Bootstrap FEW = new Bootstrap(200, 1);
  private static final Results RESULTS = SyntheticResults.paper();

  @TempDir
  Path dir;

  private final Report report = Report.of(RESULTS, FEW);

  @Test
  void showsEveryFigureOfThePaper() {
    for (String figure : List.of("figure-2", "figure-3", "figure-4", "figure-5a", "figure-5b", "figure-5c", "figure-6", "frozen",
        "figures-8-to-10", "figures-11-to-13", "schedule",
        "path-and-execution", "codebook")) {
      assertThat(section(report.html(), figure)).as(figure).contains("<svg").doesNotContain("Not drawn");
    }
    assertThat(section(Report.of(SyntheticResults.paper(dir), FEW).html(), "figure-7")).contains("<img").doesNotContain("Not drawn");
  }

  /** Browsers repair; an XML parser does not. */
  @Test
  void drawingsAreWellFormedAndSayWhatTheyShow() throws Exception {
    List<String> drawings = Pattern.compile("<svg.*?</svg>", Pattern.DOTALL).matcher(report.html()).results().map(MatchResult::group)
        .toList();
    assertThat(drawings).hasSizeGreaterThan(50);
    for (String drawing : drawings) {
      Element svg = DocumentBuilderFactory.newInstance().newDocumentBuilder()
          .parse(new ByteArrayInputStream(drawing.getBytes(StandardCharsets.UTF_8))).getDocumentElement();
      assertThat(svg.getAttribute("role")).isEqualTo("img");
      assertThat(svg.getElementsByTagName("title").item(0).getTextContent()).isNotBlank();
      assertThat(svg.getElementsByTagName("desc").item(0).getTextContent()).isNotBlank();
      assertThat(drawing).doesNotContain("NaN").doesNotContain("Infinity");
      assertThat(outside(svg)).as(drawing).isEmpty();
    }
  }

  /** Texts that would be cut off on a phone or run into a neighbour, by the widths that the drawings reckon with. */
  private static List<String> outside(Element svg) {
    NodeList texts = svg.getElementsByTagName("text");
    return IntStream.range(0, texts.getLength()).mapToObj(i -> (Element) texts.item(i))
        .filter(t -> {
          double x = Double.parseDouble(t.getAttribute("x"));
          double width = Svg.widthOf(t.getTextContent());
          String style = t.getAttribute("class");
          double left = style.contains("end") ? x - width : style.contains("middle") ? x - width / 2 : x;
          // The widths are generous, and half a label may stand over at either side.
          return left < -14 || left + width > Svg.WIDTH + 24
              || Double.parseDouble(t.getAttribute("y")) > Double.parseDouble(svg.getAttribute("height"));
        })
        .map(Element::getTextContent).toList();
  }

  @Test
  void needsNothingElse() {
    assertThat(report.html()).doesNotContain("<script").doesNotContain("http:").doesNotContain("https:").doesNotContain("@import")
        .doesNotContain("url(");
    assertThat(Pattern.compile("(?:src|href)=\"([^\"]*)\"").matcher(report.html()).results().map(m -> m.group(1))).isNotEmpty()
        .allMatch(link -> link.startsWith("data:") || link.startsWith("#"));
  }

  @Test
  void theSameResultsGiveTheSamePage() {
    assertThat(Report.of(SyntheticResults.paper(), FEW)).isEqualTo(report);
  }

  @Test
  void hostileTextStaysText() {
    String evil = "</title></style></script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u0000\u202e]]>";
    Results hostile = new Results(evil,
        RESULTS.models().stream().map(m -> new Model(m.name(), m.family(), m.paradigm(), evil)).toList(),
        RESULTS.conditions().stream().map(c ->
            new Condition(c.name(), evil, c.kind(), c.factors(), Map.of("ratio", c.settings().getOrDefault("ratio", "1"), evil, evil)))
                .toList(),
        RESULTS.prompts().stream().map(p -> new Prompt(p.id(), evil)).toList(),
        RESULTS.metrics().stream().map(m -> new Metric(m.profile(), evil, m.role(), m.smallerIsMore())).toList(),
        RESULTS.values(), RESULTS.curves(), RESULTS.totals(), RESULTS.usage(), SyntheticResults.paper(dir).samples(),
            List.of(new Missing(evil, evil, 3)), evil, Map.of(evil, evil),
        List.of(evil));
    String html = Report.of(hostile, FEW).html();
    assertThat(html).doesNotContain("<script").doesNotContain("<img src=x").doesNotContain("\u0000").contains("&lt;script&gt;alert(1)");
    assertThat(Pattern.compile("</style>|</title>(?!<desc)").matcher(html).results().count()).as("one of each").isEqualTo(2);
    assertThat(Pattern.compile("<img alt=\"[^\"]*\" src=\"data:image/png;base64,[A-Za-z0-9+/=]+\">").matcher(html).results().count())
        .isEqualTo(Pattern.compile("<img").matcher(html).results().count()).isPositive();
  }

  @Test
  void thePapersNumbersStandBesideTheSameFamily() {
    assertThat(section(report.html(), "figures-8-to-10"))
        .contains("Figure 9 of the paper: VQ-Diffusion, full size").contains("0.755").contains("+0.080").contains("0.837")
        .contains("Figure 10 of the paper: LlamaGen, full size").contains("0.577").contains("0.681")
        .contains("Figure 8 of the paper: aMUSEd, full size").contains("0.633").contains("0.634");
    assertThat(report.data().get("figures-8-to-10.csv"))
        .contains("demo/diffusion,+ full codebook,16,").containsPattern("demo/diffusion,constrained,16,[0-9.,]+,0\\.755\r\n")
        .containsPattern("demo/masked,constrained,16,[0-9.,]+,\r\n");
    Results others = change(r -> with(r, r.models().stream().map(m -> new Model(m.name(), "show-o", Paradigm.MASKED, "")).toList()));
    assertThat(section(Report.of(others, FEW).html(), "figures-8-to-10")).contains("<svg").doesNotContain("of the paper: ");
  }

  /** A bound is called one wherever its number stands, and the sharper estimator is drawn. */
  @Test
  void boundsAreNotEstimates() {
    assertThat(section(report.html(), "path-and-execution")).contains("path: at least H(P|X)").contains("execution: at most H(Z|P,X)")
        .contains(">path: H(P|X)<");
    assertThat(report.html()).containsPattern("bits an image: path at least \\d+, execution at most \\d+<")
        .contains("bits an image: path 0, execution ");
    assertThat(report.data().get("path-and-execution.csv")).contains(",upper bound,every choice of cells alike")
        .contains(",lower bound,surprisal of the kept cells")
        .contains(",exact,the order is fixed");
  }

  @Test
  void figuresWithoutTheirConditionsSayWhatTheyNeed() {
    String html = Report.of(only(c -> c.kind() == Kind.BASELINE || c.name().equals("argmax")), FEW).html();
    assertThat(section(html, "figure-2")).contains("<svg").contains("Not shown: subset").contains("Not shown: paraphrase");
    assertThat(section(html, "figure-4")).contains("kind subset-ratio").doesNotContain("<svg");
    assertThat(section(html, "figure-5b")).contains("kind paraphrase-length").doesNotContain("<svg");
    assertThat(section(html, "figure-6")).contains("kind enhancement").doesNotContain("<svg");
    assertThat(section(html, "figures-8-to-10"))
        .contains("Not drawn for demo/masked, demo/diffusion: it needs complete sets of these cells of the design: subset + argmax,"
        + " subset,").doesNotContain("<svg");
    assertThat(section(html, "effects"))
        .contains("Not drawn for demo/masked, demo/autoregressive, demo/diffusion: it needs what Figures 8 to 10 need.");
    assertThat(html).contains("No conclusion");
  }

  /** A run of a minute: nothing is there yet, and the page says so instead of failing. */
  @Test
  void anEmptyRun() {
    Results empty = new Results("Empty", RESULTS.models(), RESULTS.conditions(), RESULTS.prompts(), List.of(), List.of(), List.of(),
        List.of(), List.of(), List.of(),
        List.of(new Missing("demo/masked", "baseline", 64), new Missing("demo/masked", "argmax", 1)), "{}", Map.of(), List.of());
    Report empties = Report.of(empty, FEW);
    assertThat(empties.html()).contains("This run is not finished.").contains("65 images of 2 sets are still to be made")
        .contains("demo/masked, argmax: 1 image<")
        .contains("No metric has been computed yet.").doesNotContain("<svg");
    assertThat(empties.data()).isEmpty();
  }

  @Test
  void aFewPromptsAndASingleModel() {
    Results small = change(r -> {
      List<String> prompts = List.of("p0", "p1");
      return new Results(r.title(), r.models().subList(0, 1), r.conditions(), r.prompts().subList(0, 2), r.metrics(),
          r.values().stream().filter(v -> v.prompt().map(prompts::contains).orElse(true)).toList(), r.curves(),
          r.totals().stream().filter(t -> prompts.contains(t.prompt())).toList(), r.usage(), List.of(), List.of(), "{}", Map.of(),
              List.of());
    });
    String html = Report.of(small, FEW).html();
    assertThat(html).contains("Undecided").doesNotContain("demo/diffusion").doesNotContain("NaN");
    assertThat(section(html, "figure-2")).contains("<svg");
  }

  /** Of every figure: beside the page, and in it. */
  @Test
  void dataAsCsv() throws IOException {
    report.write(dir.resolve("page.html"));
    assertThat(Files.readString(dir.resolve("page.html"))).isEqualTo(report.html());
    assertThat(report.data().keySet())
        .contains("figure-2.csv", "figure-4.csv", "figures-11-to-13.csv", "schedule.csv", "values.csv", "differences.csv");
    for (var file : report.data().entrySet()) {
      assertThat(Files.readString(dir.resolve("page-data").resolve(file.getKey()))).isEqualTo(file.getValue());
      MatchResult link = Pattern.compile("download=\"" + Pattern.quote(file.getKey())
          + "\" href=\"data:text/csv;charset=utf-8;base64,([^\"]*)\"").matcher(report.html()).results()
          .findFirst().orElseThrow();
      assertThat(new String(Base64.getDecoder().decode(link.group(1)), StandardCharsets.UTF_8)).isEqualTo(file.getValue());
    }
    // The mean of the sixteen numbers that went in, in full.
    double mean = RESULTS.values().stream()
        .filter(v -> v.model().equals("demo/masked") && v.condition().equals("argmax") && v.metric().equals("lpips:alex-0.1"))
        .mapToDouble(Value::value).sum() / 16;
    assertThat(report.data().get("figure-2.csv")).startsWith("model,condition,metric,prompts,mean,low,high\r\n")
        .contains("demo/masked,argmax,lpips:alex-0.1,16," + Double.toString(mean).substring(0, 14));
  }

  @Test
  void imagesThatCannotBeRead() throws IOException {
    Results results = SyntheticResults.paper(dir);
    List<Sample> baseline = results.samples().stream().filter(s -> s.condition().equals("baseline") && s.model().equals("demo/masked"))
        .toList();
    Files.writeString(baseline.get(0).image(), "no image");
    Files.delete(baseline.get(1).image());
    assertThat(section(Report.of(results, FEW).html(), "figure-7")).contains("2 image files could not be read.").contains("not readable")
        .contains("<img");
  }

  private static String section(String html, String figure) {
    int start = html.indexOf("<figure id=\"" + figure + "\"");
    assertThat(start).as(figure).isPositive();
    return html.substring(start, html.indexOf("</figure>", start));
  }

  private static Results change(UnaryOperator<Results> change) {
    return change.apply(RESULTS);
  }

  private static Results with(Results r, List<Model> models) {
    return new Results(r.title(), models, r.conditions(), r.prompts(), r.metrics(), r.values(), r.curves(), r.totals(), r.usage(),
        r.samples(), r.missing(), r.configuration(),
        r.environment(), r.notes());
  }

  private static Results only(Predicate<Condition> conditions) {
    return change(r -> new Results(r.title(), r.models(), r.conditions().stream().filter(conditions).toList(), r.prompts(), r.metrics(),
        r.values(), r.curves(), r.totals(), r.usage(),
        r.samples(), r.missing(), r.configuration(), r.environment(), r.notes()));
  }
}

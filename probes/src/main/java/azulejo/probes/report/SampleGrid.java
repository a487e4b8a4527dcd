package azulejo.probes.report;

import azulejo.probes.Results;
import azulejo.probes.Results.Condition;
import azulejo.probes.Results.Kind;
import azulejo.probes.Results.Model;
import azulejo.probes.Results.Prompt;
import azulejo.probes.Results.Sample;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Figure 7: images of the same prompts and seeds under each strategy, several of a set, so that their diversity can be seen. */
final class SampleGrid {
  private static final int PROMPTS = 3;
  private static final int IMAGES = 4;

  private SampleGrid() {}

  static Figure of(Analysis analysis) {
    String title = "Figure 7. Samples";
    Results results = analysis.results();
    List<Condition> conditions = Stream.concat(analysis.probes().stream(), enhancement(results).stream()).toList();
    List<String> panels = new ArrayList<>();
    int unreadable = 0;
    for (Model model : results.models()) {
      int shown = 0;
      for (Prompt prompt : results.prompts()) {
        List<String> cells = new ArrayList<>();
        for (Condition condition : conditions) {
          List<Sample> samples = results.samples().stream()
              .filter(s -> s.model().equals(model.name()) && s.condition().equals(condition.name()) && s.prompt().equals(prompt.id()))
              .sorted(Comparator.comparingInt(Sample::index)).limit(shown < PROMPTS ? IMAGES : 0).toList();
          if (!samples.isEmpty()) {
            StringBuilder cell = new StringBuilder("<div class=\"cell\"><div class=\"mosaic\">");
            for (Sample sample : samples) {
              Optional<String> uri = Thumbnail.of(sample.image());
              unreadable += uri.isPresent() ? 0 : 1;
              cell.append(uri.map(u -> "<img alt=\""
                  + Text.escape(Analysis.label(condition) + ", image " + sample.index() + " of: " + prompt.text()) + "\" src=\"" + u
                  + "\">")
                  .orElse("<span class=\"broken\">not readable</span>"));
            }
            cells.add(cell.append("</div><p>").append(Text.escape(Analysis.label(condition))).append("</p></div>").toString());
          }
        }
        if (!cells.isEmpty()) {
          shown++;
          panels.add("<div class=\"samples\"><h4>" + Text.escape(model.name()) + ": <bdi>" + Text.escape(prompt.text())
              + "</bdi></h4><div class=\"row\">" + String.join("", cells)
              + "</div></div>");
        }
      }
    }
    if (panels.isEmpty()) {
      return Figure.absent("figure-7", title, "Not drawn: it needs images of the baseline or of a probe.");
    }
    List<String> absent = unreadable == 0 ? List.of()
        : List.of(unreadable + (unreadable == 1 ? " image file" : " image files") + " could not be read.");
    return new Figure("figure-7", title,
        "The first images of a prompt's set under each strategy; the same place has the same seed. Alike within a square: low diversity."
            + " Downscaled for this page.",
        panels, new Table(List.of(), List.of()), absent);
  }

  /** The strategy with the share of codes nearest to the paper's, which drops 20%. */
  private static Optional<Condition> enhancement(Results results) {
    return results.conditions(Kind.ENHANCEMENT).stream()
        .min(Comparator.comparingDouble(c -> Math.abs(Analysis.ratio(c).orElse(1.0) - 0.8)));
  }
}

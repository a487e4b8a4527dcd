package azulejo.cli;

import azulejo.models.GenerationRequest;
import azulejo.models.Probe;
import azulejo.probes.experiment.PromptFile;
import azulejo.probes.experiment.PromptGroup;
import azulejo.probes.experiment.Wording;
import azulejo.runtime.OptionException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Option;

/** What to show: prompts, classes, or prompts in other words. */
final class PromptOptions {
  @Option(names = "--prompt", paramLabel = "TEXT", description = "What to show; may be given several times.")
  private List<String> prompts = List.of();

  @Option(names = "--prompts", paramLabel = "FILE", description = "A file with a prompt a line.")
  private Path promptFile;

  @Option(names = "--paraphrases", paramLabel = "FILE",
      description = {"Prompts with their paraphrases, as demo/prompts.json has them: --count pictures of each prompt, one paraphrase after the other.",
          "With --prompt, of these prompts only."})
  private Path paraphrases;

  @Option(names = "--paraphrase-length", paramLabel = "LENGTH", description = "Which paraphrases: short, medium, long, or mixed for all in turn (default: mixed).")
  private String length;

  @Option(names = "--class", paramLabel = "N", description = "For models that know classes instead of prompts: a label; may be given several times.")
  private List<Integer> classes = List.of();

  /**
   * Sets them.
   *
   * @param count pictures of each
   * @return what each row of a sheet shows
   */
  List<String> into(GenerationRequest.Builder request, int count) {
    if (length != null && paraphrases == null) {
      throw new OptionException("--paraphrase-length chooses among paraphrases: add --paraphrases FILE");
    }
    request.classes(classes).imagesPerPrompt(count);
    if (paraphrases != null) {
      return paraphrased(request, count);
    }
    List<String> all = new ArrayList<>(prompts);
    if (promptFile != null) {
      all.addAll(PromptLines.read(promptFile, "--prompts"));
    }
    if (all.isEmpty() && classes.isEmpty()) {
      throw new OptionException("there is no prompt: give --prompt TEXT or --prompts FILE, or --class N to a model that knows classes");
    }
    request.prompts(all);
    return all.isEmpty() ? classes.stream().map(label -> "class " + label).toList() : all;
  }

  private List<String> paraphrased(GenerationRequest.Builder request, int count) {
    if (promptFile != null) {
      throw new OptionException("--prompts and --paraphrases both say what to show: give one of them");
    }
    Wording wording = wording();
    List<PromptGroup> groups = PromptFile.read(paraphrases);
    for (String prompt : prompts) {
      if (groups.stream().noneMatch(group -> group.text().equals(prompt))) {
        throw new OptionException(paraphrases + " has no prompt \"" + prompt + "\"");
      }
    }
    List<PromptGroup> chosen = groups.stream().filter(group -> prompts.isEmpty() || prompts.contains(group.text())).toList();
    List<String> texts = new ArrayList<>();
    List<Probe.Pick> picks = new ArrayList<>();
    for (PromptGroup group : chosen) {
      if (!group.has(wording)) {
        throw new OptionException(paraphrases + ": \"" + group.text() + "\" has no " + (wording == Wording.MIXED ? "paraphrases of all three lengths"
            : wording.text() + " paraphrases") + ": choose others with --paraphrase-length");
      }
      for (int index = 0; index < count; index++) {
        String text = group.text(wording, index);
        if (!texts.contains(text)) {
          texts.add(text);
        }
        picks.add(new Probe.Pick(texts.indexOf(text), index));
      }
    }
    request.prompts(texts).images(picks);
    return chosen.stream().map(PromptGroup::text).toList();
  }

  private Wording wording() {
    Map<String, Wording> lengths = Map.of("short", Wording.SHORT, "medium", Wording.MEDIUM, "long", Wording.LONG, "mixed", Wording.MIXED);
    if (length != null && !lengths.containsKey(length)) {
      throw new OptionException("--paraphrase-length must be short, medium, long or mixed, not '" + length + "'");
    }
    return length == null ? Wording.MIXED : lengths.get(length);
  }

  /** Of the settings of a run. */
  void describe(Map<String, Object> settings) {
    if (paraphrases != null) {
      settings.put("paraphrases", wording().text() + " of " + paraphrases.getFileName());
    }
  }
}

package azulejo.probes.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.probes.Results.Factors;
import azulejo.probes.Results.Kind;
import azulejo.runtime.OptionException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ExperimentFileTest {
  private static final String GOOD = """
      seed: 3
      images: 2
      prompts: [a star, {prompt: a moon, id: moon}]
      models: {masked: {folder: m, guidance: 3, steps: 4}, ar: a}
      conditions:
        baseline:
        subset: {codebook: keep-top:0.5}
        smaller: {codebook: keep-top:0.25}
        argmax: {argmax: all}
        both: {codebook: keep-top:0.5, argmax: all}
        early: {argmax: early}
        random: {codebook: drop-random:0.3@7}
        path: {frozen: path, models: [masked]}
      metrics: {reference: images}
      """;

  @TempDir
  Path dir;

  private Experiment parse(String yaml) {
    return ExperimentFile.parse("x.yaml", yaml, dir::resolve);
  }

  @Test
  void aConditionIsKnownByWhatItChanges() {
    List<Condition> conditions = parse(GOOD).conditions();
    assertThat(conditions).extracting(Condition::kind).containsExactly(Kind.BASELINE, Kind.FACTORIAL, Kind.SUBSET_RATIO, Kind.FACTORIAL, Kind.FACTORIAL,
        Kind.ARGMAX_TIMING, Kind.SUBSET_RULE, Kind.FROZEN_PATH);
    assertThat(conditions.get(4).factors()).isEqualTo(new Factors(true, true, false));
    assertThat(conditions.get(2).settings()).containsEntry("ratio", "0.25").containsEntry("rule", "least");
    assertThat(conditions.get(6).settings()).containsEntry("ratio", "0.7").containsEntry("rule", "random").containsEntry("codebook", "drop-random:0.3@7");
    assertThat(conditions.get(7).models()).containsExactly("masked");
  }

  @Test
  void theGridIsEveryCombinationOnce() {
    Experiment experiment = parse(GOOD);
    List<Cell> cells = experiment.cells();
    assertThat(cells).hasSize(8 * 2 * 2 + 7 * 2 * 2).doesNotHaveDuplicates();
    assertThat(cells.stream().map(Cell::path)).doesNotHaveDuplicates();
  }

  @Test
  void whatIsWrittenReadsBackTheSame() {
    Experiment experiment = parse(GOOD);
    assertThat(ExperimentFile.parse("run.json", experiment.json(), path -> path)).isEqualTo(experiment);
    for (String preset : ExperimentFile.PRESETS) {
      Experiment resolved = ExperimentFile.preset(preset, ExperimentFileTest::inProject);
      assertThat(ExperimentFile.parse("run.json", resolved.json(), path -> path)).isEqualTo(resolved);
    }
  }

  /** The tests of a module run in its folder. */
  private static Path inProject(Path path) {
    return Path.of("..").resolve(path);
  }

  @Test
  void thePaperPresetHasTheWholeDesignForEveryModel() {
    Experiment paper = ExperimentFile.preset("paper", ExperimentFileTest::inProject);
    assertThat(paper.models()).hasSize(3);
    for (Model model : paper.models()) {
      List<Condition> conditions = paper.conditions(model);
      Set<Factors> factors = new HashSet<>();
      conditions.stream().filter(c -> c.kind() == Kind.FACTORIAL || c.kind() == Kind.BASELINE).forEach(c -> factors.add(c.factors()));
      assertThat(factors).as(model.name()).hasSize(8);
      assertThat(conditions).extracting(Condition::kind)
          .contains(Kind.SUBSET_RATIO, Kind.SUBSET_RULE, Kind.ARGMAX_TIMING, Kind.PARAPHRASE_LENGTH, Kind.ENHANCEMENT);
      assertThat(paper.cells().stream().filter(cell -> cell.model().equals(model)).count()).isEqualTo((long) conditions.size() * 16 * paper.images());
    }
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
      "images: 2                    | imgaes: 2                        | x.yaml has the unknown key 'imgaes' (did you mean images?)",
      "images: 2                    | images: 1                        | x.yaml: images must be at least 2",
      "images: 2                    | images: two                      | x.yaml: images must be a whole number, not 'two'",
      "images: 2                    | images: 2.5                      | x.yaml: images must be a whole number, not 2.5",
      "seed: 3                      | seed: [1]                        | x.yaml: seed must be a whole number, not [1]",
      "seed: 3                      | images: 3                        | Duplicate",
      "guidance: 3                  | guidance: strong                 | x.yaml: models masked: guidance must be a number, not 'strong'",
      "steps: 4                     | step: 4                          | x.yaml: models masked has the unknown key 'step' (did you mean steps?)",
      "ar: a                        | ar: {guidance: 2}                | x.yaml: models ar has no folder",
      "ar: a                        | a/b: a                           | the model 'a/b' becomes part of file names",
      "argmax: early                | argmax: soon                     | argmax must be all, early, middle, late or a part of the schedule",
      "argmax: early                | argmax: 0.5-0.2                  | argmax must be",
      "argmax: early                | argmax-mode: posterior           | argmax-mode says how argmax is taken, so it needs argmax",
      "argmax: early                | argmax-mode: transition          | argmax-mode must be x0 or posterior, not 'transition'",
      "argmax: early                | kind: subset-ratio               | its settings do not make a condition of the kind subset-ratio",
      "argmax: early                | argmax: all                      | nothing",
      "argmax: early                | paraphrase: long                 | needs long paraphrases, but the prompt 'a star' has none",
      "argmax: early                | paraphrase: longest              | paraphrase must be one of base, short, medium, long, mixed, not 'longest'",
      "argmax: early                | frozen: steps                    | frozen must be one of path, draw, not 'steps'",
      "keep-top:0.25                | keep-top:1.5                     | the fraction of codes must lie between 0 and 1, not at 1.5",
      "keep-top:0.25                | keep-top:0                       | the fraction of codes must lie between 0 and 1, not at 0",
      "keep-top:0.25                | keep:0.5                         | codebook must be like keep-top:0.5",
      "keep-top:0.25                | keep-top:0.5@3                   | only drop-random has a seed",
      "models: [masked]              | models: [diffusion]              | there is no model 'diffusion', only masked, ar",
      "metrics: {reference: images} | metrics: {references: images}    | x.yaml: metrics has the unknown key 'references' (did you mean reference?)",
      "metrics: {reference: images} | metrics:                         | it must be known how often it uses each",
      "reference: images            | use: [fid:clip]                  | metrics: fid:clip needs 'clip: PATH'",
      "reference: images            | use: [kid:clip], clip: c         | metrics: kid:clip needs 'reference: PATH'",
      "baseline:                    | base: {argmax: late}             | must have exactly one condition that changes nothing",
      "id: moon                     | id: p000                         | the prompt id 'p000' appears twice",
      "[a star, {                   | [a star, 3, {                    | prompts: prompt 2 must be a list of keys with values, not 3",
  })
  void whatMakesNoSenseIsOneSentence(String good, String bad, String sentence) {
    assertThat(GOOD).contains(good.strip());
    String yaml = GOOD.replace(good.strip(), bad.strip());
    if (sentence.equals("nothing")) {
      assertThat(parse(yaml)).isNotNull();
      return;
    }
    assertThatThrownBy(() -> parse(yaml)).isInstanceOf(OptionException.class).hasMessageContaining(sentence)
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n").startsWith("x.yaml"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "models", "models: {a: b", "- 1", "\t: 2", "&a [*a]"})
  void whatIsNoConfigurationIsOneSentence(String yaml) {
    assertThatThrownBy(() -> parse(yaml)).isInstanceOf(OptionException.class).satisfies(e -> assertThat(e.getMessage()).startsWith("x.yaml").doesNotContain("\n"));
  }

  @Test
  void aFilesPathsAreLookedForBesideIt() throws IOException {
    Files.writeString(dir.resolve("prompts.txt"), "a star\n\n a moon \n");
    Files.createDirectories(dir.resolve("mine"));
    Path file = Files.writeString(dir.resolve("x.yaml"),
        "{images: 2, prompts: {file: prompts.txt, first: 1}, models: {a: mine, b: demo/masked}, conditions: {baseline: }}");
    Experiment experiment = ExperimentFile.read(file, path -> Path.of("/installed").resolve(path));
    assertThat(experiment.models()).extracting(Model::folder).containsExactly(dir.resolve("mine").toAbsolutePath(), Path.of("/installed/demo/masked"));
    assertThat(experiment.prompts()).extracting(PromptGroup::text).containsExactly("a star");
  }

  @Test
  void promptsComeFromEveryFormat() throws IOException {
    Path tsv = Files.writeString(dir.resolve("p.tsv"), "prompt\tlength\tparaphrase\na star\tshort\tstar\na star\tlong\ta star, drawn\na moon\tbase\n");
    assertThat(PromptFile.read(tsv)).containsExactly(new PromptGroup("p000", "a star", List.of("star"), List.of(), List.of("a star, drawn")),
        new PromptGroup("p001", "a moon", List.of(), List.of(), List.of()));
    Path jsonl = Files.writeString(dir.resolve("p.jsonl"), "{\"prompt\": \"a star\", \"paraphrases\": {\"short\": [\"star\"]}}\n\"a moon\"\n");
    assertThat(PromptFile.read(jsonl)).extracting(PromptGroup::text, group -> group.has(Wording.SHORT))
        .containsExactly(org.assertj.core.groups.Tuple.tuple("a star", true), org.assertj.core.groups.Tuple.tuple("a moon", false));
    assertThat(PromptFile.read(Path.of("../demo/prompts.json"))).hasSize(16).allMatch(group -> group.has(Wording.MIXED));
    Path bad = Files.writeString(dir.resolve("bad.tsv"), "a star\tmiddle\tstar\n");
    assertThatThrownBy(() -> PromptFile.read(bad)).isInstanceOf(OptionException.class).hasMessageContaining("bad.tsv: line 1 must be");
    Path empty = Files.writeString(dir.resolve("empty.txt"), "\n");
    assertThatThrownBy(() -> PromptFile.read(empty)).isInstanceOf(OptionException.class).hasMessage(empty + " holds no prompt");
  }

  /** Five paraphrases of three lengths are fifteen, and none comes twice before all have come. */
  @Test
  void mixedParaphrasesRepeatAsLateAsTheyCan() {
    for (int size : new int[] {1, 2, 3, 5, 6}) {
      List<List<String>> lists = IntStream.range(0, 3).mapToObj(length -> IntStream.range(0, size).mapToObj(i -> length + "-" + i).toList()).toList();
      PromptGroup group = new PromptGroup("p", "text", lists.get(0), lists.get(1), lists.get(2));
      assertThat(IntStream.range(0, 3 * size).mapToObj(i -> group.text(Wording.MIXED, i))).doesNotHaveDuplicates();
      assertThat(IntStream.range(0, 3).mapToObj(i -> group.text(Wording.MIXED, i).charAt(0))).containsExactlyElementsOf(Arrays.asList('0', '1', '2'));
    }
  }
}

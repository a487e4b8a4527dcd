package azulejo.cli;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.models.GenerationRequest.Rng;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.GenerationException;
import azulejo.runtime.OptionException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class GenerateTest extends CliTest {

  @Test
  void handsEveryOptionToTheModel() {
    int status = run("generate", "--model", dir, "--prompt", "a", "--prompt=b", "--negative", "n", "--steps", 5, "--guidance", 2.5, "--temperature", "3,0.5",
        "--seed", -7, "--count", 2, "--size", "32x16", "--rng", "torch", "--backend", "some", "--threads", 3, "--out", dir.resolve("x.png"));
    assertThat(status).isZero();
    assertThat(engine.folder).isEqualTo(dir);
    assertThat(engine.backend).isEqualTo("some");
    assertThat(engine.threads).isEqualTo(3);
    assertThat(engine.request.prompts()).containsExactly("a", "b");
    assertThat(engine.request.negativePrompts()).containsExactly("n");
    assertThat(engine.request.steps()).hasValue(5);
    assertThat(engine.request.guidance()).hasValue(2.5);
    assertThat(engine.request.temperature()).containsExactly(3.0, 0.5);
    assertThat(engine.request.seed()).isEqualTo(-7);
    assertThat(engine.request.imagesPerPrompt()).isEqualTo(2);
    assertThat(engine.request.width()).hasValue(32);
    assertThat(engine.request.height()).hasValue(16);
    assertThat(engine.request.rng()).isEqualTo(Rng.TORCH);
  }

  @Test
  void leavesWhatIsNotGivenToTheModel() {
    assertThat(run("generate", "--prompt", "a", "--out", dir.resolve("x.png"))).isZero();
    assertThat(engine.request.negativePrompts()).isEmpty();
    assertThat(engine.request.steps()).isEmpty();
    assertThat(engine.request.guidance()).isEmpty();
    assertThat(engine.request.temperature()).isEmpty();
    assertThat(engine.request.width()).isEmpty();
    assertThat(engine.request.height()).isEmpty();
    assertThat(engine.request.imagesPerPrompt()).isEqualTo(1);
    assertThat(engine.request.rng()).isEqualTo(Rng.PHILOX);
  }

  @Test
  void oneNumberIsASquareOrAStartingTemperature() {
    assertThat(run("generate", "--prompt", "a", "--size", 64, "--temperature", 2, "--out", dir.resolve("x.png"))).isZero();
    assertThat(engine.request.width()).hasValue(64);
    assertThat(engine.request.height()).hasValue(64);
    assertThat(engine.request.temperature()).containsExactly(2.0);
  }

  @Test
  void takesANewSeedAndPrintsIt() {
    run("generate", "--prompt", "a", "--out", dir.resolve("x.png"));
    long first = engine.request.seed();
    assertThat(err()).contains("seed: " + first + "\n");
    run("generate", "--prompt", "a", "--out", dir.resolve("x.png"));
    assertThat(engine.request.seed()).isNotEqualTo(first);
  }

  @Test
  void readsPromptsFromAFile() throws IOException {
    Path file = Files.writeString(dir.resolve("prompts.txt"), "a red star\n\n  ἕνα ἀστέρι \r\n");
    assertThat(run("generate", "--prompt", "first", "--prompts", file, "--out", dir.resolve("x.png"))).isZero();
    assertThat(engine.request.prompts()).containsExactly("first", "a red star", "ἕνα ἀστέρι");
  }

  @Test
  void findsTheCheckpointsThatComeWithAzulejoFromAnywhere() throws IOException {
    Path installed = Files.createDirectories(dir.resolve("home/demo/masked"));
    assertThat(run("generate", "--prompt", "a", "--out", dir.resolve("x.png"))).isZero();
    assertThat(engine.folder).isEqualTo(installed);
    assertThat(run("generate", "--model", "elsewhere/masked", "--prompt", "a", "--out", dir.resolve("x.png"))).isZero();
    assertThat(engine.folder).isEqualTo(Path.of("elsewhere/masked"));
  }

  // ---- files ----------------------------------------------------------------------------------------------------------------

  @Test
  void aPictureSaysHowItWasMade() throws IOException {
    run("generate", "--prompt", "ein Stern, schön", "--seed", 5, "--out", dir.resolve("x.png"));
    assertThat(files()).containsExactly("x.png");
    PngReader png = PngReader.read(Files.readAllBytes(dir.resolve("x.png")));
    assertThat(png.image().getWidth()).isEqualTo(FakeEngine.WIDTH);
    assertThat(png.text()).containsEntry("prompt", "ein Stern, schön").containsEntry("seed", "5").containsEntry("temperature", "[2.0,0.0]").containsKey("Software");
  }

  @Test
  void severalPicturesShareAFile() throws IOException {
    run("generate", "--prompt", "a", "--prompt", "b", "--count", 3, "--out", dir.resolve("x.png"));
    assertThat(files()).containsExactly("x.png");
    PngReader png = PngReader.read(Files.readAllBytes(dir.resolve("x.png")));
    assertThat(png.image().getWidth()).isEqualTo(3 * FakeEngine.WIDTH + 2 * Grid.GAP);
    assertThat(png.image().getHeight()).isEqualTo(2 * FakeEngine.HEIGHT + Grid.GAP);
    assertThat(png.text()).containsEntry("prompts", "[\"a\",\"b\"]");
  }

  @Test
  void aNameWithBracesGivesEachPictureAFile() throws IOException {
    run("generate", "--prompt", "a", "--prompt", "b", "--count", 2, "--out", dir.resolve("new/x-{}.png"));
    assertThat(files()).containsExactly("new/x-000.png", "new/x-001.png", "new/x-002.png", "new/x-003.png");
    PngReader png = PngReader.read(Files.readAllBytes(dir.resolve("new/x-003.png")));
    assertThat(png.text()).containsEntry("prompt", "b").containsEntry("index", "1");
    assertThat(png.image().getRGB(0, 0) >> 16 & 0xFF).isEqualTo(203);
  }

  @Test
  void aFolderGivesEachPictureAFile() {
    run("generate", "--prompt", "a", "--count", 2, "--out", dir);
    assertThat(files()).containsExactly("000.png", "001.png");
    run("generate", "--prompt", "a", "--out", dir.resolve("new") + "/");
    assertThat(files()).containsExactly("000.png", "001.png", "new/000.png");
  }

  @Test
  void writesThePictureAfterEveryStep() throws IOException {
    run("generate", "--prompt", "a", "--count", 2, "--frames", dir.resolve("frames"), "--out", dir.resolve("x.png"));
    assertThat(files()).containsExactly("frames/step-01.png", "frames/step-02.png", "x.png");
    PngReader png = PngReader.read(Files.readAllBytes(dir.resolve("frames/step-02.png")));
    assertThat(png.image().getWidth()).isEqualTo(2 * FakeEngine.WIDTH + Grid.GAP);
    assertThat(png.text()).containsEntry("step", "2");
  }

  @Test
  void printsJson() {
    assertThat(run("generate", "--prompt", "Ω", "--count", 2, "--seed", 5, "--json", "--quiet", "--out", dir.resolve("x-{}.png"))).isZero();
    assertThat(err()).isEmpty();
    JsonNode json = JsonMapper.shared().readTree(out());
    assertThat(json.at("/settings/seed").asInt()).isEqualTo(5);
    assertThat(json.at("/backend").asString()).isEqualTo("reference");
    assertThat(json.at("/images").size()).isEqualTo(2);
    assertThat(json.at("/images/1/prompt").asString()).isEqualTo("Ω");
    assertThat(json.at("/images/1/index").asInt()).isEqualTo(1);
    assertThat(json.at("/images/1/file").asString()).isEqualTo(dir.resolve("x-001.png").toString());
    assertThat(json.at("/images/1/grid").valueStream().map(JsonNode::asInt)).containsExactly(1, 2);
    assertThat(json.at("/images/1/tokens").valueStream().map(JsonNode::asInt)).containsExactly(7, 1);
    assertThat(json.at("/seconds/walk").asDouble()).isEqualTo(2.0);
  }

  // ---- what a person sees -----------------------------------------------------------------------------------------------------

  @Test
  void tellsTheModelTheBackendAndTheTimes() {
    engine.warning = "the end is left out";
    run("generate", "--prompt", "a", "--out", dir.resolve("x.png"));
    assertThat(err().lines()).contains("model: fake, two steps", "note: the end is left out", "wrote " + dir.resolve("x.png"),
        "  walk              2.00 s   2 steps of 1.000 s").anyMatch(line -> line.startsWith("backend: ")).anyMatch(line -> line.startsWith("  load "))
        .anyMatch(line -> line.startsWith("  text encoder ")).anyMatch(line -> line.startsWith("  decoder "));
    assertThat(err()).doesNotContain("\r").doesNotContain("\033");
    assertThat(out()).isEmpty();
  }

  @Test
  void drawsABarOnATerminal() {
    columns = 60;
    run("generate", "--prompt", "a", "--out", dir.resolve("x.png"));
    assertThat(err()).contains("\r\033[Kwalk [###############---------------] step 1 of 2").contains("[##############################] step 2 of 2");
    assertThat(err().split("[\r\n]")).allSatisfy(line -> assertThat(line.replace("\033[K", "").length()).isLessThan(60 + dir.toString().length()));
  }

  @Test
  void quietPrintsNothing() {
    columns = 60;
    assertThat(run("generate", "--prompt", "a", "--quiet", "--out", dir.resolve("x.png"))).isZero();
    assertThat(err()).isEmpty();
    assertThat(out()).isEmpty();
  }

  // ---- what can go wrong --------------------------------------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(strings = {
    "--steps x -> azulejo generate: invalid value for option '--steps': 'x' is not an int; see azulejo generate --help",
    "--stpes 3 -> azulejo generate: unknown option '--stpes' (did you mean --steps?); see azulejo generate --help",
    "--steps -> azulejo generate: missing required parameter for option '--steps' (N); see azulejo generate --help",
    "--count 0 -> azulejo: --count must be 1 or more, not 0",
    "--threads 0 -> azulejo: --threads must be 1 or more, not 0",
    "--size 12by3 -> azulejo: --size must be a width and a height in pixels like 512x512, not '12by3'",
    "--size 0 -> azulejo: --size must be a width and a height in pixels like 512x512, not '0'",
    "--rng mt -> azulejo: --rng must be philox or torch, not 'mt'",
    "--prompts /no/file -> azulejo: cannot read --prompts /no/file: no such file or folder",
    "extra -> azulejo generate: unknown argument 'extra'; see azulejo generate --help",
  })
  void aWrongOptionIsOneSentence(String line) {
    String[] parts = line.split(" -> ");
    List<Object> args = new ArrayList<>(List.of("generate", "--prompt", "a", "--out", dir.resolve("x.png")));
    args.addAll(List.of(parts[0].split(" ")));
    assertThat(run(args.toArray())).isEqualTo(2);
    assertThat(err()).isEqualTo(parts[1] + "\n");
    assertThat(files()).isEmpty();
  }

  @Test
  void aPromptAndATargetAreNeeded() {
    assertThat(run("generate", "--out", dir.resolve("x.png"))).isEqualTo(2);
    assertThat(err()).isEqualTo("azulejo: there is no prompt: give --prompt TEXT or --prompts FILE, or --class N to a model that knows classes\n");
    assertThat(run("generate", "--prompt", "a")).isEqualTo(2);
    assertThat(err()).isEqualTo("azulejo generate: missing required option: '--out=FILE'; see azulejo generate --help\n");
  }

  @Test
  void aFileOfPromptsMustHoldText() throws IOException {
    Path blank = Files.writeString(dir.resolve("blank"), "\n \n");
    assertThat(run("generate", "--prompts", blank, "--out", dir.resolve("x.png"))).isEqualTo(2);
    assertThat(err()).isEqualTo("azulejo: --prompts " + blank + " holds no prompt, only blank lines\n");
    Path latin = Files.write(dir.resolve("latin"), new byte[] {'s', 'c', 'h', (byte) 0xF6, 'n'});
    assertThat(run("generate", "--prompts", latin, "--out", dir.resolve("x.png"))).isEqualTo(2);
    assertThat(err()).isEqualTo("azulejo: --prompts " + latin + " is not UTF-8 text\n");
  }

  @Test
  void anotherFormatIsRefused() {
    assertThat(run("generate", "--prompt", "a", "--out", dir.resolve("x.JPG"))).isEqualTo(2);
    assertThat(err()).contains("PNG").hasLineCount(1);
  }

  @Test
  void aTargetThatCannotBeWrittenIsFoundBeforeAnythingIsGenerated() {
    assertThat(run("generate", "--prompt", "a", "--out", dir.resolve("no/x.png"))).isEqualTo(1);
    assertThat(err()).isEqualTo("azulejo: cannot write " + dir.resolve("no/x.png") + ": " + dir.resolve("no") + " does not exist, create that folder first\n");
    assertThat(run("generate", "--prompt", "a", "--frames", "/proc/frames", "--out", dir.resolve("x.png"))).isEqualTo(1);
    assertThat(err()).startsWith("azulejo: cannot write /proc/frames: ").hasLineCount(1);
    assertThat(engine.request).isNull();
    assertThat(files()).isEmpty();
  }

  @Test
  void aFullTargetIsOneSentence() {
    assertThat(run("generate", "--prompt", "a", "--quiet", "--out", "/dev/full")).isEqualTo(1);
    assertThat(err()).isEqualTo("azulejo: cannot write /dev/full: No space left on device\n");
  }

  @Test
  void standardOutputThatIsFullIsOneSentence() {
    OutputStream full = failing("No space left on device");
    assertThat(run(full, "generate", "--prompt", "a", "--quiet", "--json", "--out", dir.resolve("x.png"))).isEqualTo(1);
    assertThat(err()).isEqualTo("azulejo: cannot write to standard output: No space left on device\n");
  }

  @Test
  void aReaderThatHasGoneIsNoError() {
    assertThat(run(failing("Broken pipe"), "generate", "--prompt", "a", "--quiet", "--json", "--out", dir.resolve("x.png"))).isZero();
    assertThat(err()).isEmpty();
  }

  private static OutputStream failing(String message) {
    return new OutputStream() {
      @Override
      public void write(int b) throws IOException {
        throw new IOException(message);
      }
    };
  }

  @Test
  void aFailureOfTheModelIsItsSentence() {
    assertFailure(new OptionException("this model has no guidance"), 2, "this model has no guidance");
    assertFailure(new CheckpointException("x.safetensors is cut off"), 1, "x.safetensors is cut off");
    assertFailure(new GenerationException("NaN in step 3"), 1, "NaN in step 3");
  }

  @Test
  void memoryThatRunsOutComesWithARemedy() {
    assertFailure(new OutOfMemoryError("Java heap space"), 1, "out of memory: the Java heap is full at " + (Runtime.getRuntime().maxMemory() >> 20)
        + " MiB, give it more with AZULEJO_JAVA_OPTIONS=-Xmx4g");
    assertFailure(new OutOfMemoryError("5.00 GiB more are needed, 1.00 GiB are free"), 1, "out of memory (5.00 GiB more are needed, 1.00 GiB are free):"
        + " generate fewer images at once or smaller ones (--count, --size), or close other programs");
  }

  @Test
  void aBugAsksToBeReported() {
    assertFailure(new IllegalStateException("rows differ"), 1,
        "internal error, please report it together with what the same command prints with --debug: java.lang.IllegalStateException: rows differ");
    assertFailure(new StackOverflowError(), 1, "internal error, please report it together with what the same command prints with --debug: java.lang.StackOverflowError");
  }

  private void assertFailure(Throwable failure, int status, String sentence) {
    engine.atStep = _ -> sneakyThrow(failure);
    assertThat(run("generate", "--prompt", "a", "--quiet", "--out", dir.resolve("x.png"))).isEqualTo(status);
    assertThat(err()).isEqualTo("azulejo: " + sentence + "\n");
    assertThat(files()).isEmpty();
  }

  @SuppressWarnings("unchecked")
  private static <E extends Throwable> void sneakyThrow(Throwable e) throws E {
    throw (E) e;
  }

  @ParameterizedTest
  @ValueSource(strings = {"--debug generate", "generate --debug"})
  void debugPrintsWhereItHappened(String command) {
    engine.atStep = _ -> {
      throw new GenerationException("NaN");
    };
    assertThat(run((Object[]) (command + " --quiet --prompt a --out " + dir.resolve("x.png")).split(" "))).isEqualTo(1);
    assertThat(err()).startsWith("azulejo: NaN\n").contains("\tat azulejo.cli.FakeEngine.generate(");
  }

  @Test
  void ctrlCStopsAtTheNextStepAndLeavesWhatWasThere() throws IOException {
    Files.writeString(dir.resolve("x.png"), "old");
    engine.atStep = step -> {
      assertThat(step).as("steps after Ctrl-C").isEqualTo(1);
      interrupt.request();
    };
    assertThat(run("generate", "--prompt", "a", "--quiet", "--out", dir.resolve("x.png"))).isEqualTo(130);
    assertThat(err()).isEqualTo("azulejo: stopped\n");
    assertThat(files()).containsExactly("x.png");
    assertThat(dir.resolve("x.png")).hasContent("old");
  }
}

package azulejo.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ProbeTest extends CliTest {
  private Path config;
  private Path run;

  @BeforeEach
  void write() throws IOException {
    Files.writeString(Files.createDirectories(dir.resolve("model")).resolve("weights"), "1 2 3");
    config = Files.writeString(dir.resolve("x.yaml"), """
        images: 2
        prompts: [a star, a moon]
        models: {fake: model}
        conditions: {baseline: , argmax: {argmax: all}, frozen: {frozen: path}}
        metrics: {use: [hamming:tokens, cosine:raw]}
        """);
    run = dir.resolve("run");
  }

  /** The pictures of the run so far. Beside them the run's database comes and goes with its journals, on another thread, so a step must not walk the whole folder. */
  private List<String> pictures() {
    Path images = run.resolve("images");
    if (!Files.exists(images)) {
      return List.of();
    }
    try (Stream<Path> files = Files.walk(images)) {
      return files.filter(file -> file.toString().endsWith(".png")).map(file -> dir.relativize(file).toString()).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void runsAnExperimentToItsEnd() {
    assertThat(run("probe", "--config", config, "--out", run)).isZero();
    assertThat(err()).matches("(?s).*done after \\d+ s: .*run \\(azulejo report .*run makes the figures\\)\n").doesNotContain("note:");
    assertThat(pictures()).hasSize(3 * 2 * 2).contains("run/images/fake/argmax/p001-001.png");
    assertThat(files()).contains("run/run.json", "run/run.sqlite").noneMatch(name -> name.endsWith("-journal"));
  }

  @Test
  void goesOnWithARunAndDoesNothingTwice() {
    engine.atStep = _ -> {
      if (pictures().size() >= 8) {
        interrupt.request();
      }
    };
    assertThat(run("probe", "--config", config, "--out", run, "--batch", 2)).isEqualTo(130);
    assertThat(err()).isEqualTo("azulejo: stopped\n");
    assertThat(pictures()).hasSize(8);
    engine.atStep = _ -> {};
    Interrupt another = new Interrupt();
    assertThat(runWith(another, "probe", "--out", run)).isZero();
    assertThat(pictures()).hasSize(12);
    engine.atStep = _ -> {
      throw new AssertionError("a finished run is not made again");
    };
    assertThat(runWith(another, "probe", "--out", run)).isZero();
    assertThat(runWith(another, "probe", "--config", config, "--out", run, "--quiet")).isZero();
    assertThat(err()).isEmpty();
  }

  @Test
  void aDryRunLeavesNothing() {
    List<String> before = files();
    assertThat(run("probe", "--config", config, "--dry-run", "--quiet")).isZero();
    assertThat(files()).isEqualTo(before);
    assertThat(out()).containsPattern("images +fake\nbaseline +4\nargmax +4\nfrozen +4\nall +12\n12 images: 2 prompts, 2 images of each in every condition\n")
        .containsPattern("fake: 12 images to make, \\S+ s each \\(measured now on 4 images, the JIT's warm-up included\\)").contains("metrics: 9 sets").contains("time: about ");
  }

  @Test
  void aDryRunOfARunCountsWhatIsLeft() throws IOException {
    assertThat(run("probe", "--config", config, "--out", run)).isZero();
    Files.delete(run.resolve("images/fake/baseline/p000-000.png"));
    assertThat(run("probe", "--out", run, "--dry-run")).isZero();
    assertThat(out()).containsPattern("fake: 1 images? to make, \\S+ s each \\(as in this run so far\\)");
  }

  @Test
  void wrongInputIsOneSentence() throws IOException {
    refuse("--out DIR is missing: where should the run go?", "--config", config);
    refuse("there is no preset 'papper': the presets are quick and paper", "--preset", "papper", "--out", run);
    refuse("--preset and --config are both experiments: give one of them", "--preset", "paper", "--config", config, "--out", run);
    refuse(run + " holds no run to go on with: give --preset quick, --preset paper or --config FILE", "--out", run);
    refuse("there is no experiment: give --preset quick, --preset paper or --config FILE", "--dry-run");
    refuse("cannot read " + dir.resolve("no.yaml") + ": no such file or folder", "--config", dir.resolve("no.yaml"), "--out", run);
    refuse("--batch must be 1 or more, not 0", "--config", config, "--out", run, "--batch", 0);
    refuse("--threads must be 1 or more, not 0", "--config", config, "--out", run, "--threads", 0);
    Files.writeString(config, Files.readString(config).replace("use: [hamming:tokens, cosine:raw]", "use: [lpips:alex-0.1]"));
    refuse(config + ": metrics: lpips:alex-0.1 needs 'lpips: PATH'", "--config", config, "--out", dir.resolve("other"));
    Files.writeString(config, Files.readString(config).replace("lpips:alex-0.1", "beauty"));
    refuse(config + ": metrics: there is no metric 'beauty', only ", "--config", config, "--out", dir.resolve("other"));
  }

  private void refuse(String sentence, Object... args) {
    Object[] all = new Object[args.length + 1];
    all[0] = "probe";
    System.arraycopy(args, 0, all, 1, args.length);
    assertThat(run(all)).isEqualTo(2);
    assertThat(err()).startsWith("azulejo: " + sentence).hasLineCount(1);
  }

  @Test
  void theDemoExplainsItselfBeforeItFails() {
    assertThat(run("demo", "--out", run)).isEqualTo(2);
    assertThat(err()).startsWith("Three small generators").contains("azulejo: ").doesNotContain("\tat ");
  }
}

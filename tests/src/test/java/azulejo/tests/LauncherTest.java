package azulejo.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.assertj.core.api.ThrowingConsumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The {@code azulejo} script as a user calls it, on the classes of this build. */
class LauncherTest {
  private static final int MINUTES = 3;

  /** Where the user stands, with a space in its name. */
  private Path dir;
  private Path script;

  private record Result(int status, String out, String err) {}

  @BeforeEach
  void prepare(@TempDir Path temporary) throws IOException {
    dir = Files.createDirectory(temporary.resolve("a folder"));
    script = Path.of("").toAbsolutePath();
    while (!Files.exists(script.resolve("mvnw"))) {
      script = script.getParent();
    }
    script = script.resolve("azulejo");
  }

  @Test
  void generatesAPictureFromAnywhereThroughALink() throws Exception {
    Path link = Files.createSymbolicLink(dir.resolve("link"), script);
    Path again = Files.createSymbolicLink(dir.resolve("again"), link.getFileName());
    Result result = run(List.of(again.toString(), "generate", "--model", "demo/masked", "--prompt", "ein schöner Stern", "--steps", "1", "--out", "x y.png"));
    Files.delete(again); // JUnit warns of links out of its folder
    Files.delete(link);
    assertThat(result.err).contains("wrote x y.png").doesNotContainIgnoringCase("warning");
    assertThat(result.status).isZero();
    assertThat(result.out).isEmpty();
    assertThat(ImageIO.read(dir.resolve("x y.png").toFile()).getWidth()).isEqualTo(64);
    assertThat(Files.readString(dir.resolve("x y.png"), StandardCharsets.ISO_8859_1)).contains(latin1OfUtf8("ein schöner Stern"));
  }

  private static String latin1OfUtf8(String text) {
    return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
  }

  @Test
  void aMistakeIsOneSentenceAndNothingElse() throws Exception {
    assertThat(azulejo("generate", "--promt", "a", "--out", "x.png")).isEqualTo(
        new Result(2, "", "azulejo generate: unknown option '--promt' (did you mean --prompt or --prompts?); see azulejo generate --help\n"));
    assertThat(azulejo("generate", "--model", "nowhere", "--prompt", "a", "--out", "x.png")).satisfies(failsWith(1, "nowhere"));
    assertThat(azulejo("generate", "--prompt", "a", "--size", "63", "--out", "x.png")).satisfies(failsWith(2, "63"));
    assertThat(azulejo("generate", "--prompt", "a", "--out", "/proc/x.png")).satisfies(failsWith(1, "/proc/x.png"));
    assertNothingWritten();
  }

  @Test
  void aCheckpointThatIsCutOffIsOneSentence() throws Exception {
    Path model = dir.resolve("model");
    Path demo = script.resolveSibling("demo/masked");
    try (Stream<Path> files = Files.walk(demo)) {
      for (Path file : files.toList()) {
        Files.copy(file, model.resolve(demo.relativize(file)));
      }
    }
    Path weights = model.resolve("transformer/diffusion_pytorch_model.safetensors");
    try (RandomAccessFile file = new RandomAccessFile(weights.toFile(), "rw")) {
      file.setLength(file.length() - 1);
    }
    assertThat(azulejo("generate", "--model", "model", "--prompt", "a", "--out", "x.png"))
        .satisfies(failsWith(1, "model/transformer/diffusion_pytorch_model.safetensors"));
    assertThat(dir.resolve("x.png")).doesNotExist();
  }

  @Test
  void aFullTargetIsOneSentence() throws Exception {
    Result result = azulejo("generate", "--prompt", "a", "--steps", "1", "--quiet", "--out", "/dev/full");
    assertThat(result).isEqualTo(new Result(1, "", "azulejo: cannot write /dev/full: No space left on device\n"));
  }

  @Test
  void aReaderMayLeaveAPipe() throws Exception {
    Result result = run(List.of("bash", "-c", "\"$0\" completion | head -n 1; echo ${PIPESTATUS[*]}", script.toString()));
    assertThat(result).isEqualTo(new Result(0, "#!/usr/bin/env bash\n0 0\n", ""));
  }

  /** The JVM must not lose its voice with the filter: what it says of itself reaches the user, if after its end. */
  @Test
  void theJvmsOwnErrorsAreSeen() throws Exception {
    Result result = run(List.of("bash", "-c", "AZULEJO_JAVA_OPTIONS=-Xmx1q \"$0\" --version 2>&1 | cat; exit ${PIPESTATUS[0]}", script.toString()));
    assertThat(result.out).contains("-Xmx1q");
    assertThat(result.status).isEqualTo(1);
  }

  /** Without a folder for temporary files there is no pipe for the filter: the JVM's warning is seen, and nothing else is lost. */
  @Test
  void startsWhereNoPipeCanBeMade() throws Exception {
    assertThat(run(List.of("env", "TMPDIR=/nowhere", script.toString(), "generat")).err).startsWith("WARNING: Using incubator modules")
        .contains("\nazulejo: unknown argument 'generat'").hasLineCount(2);
  }

  @Test
  void theTestsRunWithTheLaunchersFlags() throws Exception {
    Matcher flags = Pattern.compile("<jvm.flags>(.+)</jvm.flags>").matcher(Files.readString(script.resolveSibling("pom.xml")));
    assertThat(flags.find()).isTrue();
    assertThat(Files.readString(script.resolveSibling("cli/src/main/resources/azulejo/cli/bundle/launch.sh"))).contains("\n    " + flags.group(1) + " \\\n");
  }

  @Test
  void ctrlCStopsWithinAStepAndLeavesNothing() throws Exception {
    // an environment that ignores SIGINT, as a background job's, must not reach the launcher
    Process process = start(List.of("env", "--default-signal=INT", script.toString(), "generate", "--backend", "reference", "--prompt", "a", "--steps", "200", "--out",
        "x.png"));
    Path err = dir.resolveSibling("err");
    while (!Files.readString(err).contains("seed: ") && process.isAlive()) {
      Thread.sleep(20);
    }
    new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).start().waitFor();
    Result result = finish(process);
    assertThat(result.err).endsWith("stopping (Ctrl-C again to stop at once)\nazulejo: stopped\n");
    assertThat(result.status).isEqualTo(130);
    assertNothingWritten();
  }

  // ---- ------------------------------------------------------------------------------------------------------------------------

  private static ThrowingConsumer<Result> failsWith(int status, String named) {
    return result -> {
      assertThat(result.err).startsWith("azulejo: ").contains(named).hasLineCount(1);
      assertThat(result.status).isEqualTo(status);
      assertThat(result.out).isEmpty();
    };
  }

  private void assertNothingWritten() throws IOException {
    try (Stream<Path> files = Files.list(dir)) {
      assertThat(files).isEmpty();
    }
  }

  private Result azulejo(String... args) throws Exception {
    List<String> command = new ArrayList<>(List.of(script.toString()));
    command.addAll(List.of(args));
    return run(command);
  }

  private Result run(List<String> command) throws Exception {
    return finish(start(command));
  }

  private Process start(List<String> command) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).directory(dir.toFile());
    builder.redirectOutput(dir.resolveSibling("out").toFile()).redirectError(dir.resolveSibling("err").toFile());
    builder.redirectInput(Path.of("/dev/null").toFile());
    builder.environment().put("AZULEJO_CLASSPATH", System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
    builder.environment().remove("AZULEJO_JAVA_OPTIONS");
    builder.environment().put("LC_ALL", "C"); // as in a container
    return builder.start();
  }

  private Result finish(Process process) throws Exception {
    if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
      process.destroyForcibly();
      throw new AssertionError("still running after " + MINUTES + " minutes: " + Files.readString(dir.resolveSibling("err")));
    }
    return new Result(process.exitValue(), Files.readString(dir.resolveSibling("out")), Files.readString(dir.resolveSibling("err")));
  }
}

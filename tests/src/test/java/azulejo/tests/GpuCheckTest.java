package azulejo.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code bench/gpu-check.sh} does before it needs a device. */
class GpuCheckTest {
  private static final int MINUTES = 3;

  @TempDir
  Path dir;

  private record Result(int status, String out) {}

  @Test
  void saysWhatItIsFor() throws Exception {
    Result result = run("--help");
    assertThat(result.status).isZero();
    assertThat(result.out).startsWith("Checks and measures the CUDA backend").contains("--prepare").contains("--seconds N").doesNotContain("#").doesNotContain("set -u");
  }

  @Test
  void aMistakeIsOneSentence() throws Exception {
    assertThat(run("--bogus")).isEqualTo(new Result(2, "gpu-check: unknown argument '--bogus'; see bench/gpu-check.sh --help\n"));
    assertThat(run("--out")).isEqualTo(new Result(2, "gpu-check: --out needs a value\n"));
    assertThat(run("--seconds", "ten")).isEqualTo(new Result(2, "gpu-check: --seconds must be a number of 1 or more, not 'ten'\n"));
  }

  @Test
  void withoutTheBackendItEndsEarlyAndSaysWhy() throws Exception {
    Path results = dir.resolve("results of a check");
    Result result = run("--backend", "abacus", "--out", results.toString());
    assertThat(result.status).isEqualTo(1);
    assertThat(result.out.lines()).last().isEqualTo("the backend abacus cannot run here: azulejo devices does not list it");
    assertThat(Files.readString(results.resolve("summary.txt"))).isEqualTo(result.out);
    assertThat(Files.readString(results.resolve("devices.log"))).contains("vector ");
    assertThat(results.resolve("machine.log")).isNotEmptyFile();
  }

  private Result run(String... args) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("bash", Path.of("../bench/gpu-check.sh").toAbsolutePath().normalize().toString()));
    command.addAll(List.of(args));
    Path out = dir.resolve("out");
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(out.toFile()).redirectInput(new File("/dev/null"));
    builder.environment().put("AZULEJO_CLASSPATH", System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
    Process process = builder.start();
    if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
      process.destroyForcibly();
      throw new AssertionError("still running after " + MINUTES + " minutes: " + Files.readString(out));
    }
    return new Result(process.exitValue(), Files.readString(out));
  }
}

package azulejo.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A small parity run on a device under NVIDIA's compute-sanitizer, where that is installed: with {@code ./mvnw verify -Pcuda}. */
@EnabledIfSystemProperty(named = "azulejo.test.cuda", matches = "(.*,)?cuda(,.*)?", disabledReason = "needs a device: ./mvnw verify -Pcuda")
class SanitizerTest {
  private static final int MINUTES = 10;
  /** What compute-sanitizer ends with if it has found something. */
  private static final int FOUND = 86;

  @ParameterizedTest
  @ValueSource(strings = {"memcheck", "racecheck"})
  void findsNothing(String tool, @TempDir Path dir) throws Exception {
    Optional<Path> sanitizer = sanitizer();
    assumeTrue(sanitizer.isPresent(), "compute-sanitizer is not installed");
    List<String> command = new ArrayList<>(List.of(sanitizer.get().toString(), "--tool", tool, "--error-exitcode", Integer.toString(FOUND),
        Path.of(System.getProperty("java.home"), "bin", "java").toString(), "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-cp",
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")), "azulejo.cli.Main", "parity",
        "src/test/resources/goldens/amused512-tiny", "--backend", "cuda"));
    Path log = dir.resolve("log");
    Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).redirectInput(new File("/dev/null")).start();
    if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
      process.destroyForcibly();
      throw new AssertionError("still running after " + MINUTES + " minutes: " + Files.readString(log));
    }
    assertThat(process.exitValue()).as(() -> read(log)).isZero();
  }

  private static String read(Path log) {
    try {
      return Files.readString(log);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Optional<Path> sanitizer() {
    return Stream.concat(Stream.of(System.getenv("PATH").split(File.pathSeparator)), Stream.of("/usr/local/cuda/bin", "/opt/cuda/bin"))
        .map(folder -> Path.of(folder, "compute-sanitizer")).filter(Files::isExecutable).findFirst();
  }
}

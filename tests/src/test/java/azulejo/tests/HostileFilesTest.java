package azulejo.tests;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.cli.parity.Parity;
import azulejo.kernels.Backend;
import azulejo.kernels.Backends;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A small JVM reads what is good and refuses what is hostile among files of torch.save and safetensors, one check a file. */
class HostileFilesTest {
  private static final Path PICKLES = Path.of("src/test/resources/goldens/pickles");
  private static final long MAX_BYTES = 256L << 20;
  private static final String HIGH_WATER = "VmHWM:";

  @TempDir
  Path dir;

  @Test
  void refusesThemAllInASmallJvm() throws Exception {
    Path report = dir.resolve("report.txt");
    Process process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx96m", "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1", "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"), Reader.class.getName(), PICKLES.toString())
        .redirectErrorStream(true).redirectOutput(report.toFile()).start();
    assertThat(process.waitFor(2, TimeUnit.MINUTES)).as("ends").isTrue();
    List<String> lines = Files.readAllLines(report);
    assertThat(lines).noneMatch(line -> line.startsWith("  FAILED "));
    // 59 files of torch.save, 6 of safetensors, 2 folders; 117, 10 and 67 hostile ones, and their 3 folders
    assertThat(lines).anyMatch(line -> line.startsWith("264 checks passed, 0 failed"));
    lines.stream().filter(line -> line.startsWith(HIGH_WATER)).map(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
        .forEach(bytes -> assertThat(bytes).as("memory of the whole process").isLessThan(MAX_BYTES));
  }

  /** Runs the checks of a folder, and prints the most memory that the process had, where Linux tells. */
  static final class Reader {
    public static void main(String[] folder) throws IOException {
      try (Backend backend = Backends.open("reference")) {
        Parity.run(Path.of(folder[0]), backend, System.out::println);
      }
      Path status = Path.of("/proc/self/status");
      if (Files.exists(status)) {
        Files.readAllLines(status).stream().filter(line -> line.startsWith(HIGH_WATER)).forEach(System.out::println);
      }
    }
  }
}

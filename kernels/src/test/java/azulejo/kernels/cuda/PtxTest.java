package azulejo.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a device's own compiler says of the kernels, on a machine that has one but no device. */
class PtxTest {
  @TempDir
  Path dir;

  @Test
  void everyKernelCompilesForEachArchitecture() throws IOException, InterruptedException {
    assumeTrue(starts("nvcc"), "nvcc compiles to PTX");
    run("./ptx", dir.toString());
    try (Stream<Path> files = Files.list(Path.of("src/main/resources/azulejo/kernels/cuda"))) {
      List<String> sources = files.map(file -> file.getFileName().toString()).filter(name -> name.endsWith(".cu")).map(name -> name.replace(".cu", "")).toList();
      assertThat(sources).contains("pointwise");
      for (String source : sources) {
        List<List<String>> kernels = new ArrayList<>();
        for (int architecture : PackagedImages.ARCHITECTURES) {
          String ptx = Files.readString(dir.resolve(source + ".sm_" + architecture + ".ptx"));
          assertThat(ptx).contains(".target sm_" + architecture);
          kernels.add(Pattern.compile("\\.visible \\.entry (\\w+)\\(").matcher(ptx).results().map(m -> m.group(1)).toList());
        }
        assertThat(kernels.getFirst()).as(source).isNotEmpty().isEqualTo(kernels.getLast());
      }
    }
  }

  private static boolean starts(String command) {
    try {
      return new ProcessBuilder(command, "--version").redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start().waitFor() == 0;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
  }
}

package azulejo.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A bundle of this build's jars, run as on a machine without Java. */
class BundleTest {
  private static final int MINUTES = 2;
  private static final long MOST_BYTES = 60_000_000;

  @TempDir
  Path dir;

  private record Result(int status, String out, String err) {}

  /** {@code mvn verify} has packaged the jar by now; {@code mvn test} runs on classes, of which no bundle can be made. */
  private static String jar() {
    String path = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    String jar = Stream.of(path.split(File.pathSeparator)).filter(entry -> entry.endsWith("azulejo.jar")).findFirst().orElse("");
    Assumptions.assumeFalse(jar.isEmpty(), "the jars are not packaged: run mvn verify");
    return jar;
  }

  @Test
  void runsWithoutJavaAndMakesTheSamePicture() throws Exception {
    Path home = Path.of("").toAbsolutePath().getParent();
    List<String> clone = List.of("env", "AZULEJO_CLASSPATH=" + jar(), home.resolve("azulejo").toString());

    Result made = run(clone, "bundle", "made here");
    assertThat(made.err.lines()).last().asString().startsWith("wrote made here: ");
    assertThat(made.status).isZero();

    Path bundle = Files.move(dir.resolve("made here"), dir.resolve("a bundle")); // it may be moved
    assertThat(bytes(bundle)).isLessThan(MOST_BYTES);
    assertThat(bundle).isDirectoryContaining("glob:**/LICENSE").isDirectoryContaining("glob:**/README.txt");
    assertThat(bundle.resolve("licences")).isDirectoryContaining("glob:**/lwjgl").isDirectoryContaining("glob:**/sqlite-jdbc-*");
    Path link = Files.createSymbolicLink(dir.resolve("link"), bundle.resolve("azulejo"));
    List<String> bare = List.of("env", "-i", "PATH=/usr/bin:/bin", "JAVA_HOME=/nowhere", link.toString());

    assertThat(run(bare, "--version").out).matches("azulejo \\d\\S+, Java \\S+\n");
    assertThat(run(bare, "devices").out.lines()).anyMatch(line -> line.startsWith("vector ") && line.endsWith(" (default)"));
    assertThat(run(bare, "bundle", "another").err).startsWith("azulejo: the Java in " + bundle.resolve("runtime") + " has no jlink").hasLineCount(1);

    String[] generate = {"generate", "--model", home.resolve("demo/masked").toString(), "--prompt", "ein schöner Stern", "--steps", "1", "--seed", "1", "--quiet", "--out"};
    assertThat(run(clone, with(generate, "clone.png"))).isEqualTo(new Result(0, "", ""));
    assertThat(run(bare, with(generate, "bundle.png"))).isEqualTo(new Result(0, "", ""));
    assertThat(dir.resolve("bundle.png")).hasSameBinaryContentAs(dir.resolve("clone.png"));
    Files.delete(link); // JUnit warns of links out of its folder
  }

  private static String[] with(String[] args, String last) {
    return Stream.concat(Stream.of(args), Stream.of(last)).toArray(String[]::new);
  }

  private static long bytes(Path folder) throws IOException {
    long bytes = 0;
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        bytes += Files.size(file);
      }
    }
    return bytes;
  }

  private Result run(List<String> azulejo, String... args) throws Exception {
    List<String> command = new ArrayList<>(azulejo);
    command.addAll(List.of(args));
    ProcessBuilder builder = new ProcessBuilder(command).directory(dir.toFile());
    Path out = dir.resolve("out");
    Path err = dir.resolve("err");
    builder.redirectOutput(out.toFile()).redirectError(err.toFile()).redirectInput(Path.of("/dev/null").toFile());
    builder.environment().remove("AZULEJO_JAVA_OPTIONS");
    Process process = builder.start();
    if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
      process.destroyForcibly();
      throw new AssertionError("still running after " + MINUTES + " minutes: " + Files.readString(err));
    }
    return new Result(process.exitValue(), Files.readString(out), Files.readString(err));
  }
}

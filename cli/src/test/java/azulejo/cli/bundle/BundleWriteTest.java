package azulejo.cli.bundle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.cli.Main;
import azulejo.runtime.Cancelled;
import azulejo.runtime.OutputException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarFile;
import java.util.spi.ToolProvider;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sqlite.JDBC;
import org.sqlite.util.OSInfo;
import picocli.CommandLine;

/** Parts of a bundle; a whole one is made and run by the module {@code tests}, where there are jars. */
class BundleWriteTest {
  @TempDir
  Path dir;

  /** When this fails, a dependency was added or removed: write what jdeps says into {@link JavaRuntime#MODULES}. */
  @Test
  void theModulesAreThoseThatJdepsFinds() throws Exception {
    StringWriter out = new StringWriter();
    Path classes = Path.of(Main.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    ToolProvider.findFirst("jdeps").orElseThrow().run(new PrintWriter(out), new PrintWriter(out), "--multi-release", "25", "--ignore-missing-deps",
        "--print-module-deps", "--class-path", System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")), classes.toString());
    assertThat(out.toString().strip()).isEqualTo(String.join(",", JavaRuntime.MODULES));
  }

  @ParameterizedTest
  @ValueSource(strings = {"linking a Java runtime", "copying the demo's models"})
  void nothingIsLeftOfABundleThatIsStopped(String last) {
    List<String> steps = new ArrayList<>();
    assertThatThrownBy(() -> Bundle.write(dir.resolve("new"), CommandLine.class, "1", Path.of(".."), true, step -> {
      steps.add(step);
      if (step.equals(last)) {
        throw new Cancelled();
      }
    })).isInstanceOf(Cancelled.class);
    assertThat(steps).endsWith(last);
    assertThat(dir).isEmptyDirectory();
  }

  @Test
  void whatIsMissingIsNamedBeforeAnythingIsMade() throws IOException {
    List<String> steps = new ArrayList<>();
    Path home = Files.createDirectory(dir.resolve("home"));
    assertThatThrownBy(() -> Bundle.write(dir.resolve("new"), CommandLine.class, "1", home, true, steps::add)).isInstanceOf(OutputException.class)
        .hasMessage("a bundle needs " + home.resolve("LICENSE") + ", which is not there");
    Files.writeString(home.resolve("LICENSE"), "");
    assertThatThrownBy(() -> Bundle.write(dir.resolve("new"), CommandLine.class, "1", home, true, steps::add)).isInstanceOf(OutputException.class)
        .hasMessage("a bundle needs " + home.resolve("demo") + ", which is not there");
    assertThat(steps).isEmpty();
    assertThat(dir).isDirectoryNotContaining(file -> !file.equals(home));
  }

  @Test
  void jlinksReasonIsTheMessages() {
    assertThatThrownBy(() -> JavaRuntime.link(Path.of("/proc/azulejo"))).hasMessageStartingWith("jlink failed: ").hasMessageContaining("/proc/azulejo")
        .message().doesNotContain("Exception").hasLineCount(1);
  }

  @Test
  void aJarKeepsThisMachinesLibrariesOnly() throws Exception {
    Path jar = Jars.of(JDBC.class).getFirst();
    Jars.copy(jar, dir);
    try (JarFile before = new JarFile(jar.toFile()); JarFile after = new JarFile(dir.resolve(jar.getFileName()).toFile())) {
      assertThat(libraries(before)).hasSizeGreaterThan(10);
      assertThat(libraries(after)).singleElement().asString().startsWith("org/sqlite/native/" + OSInfo.getNativeLibFolderPathForCurrentOS() + "/");
      assertThat(after.size()).isEqualTo(before.size() - libraries(before).size() + 1);
      assertThat(after.getManifest()).isEqualTo(before.getManifest());
    }
    Jars.copyLicences(jar, dir.resolve("licences"));
    assertThat(dir.resolve("licences/LICENSE")).content().contains("Apache License");
  }

  private static List<String> libraries(JarFile jar) {
    return jar.stream().map(ZipEntry::getName).filter(name -> name.matches(".*\\.(so|dll|dylib)")).toList();
  }

  @Test
  void aJarWithoutLibrariesIsCopiedAsItIs() throws Exception {
    Path jar = Jars.of(CommandLine.class).getFirst();
    Jars.copy(jar, dir);
    assertThat(dir.resolve(jar.getFileName())).hasSameBinaryContentAs(jar);
    Jars.copyLicences(jar, dir.resolve("licences"));
    assertThat(dir.resolve("licences")).doesNotExist();
  }
}

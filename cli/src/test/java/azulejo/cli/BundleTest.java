package azulejo.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class BundleTest extends CliTest {

  @Test
  void aFolderInUseIsRefused() throws IOException {
    Files.writeString(dir.resolve("x"), "");
    assertThat(run("bundle", dir)).isEqualTo(1);
    assertThat(err()).isEqualTo("azulejo: " + dir + " is not empty: name a new or an empty folder\n");
    assertThat(run("bundle", dir.resolve("x"))).isEqualTo(1);
    assertThat(err()).isEqualTo("azulejo: " + dir.resolve("x") + " is a file: name a new or an empty folder\n");
    assertThat(run("bundle")).isEqualTo(2);
    assertThat(files()).containsExactly("x");
  }

  @Test
  void classesAreNoBundle() {
    assertThat(run("bundle", dir.resolve("new"))).isEqualTo(1);
    assertThat(err()).isEqualTo("azulejo: a bundle is made of jars, but this Azulejo runs from the classes in " + Path.of("target/classes").toAbsolutePath()
        + ": start it without AZULEJO_CLASSPATH\n");
    assertThat(dir).isEmptyDirectory();
  }

  @Test
  void aBundleWithoutTheDemoSaysHowToGetIt() throws IOException {
    Files.createDirectories(dir.resolve("home/lib"));
    Files.writeString(dir.resolve("home/lib/azulejo.jar"), "");
    assertThat(run("generate", "--prompt", "a", "--out", dir.resolve("x.png"), "--quiet")).isEqualTo(2);
    assertThat(err()).isEqualTo(
        "azulejo: demo/masked is not here: this bundle was made without the demo's models, which azulejo bundle includes with --with-demo\n");
  }
}

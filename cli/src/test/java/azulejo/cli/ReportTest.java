package azulejo.cli;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.probes.experiment.ExperimentFile;
import azulejo.probes.run.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ReportTest extends CliTest {

  @Test
  void aFolderThatIsNoRun() throws IOException {
    assertThat(run("report", dir.resolve("nowhere"))).isEqualTo(2);
    assertThat(err()).isEqualTo("azulejo: " + dir.resolve("nowhere") + " does not exist: azulejo probe makes one\n");
    assertThat(run("report", dir)).isEqualTo(2);
    assertThat(err()).startsWith("azulejo: " + dir + " holds no run").hasLineCount(1);
    Path damaged = Files.createDirectories(dir.resolve("damaged"));
    Files.writeString(damaged.resolve("run.json"), "{");
    Files.writeString(damaged.resolve("run.sqlite"), "no store");
    assertThat(run("report", damaged)).isEqualTo(1);
    assertThat(err()).startsWith("azulejo: " + damaged.resolve("run.json") + " is damaged: ").hasLineCount(1);
    assertThat(files()).containsExactly("damaged/run.json", "damaged/run.sqlite");
  }

  @Test
  void anUnfinishedRun() throws IOException {
    Path run = begun();
    assertThat(run("report", run)).as(err()).isZero();
    assertThat(err()).isEqualTo("note: the run is not finished, 4 images are still to be made; the report shows what is complete\n"
        + "wrote " + run.resolve("report.html") + " and " + run.resolve("report-data") + "\n");
    assertThat(run.resolve("report.html")).content().contains("This run is not finished.").contains("&lt;b&gt;a star");
    assertThat(run("report", run, "--quiet", "--out", dir.resolve("other.html"))).isZero();
    assertThat(err()).isEmpty();
    assertThat(dir.resolve("other.html")).hasSameTextualContentAs(run.resolve("report.html"));
  }

  @Test
  void aPageThatCannotBeWritten() throws IOException {
    assertThat(run("report", begun(), "--out", dir.resolve("none/page.html"))).isEqualTo(1);
    assertThat(err()).isEqualTo("azulejo: cannot write " + dir.resolve("none/page.html") + ": " + dir.resolve("none")
        + " does not exist, create that folder first\n");
  }

  /** A run of which nothing is made yet. */
  private Path begun() throws IOException {
    Path model = Files.createDirectories(dir.resolve("model"));
    Files.writeString(model.resolve("config.json"), "{}");
    Path run = dir.resolve("run");
    RunFolder.open(run, Optional.of(ExperimentFile.parse("test.yaml", """
        images: 2
        prompts: ["<b>a star", a moon]
        models: {one: model}
        conditions: {baseline: }
        """, dir::resolve)), () -> false).close();
    return run;
  }
}

package azulejo.probes.run;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.probes.report.Report;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From a run's folder to its page. */
class RunReportTest {
  @TempDir
  Path dir;

  @Test
  void aRunBecomesAPage() {
    try (RunFolder run = RunFolder.open(dir.resolve("run"), Optional.of(FakeWorkshop.experiment(dir.resolve("checkpoints"))),
        () -> false)) {
      new Executor(run, new FakeWorkshop(), 5, new RunListener() {}).run();
    }
    try (RunFolder run = RunFolder.read(dir.resolve("run"))) {
      Report report = Report.of(RunResults.of(run));
      assertThat(report.html()).doesNotContain("not finished")
          .contains("<h4>one</h4>").contains(">Mean level<").contains(">Entropy of the draw<").contains("two: <bdi>a ring</bdi>")
          .contains("&quot;images&quot; : 3");
      String mean = run.store().values().stream()
          .filter(v -> v.model().equals("two") && v.condition().equals("argmax") && v.metric().equals("mean"))
          .mapToDouble(v -> v.value()).average().stream().mapToObj(m -> Double.toString(m).substring(0, 10)).findFirst().orElseThrow();
      assertThat(report.data().get("values.csv")).containsPattern("two,[^,]*,mean,3," + mean);
      assertThat(report.data().get("codebook.csv")).contains("one,baseline,36,"); // 3 prompts x 3 images x 4 tokens
    }
  }
}

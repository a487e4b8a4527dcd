package azulejo.cli;

import azulejo.probes.Results;
import azulejo.probes.experiment.Experiment;
import azulejo.probes.experiment.ExperimentFile;
import azulejo.probes.report.Report;
import azulejo.probes.run.RunFolder;
import azulejo.probes.run.RunResults;
import azulejo.runtime.AtomicFile;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "demo",
    sortOptions = false,
    description = {"Show where the diversity of three kinds of generators comes from, on the small models that come with Azulejo.",
        "Takes some minutes; when stopped, the same command goes on."},
    footerHeading = "%nExamples:%n",
    footer = {
      "  azulejo demo",
      "  azulejo demo --out /tmp/demo"
    })
final class DemoCommand implements Runnable {
  private static final String EXPLANATION = """
      Three small generators draw the same prompts: one token after another (autoregressive), from a mask that
      is lifted step by step (masked), and out of noise (diffusion). All choose from one codebook of 1024 tokens.

      Whatever differs between two pictures of a prompt is either the path, the order in which tokens are settled,
      or the draw of each token. The probes take one source of difference away and look at what is left:
        subset       only the most frequent tenth of the codebook may be drawn
        argmax       every draw takes the likeliest token
        paraphrase   the prompt is put in other words for each picture
        frozen path  all pictures of a prompt share one path;  frozen draw: all share the numbers of the draws
      """;

  private final Environment environment;

  @Option(names = "--out", paramLabel = "DIR", defaultValue = "azulejo-demo", description = "Folder of the run and its report (default: ${DEFAULT-VALUE}).")
  private Path out;

  @Mixin
  private BackendOption backendOption;

  @Option(names = "--quiet", description = "Print nothing but errors.")
  private boolean quiet;

  DemoCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public void run() {
    StatusLine status = new StatusLine(environment.err(), quiet, environment.columns());
    EXPLANATION.lines().forEach(status::println);
    Experiment experiment = ExperimentFile.preset("quick", environment::resolve);
    status.println("");
    status.println(experiment.cells().size() + " pictures go to " + out + "; Ctrl-C stops, and the same command goes on.");
    Path page = out.resolve("report.html");
    try {
      long start = System.nanoTime();
      new Run(environment, backendOption, status).execute(out, Optional.of(experiment), Run.BATCH);
      status.show("computing intervals and drawing");
      try (RunFolder run = RunFolder.read(out)) {
        AtomicFile.check(page);
        Results results = RunResults.of(run);
        Report.of(results).write(page);
      }
      status.println("done after " + RunProgress.time((System.nanoTime() - start) / 1e9) + "; open this page in a browser:");
      status.println(page.toAbsolutePath().normalize().toString());
    } finally {
      status.clear();
    }
  }
}

package azulejo.cli;

import azulejo.probes.Results;
import azulejo.probes.Results.Missing;
import azulejo.probes.report.Report;
import azulejo.probes.run.RunFolder;
import azulejo.probes.run.RunResults;
import azulejo.runtime.AtomicFile;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "report",
    description = {
      "Turn a run into the paper's figures.",
      "One HTML file that needs nothing else, and beside it a folder with each figure's data as CSV. A run that is not finished, or goes"
          + " on meanwhile, is shown as far as it is."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  azulejo report runs/first",
      "  azulejo report runs/first --out first.html"
    })
final class ReportCommand implements Runnable {
  private final Environment environment;

  @Parameters(paramLabel = "RUN_DIR", description = "A run's folder, as azulejo probe makes it.")
  private Path dir;

  @Option(names = "--out", paramLabel = "FILE", description = "Where the page goes (default: report.html in the run's folder).")
  private Path out;

  @Option(names = "--quiet", description = "Print nothing but errors.")
  private boolean quiet;

  ReportCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public void run() {
    StatusLine status = new StatusLine(environment.err(), quiet, environment.columns());
    try (RunFolder run = RunFolder.read(dir)) {
      Path page = out == null ? dir.resolve("report.html") : out;
      AtomicFile.check(page);
      status.show("reading the run");
      Results results = RunResults.of(run);
      int missing = results.missing().stream().mapToInt(Missing::images).sum();
      if (missing > 0) {
        status.println("note: the run is not finished, " + missing + (missing == 1 ? " image is" : " images are")
            + " still to be made; the report shows what is complete");
      }
      status.show("computing intervals and drawing");
      Path data = Report.of(results).write(page);
      status.println("wrote " + page + " and " + data);
    } finally {
      status.clear();
    }
  }
}

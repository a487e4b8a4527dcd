package azulejo.cli;

import azulejo.cli.bundle.Bundle;
import azulejo.runtime.Cancelled;
import java.nio.file.Path;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "bundle",
    sortOptions = false,
    description = {
      "Make a folder that runs on machines without Java and Python: a Java runtime, the jars and a launcher.",
      "For this system and architecture. It takes under 60 MB and may be copied anywhere."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  azulejo bundle /tmp/azulejo && /tmp/azulejo/azulejo devices",
      "  azulejo bundle /tmp/azulejo --with-demo"
    })
final class BundleCommand implements Runnable {
  private final Environment environment;

  @Parameters(index = "0", paramLabel = "DIR", description = "A new or an empty folder.")
  private Path dir;

  @Option(names = "--with-demo", description = "Include the demo's models, which azulejo demo needs: 55 MB more.")
  private boolean demo;

  @Option(names = "--quiet", description = "Print nothing but errors.")
  private boolean quiet;

  BundleCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public void run() {
    StatusLine status = new StatusLine(environment.err(), quiet, environment.columns());
    long start = System.nanoTime();
    Bundle.Summary summary;
    try (Interrupt.Stretch _ = environment.interrupt().stoppable()) {
      summary = Bundle.write(dir, Main.class, Version.number(), environment.home(), demo, step -> {
        if (environment.interrupt().requested()) {
          throw new Cancelled();
        }
        status.show(step);
      });
    } finally {
      status.clear();
    }
    status.println(String.format(Locale.ROOT, "wrote %s: %.1f MB (Java %.1f, jars %.1f%s), %.1f s", dir, summary.all() / 1e6, summary.runtime() / 1e6,
        summary.lib() / 1e6, demo ? String.format(Locale.ROOT, ", demo %.1f", summary.demo() / 1e6) : "", (System.nanoTime() - start) / 1e9));
  }
}

package azulejo.cli;

import azulejo.kernels.Backends;
import picocli.CommandLine.Command;

@Command(
    name = "devices",
    description = {
      "List what Azulejo can compute with on this machine.",
      "One backend a line, for --backend: what it runs on, or why it cannot run here and what would cure that."
    },
    footerHeading = "%nExamples:%n",
    footer = "  azulejo devices")
final class DevicesCommand implements Runnable {
  private final Environment environment;

  DevicesCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public void run() {
    for (Backends.Status backend : Backends.survey()) {
      environment.out().println(String.format("%-10s  %s%s%s", backend.name(), backend.available() ? "" : "not available: ", backend.detail(),
          backend.name().equals(Backends.DEFAULT) ? " (default)" : ""));
    }
  }
}

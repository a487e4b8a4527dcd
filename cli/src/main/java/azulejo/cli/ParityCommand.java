package azulejo.cli;

import azulejo.cli.parity.Parity;
import azulejo.kernels.Backend;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

@Command(
    name = "parity",
    description = {
      "Compare this implementation with recordings of the official one.",
      "A golden folder holds inputs and outputs of the official implementation, with or without the checkpoint that made them. Every check that its files"
          + " allow prints a line: largest error, tolerance, verdict. The exit status is 1 when one fails, or when none ran."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  azulejo parity goldens/amused-tiny",
      "  azulejo parity goldens/clip-tiny --backend reference"
    })
final class ParityCommand implements Callable<Integer> {
  private final Environment environment;

  @Parameters(paramLabel = "DIR", description = "The golden folder.")
  private Path dir;

  @Mixin
  private BackendOption backendOption;

  ParityCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() {
    try (Backend backend = backendOption.open(environment.engine())) {
      environment.err().println("backend: " + backend.description());
      return Parity.run(environment.resolve(dir), backend, this::print).succeeded() ? 0 : 1;
    }
  }

  /** At once, for a check may take minutes. */
  private void print(String line) {
    environment.out().println(line);
    environment.out().flush();
  }
}

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
          + " allow prints a line: largest error, tolerance, verdict. The exit status is 1 when one fails, or when none ran.",
      "With narrow weights the tolerance of what they give is wider, and tokens that a run draws are told and not judged."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  azulejo parity goldens/amused-tiny",
      "  azulejo parity goldens/clip-tiny --backend reference",
      "  azulejo parity goldens/vqdiffusion-tiny --weights bf16"
    })
final class ParityCommand implements Callable<Integer> {
  private final Environment environment;

  @Parameters(paramLabel = "DIR", description = "The golden folder.")
  private Path dir;

  @Mixin
  private WeightsOption weightsOption;

  @Mixin
  private BackendOption backendOption;

  ParityCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() {
    try (Backend backend = backendOption.open(environment.engine())) {
      environment.err().println("backend: " + backend.description());
      return Parity.run(environment.resolve(dir), backend, weightsOption.format(), this::print).succeeded() ? 0 : 1;
    }
  }

  /** At once, for a check may take minutes. */
  private void print(String line) {
    environment.out().println(line);
    environment.out().flush();
  }
}

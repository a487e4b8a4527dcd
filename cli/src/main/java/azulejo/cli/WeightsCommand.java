package azulejo.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(name = "weights", synopsisSubcommandLabel = "COMMAND", description = "Work on checkpoints.",
    footerHeading = "%nExamples:%n", footer = {
      "  azulejo weights inspect demo/masked",
      "  azulejo weights synth amused-256 /tmp/amused-256"
    })
final class WeightsCommand implements Runnable {
  @Spec
  private CommandSpec spec;

  static CommandLine commandLine(Environment environment) {
    return new CommandLine(new WeightsCommand())
        .addSubcommand(new WeightsPullCommand(environment))
        .addSubcommand(new WeightsInspectCommand(environment))
        .addSubcommand(new WeightsVerifyCommand(environment))
        .addSubcommand(new WeightsConvertCommand(environment))
        .addSubcommand(new WeightsQuantizeCommand(environment))
        .addSubcommand(new WeightsSynthCommand(environment));
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "missing command");
  }
}

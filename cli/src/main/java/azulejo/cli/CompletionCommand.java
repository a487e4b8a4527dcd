package azulejo.cli;

import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

@Command(
    name = "completion",
    description = "Print a script that completes azulejo's commands and options in bash and zsh.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  source <(azulejo completion)                 # this shell",
      "  azulejo completion > ~/.local/share/bash-completion/completions/azulejo"
    })
final class CompletionCommand implements Runnable {
  private final Environment environment;

  @Spec
  private CommandSpec spec;

  CompletionCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public void run() {
    environment.out().println(AutoComplete.bash("azulejo", spec.root().commandLine()));
  }
}

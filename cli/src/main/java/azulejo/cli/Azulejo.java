package azulejo.cli;

import java.io.PrintWriter;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/** The command {@code azulejo}: its subcommands, and how every one of them ends. */
@Command(
    name = "azulejo",
    synopsisSubcommandLabel = "COMMAND",
    description = "Generates images from discrete tokens, on the JVM alone.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  azulejo generate --prompt \"a large red star\" --out star.png",
      "  azulejo generate --help",
      "  azulejo devices"
    })
final class Azulejo implements Runnable {
  /** Exit status for a command line that makes no sense, as opposed to 1 for a failure. */
  static final int USAGE = 2;

  @Spec
  private CommandSpec spec;

  @Option(names = "--debug", scope = ScopeType.INHERIT, description = "After an error, print where in the program it happened.")
  private boolean debug;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "missing command");
  }

  static CommandLine commandLine(Environment environment) {
    CommandLine azulejo = new CommandLine(new Azulejo())
        .addSubcommand(new GenerateCommand(environment))
        .addSubcommand(new DemoCommand(environment))
        .addSubcommand(new ProbeCommand(environment))
        .addSubcommand(new ReportCommand(environment))
        .addSubcommand(new MetricsCommand(environment))
        .addSubcommand(new UsageCommand(environment))
        .addSubcommand(new DevicesCommand(environment))
        .addSubcommand(new ParityCommand(environment))
        .addSubcommand(new BenchCommand(environment))
        .addSubcommand(WeightsCommand.commandLine(environment))
        .addSubcommand(new BundleCommand(environment))
        .addSubcommand(new CompletionCommand(environment));
    configure(azulejo);
    return azulejo;
  }

  /** What all commands have in common. */
  private static void configure(CommandLine command) {
    command.getCommandSpec().mixinStandardHelpOptions(true).versionProvider(new Version());
    command.getCommandSpec().usageMessage().width(100).abbreviateSynopsis(true);
    command.getSubcommands().values().forEach(Azulejo::configure);
  }

  /**
   * Runs a command line to its end and tells the user, in one sentence, what went wrong.
   *
   * @return the exit status: 0, {@link #USAGE}, 1 for a failure, {@link Interrupt#STATUS} after Ctrl-C
   */
  static int run(Environment environment, String... args) {
    CommandLine azulejo = commandLine(environment)
        .setOut(environment.out().writer())
        .setErr(new PrintWriter(environment.err(), true))
        .setColorScheme(CommandLine.Help.defaultColorScheme(Ansi.OFF))
        .setParameterExceptionHandler((e, _) -> {
          environment.err().println(sentence(e));
          return USAGE;
        })
        .setExecutionExceptionHandler((e, command, _) -> fail(environment, command, e));
    try {
      int status = azulejo.execute(args);
      environment.out().flush();
      return status;
    } catch (Throwable e) { // picocli hands only exceptions to its handler: this is an error, or standard output's
      return fail(environment, azulejo, e);
    }
  }

  private static int fail(Environment environment, CommandLine command, Throwable e) {
    Failure failure = Failure.of(e);
    environment.err().println("azulejo: " + failure.sentence());
    if (((Azulejo) command.getCommandSpec().root().userObject()).debug) {
      e.printStackTrace(environment.err());
    }
    return failure.status();
  }

  private static String sentence(ParameterException e) {
    String command = e.getCommandLine().getCommandSpec().qualifiedName();
    String message = e.getMessage();
    if (e instanceof UnmatchedArgumentException unmatched) {
      List<String> suggestions = unmatched.getSuggestions();
      message = "unknown " + (unmatched.isUnknownOption() ? "option" : "argument") + " '" + unmatched.getUnmatched().getFirst() + "'"
          + (suggestions.isEmpty() ? "" : " (did you mean " + String.join(" or ", suggestions) + "?)");
    }
    return command + ": " + Character.toLowerCase(message.charAt(0)) + message.substring(1) + "; see " + command + " --help";
  }
}

package azulejo.cli;

import azulejo.runtime.Cancelled;
import azulejo.runtime.checkpoint.Audit.Verdict;
import azulejo.weights.Inspection;
import azulejo.weights.Verification;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "verify",
    description = {
      "Check a checkpoint: its files against the digests in its SHA256SUMS (or, in a hub's cache, in the names of its blobs), its tensors against what "
          + "the model's own loading code asks for.",
      "Says what is missing, of a wrong shape or left over; the exit status is 1 unless nothing is missing or wrong."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  azulejo weights verify demo/masked",
      "  azulejo weights verify ~/models/llamagen-XL"
    })
final class WeightsVerifyCommand implements Callable<Integer> {
  private final Environment environment;

  @Parameters(paramLabel = "DIR", description = "A model's folder, a component's, or a file.")
  private Path path;

  @Option(names = "--quiet", description = "Print nothing but what is wrong.")
  private boolean quiet;

  WeightsVerifyCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() {
    StatusLine status = new StatusLine(environment.err(), quiet, environment.columns());
    Verification verification;
    try (Interrupt.Stretch _ = environment.interrupt().stoppable()) {
      verification = Verification.of(environment.resolve(path), (bytes, total) -> {
        if (environment.interrupt().requested()) {
          throw new Cancelled();
        }
        status.show(String.format(Locale.ROOT, "reading, %.2f of %.2f GB", bytes / 1e9, total / 1e9));
      });
    } finally {
      status.clear();
    }
    print(verification);
    return verification.passed() ? 0 : 1;
  }

  private void print(Verification verification) {
    Inspection inspection = verification.inspection();
    say(inspection.path() + ": " + inspection.model());
    say("  files: " + files(verification));
    verification.faults().forEach(environment.out()::println);
    for (Inspection.Component component : inspection.components()) {
      say("  " + component.name() + ": " + tensors(component));
      if (!quiet || !component.lacking(Verdict.MISSING).isEmpty() || !component.lacking(Verdict.WRONG).isEmpty()) {
        WeightsInspectCommand.shortcomings(component).forEach(environment.out()::println);
      }
    }
    inspection.faults().forEach(environment.out()::println);
  }

  private static String files(Verification verification) {
    int digests = verification.digests();
    return digests == 0 ? "no digests to hold them against"
        : String.format(Locale.ROOT, "%d of %d have the digests that they should", digests - verification.faults().size(), digests);
  }

  private static String tensors(Inspection.Component component) {
    if (!component.checked()) {
      return component.tensors().size() + " tensors, and this version does not know which there should be";
    }
    return component.asked().isEmpty() ? component.tensors().size() + " tensors, opened by their own code"
        : String.format(Locale.ROOT, "%d tensors asked for, %d missing, %d wrong, %d left over", component.asked().size(),
            component.lacking(Verdict.MISSING).size(), component.lacking(Verdict.WRONG).size(), component.extra().size());
  }

  private void say(String line) {
    if (!quiet) {
      environment.out().println(line);
    }
  }
}

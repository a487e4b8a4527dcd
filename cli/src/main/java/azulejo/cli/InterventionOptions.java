package azulejo.cli;

import azulejo.kernels.Draw.Pick;
import azulejo.runtime.OptionException;
import azulejo.runtime.sampling.ArgmaxWindow;
import azulejo.runtime.sampling.CodebookSubset;
import azulejo.runtime.sampling.Intervention;
import azulejo.runtime.sampling.Usage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;

/** The probes as options: what of the codebook may be drawn, and where chance is taken out of the draw. */
final class InterventionOptions {
  /** What a model's folder calls the usage of its codes. */
  static final String USAGE = "usage.json";

  @Option(names = "--codebook", paramLabel = "RULE",
      description = {"Draw from a part of the codebook only: keep-top:F or drop-top:F (the most frequent fraction), drop-random:F@SEED, or mask:FILE",
          "(a code a line). Several rules leave what all of them leave."})
  private List<String> codebook = List.of();

  @Option(names = "--usage", paramLabel = "FILE",
      description = "How frequent the codes are, for --codebook: a file of azulejo usage (default: " + USAGE + " in the model's folder).")
  private Path usage;

  @Option(names = "--argmax", paramLabel = "WINDOW",
      description = "Take the most likely token instead of a random one: all, early, middle, late (thirds of the walk), or FROM-TO as fractions.")
  private String argmax;

  @Option(names = "--argmax-mode", paramLabel = "MODE",
      description = "Diffusion models: x0 takes the most likely clean grid and leaves the transition to chance, posterior takes the transition too (default: x0).")
  private String argmaxMode;

  /** @param model the model's folder */
  List<Intervention> interventions(Path model) {
    List<Intervention> all = new ArrayList<>();
    for (String rule : codebook) {
      all.add(CodebookSubset.of(rule, () -> usage(model)));
    }
    if (codebook.isEmpty() && usage != null) {
      throw new OptionException("--usage says how frequent codes are, which only --codebook asks for: add it, or leave --usage out");
    }
    if (argmax == null && argmaxMode != null) {
      throw new OptionException("--argmax-mode says how, but not when: add --argmax all");
    }
    if (argmax != null) {
      all.add(ArgmaxWindow.of(argmax, pick()));
    }
    return all;
  }

  private Pick pick() {
    return switch (argmaxMode) {
      case null -> Pick.ARGMAX;
      case "x0" -> Pick.ARGMAX;
      case "posterior" -> Pick.ARGMAX_TRANSITION;
      default -> throw new OptionException("--argmax-mode must be x0 or posterior, not '" + argmaxMode + "'");
    };
  }

  private Usage usage(Path model) {
    Path file = usage == null ? model.resolve(USAGE) : usage;
    if (!Files.exists(file)) {
      throw new OptionException(file + " does not exist, which says how frequent the codes are: make it with azulejo usage --model " + model
          + " --images DIR --out " + file);
    }
    return Usage.read(file);
  }
}

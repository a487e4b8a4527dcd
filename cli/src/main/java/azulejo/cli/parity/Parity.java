package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.JsonConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/**
 * Compares this implementation with recorded inputs and outputs of the official ones: a golden folder is a checkpoint with its recordings, or recordings
 * alone. What a folder holds says what is checked; dimensions, seeds and prompts come from its files.
 */
public final class Parity {
  private Parity() {}

  /**
   * @param unchecked the tensors that no check used
   */
  public record Report(int passed, int failed, List<String> unchecked) {
    /** Whether something was checked, and all of it agreed. */
    public boolean succeeded() {
      return passed > 0 && failed == 0;
    }
  }

  /**
   * Runs every check that the folder's files allow.
   *
   * @param out gets a line for each check, for each unused tensor, and a closing count
   * @throws CheckpointException when the folder is of no known kind, or one of its files is broken
   */
  public static Report run(Path dir, Backend backend, Consumer<String> out) {
    if (!Files.isDirectory(dir)) {
      throw new CheckpointException(dir + " is not a folder");
    }
    Checks checks = new Checks(out);
    try (Goldens goldens = new Goldens(Files.isDirectory(dir.resolve("goldens")) ? dir.resolve("goldens") : dir)) {
      check(dir, backend, goldens, checks);
      Report report = new Report(checks.passed(), checks.failed(), goldens.unused());
      if (!report.unchecked.isEmpty()) {
        checks.section("not checked");
        report.unchecked.forEach(name -> out.accept("  " + name));
      }
      out.accept("");
      out.accept(report.passed + report.failed == 0
          ? "no check ran: nothing in " + dir + " can be compared"
          : report.passed + " checks passed, " + report.failed + " failed, " + report.unchecked.size() + " tensors not checked");
      return report;
    }
  }

  private static void check(Path dir, Backend backend, Goldens goldens, Checks checks) {
    if (Files.exists(dir.resolve("cases.json"))) {
      TokenizerParity.check(dir, checks);
    } else if (goldens.names().contains("rng.safetensors")) {
      TorchRngParity.check(goldens, checks);
    } else if (Files.exists(dir.resolve("model_index.json")) && JsonConfig.read(dir.resolve("model_index.json")).text("_class_name", "").equals("AmusedPipeline")) {
      AmusedParity.check(dir, backend, goldens, checks);
    } else if (Files.exists(dir.resolve("config.json")) && architectures(dir.resolve("config.json")).contains("CLIPModel")) {
      ClipParity.check(dir, goldens, "model.safetensors", "texts", backend, checks);
      goldens.excuse("preprocess.safetensors", "", "CLIP vision encoder not in this version");
    } else if (DemoParity.recognises(dir, goldens)) {
      DemoParity.check(dir, backend, goldens, checks);
    } else {
      throw new CheckpointException(dir + " holds no goldens that this version knows: it looks for cases.json (tokenizer), rng.safetensors (random numbers), "
          + "model_index.json of an AmusedPipeline or config.json of a CLIPModel, each with a folder goldens");
    }
  }

  private static List<String> architectures(Path config) {
    JsonConfig json = JsonConfig.read(config);
    return json.has("architectures") ? json.texts("architectures") : List.of();
  }
}

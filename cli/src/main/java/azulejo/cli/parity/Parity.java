package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.WeightFormat;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.OptionException;
import azulejo.runtime.checkpoint.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;

/**
 * Compares this implementation with recorded inputs and outputs of the official ones: a golden folder is a checkpoint with its recordings,
 * or recordings alone. What a folder holds says what is checked; dimensions, seeds and prompts come from its files.
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

  /** {@link #run(Path, Backend, WeightFormat, Consumer)} at full precision. */
  public static Report run(Path dir, Backend backend, Consumer<String> out) {
    return run(dir, backend, WeightFormat.F32, out);
  }

  /**
   * Runs every check that the folder's files allow.
   *
   * @param format of the denoisers' linear layers; what they give may then differ by more, and what is drawn from it is told and not judged
   * @param out gets a line for each check, for each unused tensor, and a closing count
   * @throws CheckpointException when the folder is of no known kind, or one of its files is broken
   * @throws OptionException for a format other than F32 where the folder has no denoiser
   */
  public static Report run(Path dir, Backend backend, WeightFormat format, Consumer<String> out) {
    if (!Files.isDirectory(dir)) {
      throw new CheckpointException(dir + " is not a folder");
    }
    Checks checks = new Checks(format, out);
    try (Goldens goldens = new Goldens(Files.isDirectory(dir.resolve("goldens")) ? dir.resolve("goldens") : dir)) {
      if (checks.narrow() && !hasDenoiser(dir, goldens)) {
        throw new OptionException(dir + " has no model whose weights can be kept as " + format.label() + ": leave the format out");
      }
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
    } else if (PickleParity.recognises(dir)) {
      PickleParity.check(dir, checks);
    } else if (goldens.names().contains("rng.safetensors")) {
      TorchRngParity.check(goldens, checks);
    } else if (goldens.names().contains("golden_vq.safetensors")) {
      LlamaGenParity.check(dir, backend, goldens, checks);
    } else if (goldens.names().contains("golden.safetensors") && names(dir.resolve("config.json"), "model_type").contains("t5")) {
      T5Parity.check(dir, backend, goldens, checks);
    } else if (goldens.names().contains("golden.safetensors") && Files.exists(dir.resolve(QuantizerParity.CONFIG))) {
      QuantizerParity.check(dir, backend, goldens, checks);
    } else if (MetricsParity.recognises(goldens)) {
      MetricsParity.check(dir, backend, goldens, checks);
    } else if (DemoParity.recognises(dir, goldens)) {
      DemoParity.check(dir, backend, goldens, checks);
    } else if (LegacyBinParity.recognises(dir)) {
      LegacyBinParity.check(dir, backend, checks);
    } else if (!Files.isDirectory(dir.resolve("goldens"))) {
      throw unknown(dir);
    } else if (names(dir.resolve("model_index.json"), "_class_name").contains("AmusedPipeline")) {
      AmusedParity.check(dir, backend, goldens, checks);
    } else if (names(dir.resolve("model_index.json"), "_class_name").contains("VQDiffusionPipeline")) {
      VqDiffusionParity.check(dir, backend, goldens, checks);
    } else if (names(dir.resolve("config.json"), "architectures").contains("CLIPModel")) {
      ClipParity.check(dir, goldens, "model.safetensors", "texts", backend, checks);
    } else {
      throw unknown(dir);
    }
  }

  private static boolean hasDenoiser(Path dir, Goldens goldens) {
    return goldens.names().contains("golden_vq.safetensors") || DemoParity.recognises(dir, goldens)
        || Files.isDirectory(dir.resolve("goldens")) && Files.exists(dir.resolve("model_index.json"));
  }

  private static CheckpointException unknown(Path dir) {
    return new CheckpointException(dir + " holds no goldens that this version knows: it looks for cases.json (tokenizer), "
        + "good/manifest.json (checkpoint files), rng.safetensors (random numbers), golden_vq.safetensors (LlamaGen), "
        + "golden.safetensors (T5, quantisers), model_index.json of an AmusedPipeline "
        + "or a VQDiffusionPipeline or config.json of a CLIPModel, the last three with a folder goldens");
  }

  /** The class names under a field, a text or a list of them; none where there is no such file. */
  private static List<String> names(Path file, String field) {
    if (!Files.exists(file)) {
      return List.of();
    }
    JsonNode value = Json.object(file).path(field);
    return value.isString() ? List.of(value.stringValue()) : IntStream.range(0, value.size()).mapToObj(i -> value.get(i).asString("")).toList();
  }
}

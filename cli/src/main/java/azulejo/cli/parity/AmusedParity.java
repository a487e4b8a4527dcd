package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.models.Image;
import azulejo.models.amused.Amused;
import azulejo.models.amused.UVit2D;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.databind.JsonNode;

/** A folder of aMUSEd's pipeline with goldens of its components and of whole runs. */
final class AmusedParity {
  private AmusedParity() {}

  static void check(Path dir, Backend backend, Goldens goldens, Checks checks) {
    try (Amused model = Amused.open(dir, backend, checks.format())) {
      goldens.file("text_encoder.safetensors").ifPresent(golden ->
          checks.attempt("text encoder", () -> TextEncoderParity.check(golden, model.tokenizer(), model.textEncoder(), backend, checks)));
      checks.rounding(Rounding.of(dir.resolve("transformer"), w -> new UVit2D(model.transformer().config(), w), backend, checks.format()));
      goldens.file("transformer.safetensors").ifPresent(golden ->
          checks.attempt("transformer", () -> TransformerParity.check(golden, model.transformer(), dir.resolve("transformer"), backend, checks)));
      goldens.file("vqvae.safetensors").ifPresent(golden ->
          checks.attempt("VQ model", () -> VqParity.check(golden, model.vqvae(), dir.resolve("vqvae"), Image::levels, backend, checks)));
      goldens.file("scheduler.safetensors").ifPresent(golden ->
          checks.attempt("scheduler", () -> SchedulerParity.check(golden, model.curve(), backend, checks)));
      Path runs = dir.resolve("goldens/pipeline_runs.json");
      if (Files.exists(runs)) {
        JsonNode list = Goldens.json(runs);
        for (int i = 0; i < list.size(); i++) {
          JsonNode run = list.get(i);
          String tag = run.path("tag").asString("");
          goldens.file("pipeline_" + tag + ".safetensors").ifPresent(golden -> PipelineParity.check(golden, tag, run, model, backend, checks));
        }
      }
    }
  }
}

package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.HostTensor;
import azulejo.models.vqdiffusion.Transformer2D;
import azulejo.models.vqdiffusion.VqDiffusion;
import azulejo.runtime.Tap;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import tools.jackson.databind.JsonNode;

/** A folder of VQ-Diffusion's pipeline with goldens of its components and of whole runs. */
final class VqDiffusionParity {
  private static final double TEXT = 1e-4;

  private VqDiffusionParity() {}

  static void check(Path dir, Backend backend, Goldens goldens, Checks checks) {
    try (VqDiffusion model = VqDiffusion.open(dir, backend, checks.format())) {
      goldens.file("text_encoder.safetensors").ifPresent(golden -> {
        checks.section("text encoder");
        JsonNode prompts = golden.metadata("prompts");
        for (int i = 0; i < prompts.size(); i++) {
          String prompt = prompts.get(i).asString();
          Goldens.Golden one = golden.at(Integer.toString(i));
          String title = Integer.toString(i);
          checks.attempt("text " + i, () -> text(one, title, prompt, model, backend, checks));
        }
      });
      checks.rounding(Rounding.of(dir.resolve("transformer"), w -> new Transformer2D(model.transformer().config(), w), backend, checks.format()));
      goldens.file("transformer.safetensors").ifPresent(golden ->
          checks.attempt("transformer", () -> Transformer2DParity.check(golden, model.transformer(), backend, checks)));
      goldens.file("feedforward_variants.safetensors").ifPresent(golden ->
          checks.attempt("feed-forward", () ->
              Transformer2DParity.checkFeedForward(golden, dir.resolve("goldens/feedforward_variants.safetensors"), backend,
              checks)));
      goldens.file("vqvae.safetensors").ifPresent(golden ->
          checks.attempt("VQ model", () ->
              VqParity.check(golden, model.vqvae(), dir.resolve("vqvae"), VqDiffusion::levels, backend, checks)));
      goldens.file("scheduler.safetensors").ifPresent(golden ->
          checks.attempt("scheduler", () -> DiffusionParity.check(golden, dir, model.schedule(), backend, checks)));
      Path runs = dir.resolve("goldens/pipeline_runs.json");
      if (Files.exists(runs)) {
        JsonNode list = Goldens.json(runs);
        for (int i = 0; i < list.size(); i++) {
          JsonNode run = list.get(i);
          String tag = run.path("tag").asString("");
          goldens.file("pipeline_" + tag + ".safetensors")
              .ifPresent(golden -> DiffusionRunParity.check(golden, tag, run, model, backend, checks));
        }
      }
    }
  }

  private static void text(Goldens.Golden golden, String title, String prompt, VqDiffusion model, Backend backend, Checks checks) {
    int[] uncut = model.tokenizer().encodeUncut(prompt, model.textLength());
    int[][] ids = {Arrays.copyOf(uncut, model.textLength())};
    checks.equal(title + ".input_ids_untruncated", golden.tensor("input_ids_untruncated"), uncut);
    checks.equal(title + ".input_ids", golden.tensor("input_ids"), ids[0]);
    try (Backend.Scope _ = backend.scope()) {
      HostTensor hidden = backend.download(model.textEncoder().encode(ids, Tap.NONE).lastHidden());
      checks.closeIf(golden, title + ".", "last_hidden_state", _ -> hidden, TEXT);
      HostTensor normalised = backend.download(model.encode(ids));
      checks.closeIf(golden, title + ".", "prompt_embeds_normalised", _ -> normalised, TEXT);
    }
    checks.closeIf(golden, title + ".", "cfg_embeds", _ -> DiffusionRunParity.conditioning(model, prompt, backend), TEXT);
  }
}

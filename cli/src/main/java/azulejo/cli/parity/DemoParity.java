package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.models.amused.Amused;
import azulejo.models.clip.ClipTextEncoder;
import azulejo.models.amused.UVit2D;
import azulejo.models.llamagen.LlamaGen;
import azulejo.models.perceptual.Lpips;
import azulejo.models.vqdiffusion.Transformer2D;
import azulejo.models.vqdiffusion.VqDiffusion;
import azulejo.runtime.Tap;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** The recordings of the demo checkpoints, each of which lies in a folder beside them. */
final class DemoParity {
  private static final double TEXT = 1e-4;
  private static final double LOGITS = 1e-4;
  private static final double DISTANCES = 1e-5;
  /** Of the recorded step. */
  private static final int DIFFUSION_TIMESTEP = 12;

  private DemoParity() {}

  static boolean recognises(Path dir, Goldens goldens) {
    return goldens.file("masked.safetensors").isPresent() && Files.exists(beside(dir, "masked").resolve("model_index.json"));
  }

  static void check(Path dir, Backend backend, Goldens goldens, Checks checks) {
    try (Amused model = Amused.open(beside(dir, "masked"), backend, checks.format())) {
      checks.section("masked");
      checks.rounding(Rounding.of(beside(dir, "masked").resolve("transformer"), w -> new UVit2D(model.transformer().config(), w), backend, checks.format()));
      Goldens.Golden golden = goldens.file("masked.safetensors").orElseThrow();
      checks.attempt("step", () -> step(golden.at("step"), model, backend, checks));
      JsonNode runs = golden.metadata("runs");
      for (int i = 0; i < runs.size(); i++) {
        PipelineParity.checkResult(golden.at("run" + i), "run" + i, runs.get(i), model, backend, checks);
      }
    }
    if (Files.exists(beside(dir, "autoregressive"))) {
      goldens.file("autoregressive.safetensors").ifPresent(golden -> autoregressive(beside(dir, "autoregressive"), golden, backend, checks));
    }
    if (Files.exists(beside(dir, "diffusion").resolve("model_index.json"))) {
      goldens.file("diffusion.safetensors").ifPresent(golden -> diffusion(beside(dir, "diffusion"), golden, backend, checks));
    }
    if (Files.exists(beside(dir, "clip").resolve("config.json"))) {
      ClipParity.check(beside(dir, "clip"), goldens, "clip.safetensors", "captions", backend, checks);
    }
    if (Files.exists(beside(dir, "lpips"))) {
      goldens.file("lpips.safetensors").ifPresent(golden -> lpips(beside(dir, "lpips"), golden, backend, checks));
    }
  }

  private static Path beside(Path dir, String checkpoint) {
    return dir.toAbsolutePath().normalize().resolveSibling(checkpoint);
  }

  private static void autoregressive(Path folder, Goldens.Golden golden, Backend backend, Checks checks) {
    try (LlamaGen model = LlamaGen.open(folder, backend, checks.format())) {
      checks.section("autoregressive");
      JsonNode runs = golden.metadata("runs");
      for (int i = 0; i < runs.size(); i++) {
        LlamaGenRunParity.check(golden.at("run" + i), "run" + i, runs.get(i), model, backend, checks);
      }
    }
  }

  /** One call of the transformer at the model's own picture size, uncropped. */
  private static void step(Goldens.Golden golden, Amused model, Backend backend, Checks checks) {
    HostTensor wanted = golden.tensor("logits");
    HostTensor ids = golden.tensor("grid");
    int rows = ids.shape().size(0);
    int factor = model.vqvae().config().factor();
    Amused.MicroConditioning usual = Amused.MicroConditioning.DEFAULT;
    float[][] micro = new float[rows][];
    int width = ids.shape().size(2) * factor;
    int height = ids.shape().size(1) * factor;
    Arrays.fill(micro, new float[] {width, height, usual.cropTop(), usual.cropLeft(), usual.aestheticScore()});
    try (Backend.Scope _ = backend.scope()) {
      ClipTextEncoder.Output text = model.textEncoder().encode(TextEncoderParity.rows(golden.tensor("input_ids")), Tap.NONE);
      checks.closeIf(golden, "step.", "penultimate", _ -> backend.download(text.penultimate()), TEXT);
      checks.closeIf(golden, "step.", "text_embeds", _ -> backend.download(text.embeds()), TEXT);
      Tensor grid = backend.alloc(DType.I32, ids.shape().toArray());
      backend.upload(ids, grid);
      UVit2D.Conditioning conditioning = model.transformer().condition(text.penultimate(), text.embeds(), micro, Tap.NONE);
      HostTensor logits = TransformerParity.allLogits(model.transformer(), grid, conditioning, backend, Tap.NONE);
      checks.denoised("step.logits", wanted, Recorder.channelsFirst(logits, wanted.shape()), LOGITS);
    }
  }

  /** The distances of all pairs, each image with itself among them. */
  private static void lpips(Path folder, Goldens.Golden golden, Backend backend, Checks checks) {
    try (Lpips lpips = Lpips.open(Lpips.Net.ALEX, folder, backend)) {
      checks.section("LPIPS");
      List<Lpips.Features> features = lpips.features(ClipParity.images(golden.tensor("image_u8")));
      int count = features.size();
      float[] distances = new float[count * count];
      for (int i = 0; i < distances.length; i++) {
        distances[i] = (float) lpips.distance(features.get(i / count), features.get(i % count));
      }
      checks.closeIf(golden, "lpips.", "distance", wanted -> HostTensor.of("distances", distances, wanted.shape().toArray()), DISTANCES);
    }
  }

  private static void diffusion(Path folder, Goldens.Golden golden, Backend backend, Checks checks) {
    try (VqDiffusion model = VqDiffusion.open(folder, backend, checks.format())) {
      checks.section("diffusion");
      checks.rounding(Rounding.of(folder.resolve("transformer"), w -> new Transformer2D(model.transformer().config(), w), backend, checks.format()));
      checks.attempt("step", () -> {
        HostTensor text;
        try (Backend.Scope _ = backend.scope()) {
          text = backend.download(model.encode(TextEncoderParity.rows(golden.tensor("step.input_ids"))));
        }
        checks.closeIf(golden, "step.text", () -> text, TEXT);
        checks.denoised("step.log_p_x0", golden.tensor("step.log_p_x0"),
            Transformer2DParity.logProbabilities(model.transformer(), golden.tensor("step.grid"), text, DIFFUSION_TIMESTEP, backend, Tap.NONE), LOGITS);
      });
      JsonNode runs = golden.metadata("runs");
      for (int i = 0; i < runs.size(); i++) {
        DiffusionRunParity.check(golden.at("run" + i), "run" + i, runs.get(i), model, backend, checks);
      }
    }
  }
}

package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.HostTensor;
import azulejo.models.GeneratedImage;
import azulejo.models.GenerationListener;
import azulejo.models.GenerationRequest;
import azulejo.models.GenerationRequest.Rng;
import azulejo.models.vqdiffusion.VqDiffusion;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.random.TorchGenerator;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/**
 * Whole runs of VQ-Diffusion's pipeline from the prompts and the seed alone: {@code goldens/pipeline_<tag>.safetensors} with the arguments
 * in {@code pipeline_runs.json}. The noise is PyTorch's, so every token must be the recorded one.
 */
final class DiffusionRunParity {
  /** Of guided values. */
  private static final double LOG_PROBABILITIES = 1e-3;
  private static final double PIXELS = 1e-4;
  private static final Set<String> ARGUMENTS = Set.of("tag", "seed", "prompt", "num_inference_steps", "guidance_scale", "truncation_rate",
      "num_images_per_prompt");
  /** What a recording says of itself. */
  private static final Set<String> REMARKS = Set.of("min_margin", "min_truncation_distance", "min_gap");

  private final Goldens.Golden golden;
  private final String title;
  private final VqDiffusion model;
  private final GenerationRequest request;
  private final Backend backend;
  private final Checks checks;
  private final Recorder seen;

  private DiffusionRunParity(Goldens.Golden golden, String title, VqDiffusion model, GenerationRequest request, Backend backend,
      Checks checks) {
    this.golden = golden;
    this.title = title;
    this.model = model;
    this.request = request;
    this.backend = backend;
    this.checks = checks;
    this.seen = new Recorder(backend);
  }

  /** Everything that a run's file, or its part below the golden's prefix, holds. */
  static void check(Goldens.Golden golden, String title, JsonNode arguments, VqDiffusion model, Backend backend, Checks checks) {
    checks.section("pipeline " + title);
    checks.attempt(title, () -> new DiffusionRunParity(golden, title, model, request(arguments), backend, checks).everything());
  }

  /** [2, S, C]: what stands for no prompt, and the prompt. */
  static HostTensor conditioning(VqDiffusion model, String prompt, Backend backend) {
    Recorder seen = new Recorder(backend);
    model.generate(GenerationRequest.builder().prompts(List.of(prompt)).steps(1).build(), GenerationListener.NONE, seen);
    return seen.last("encoder_hidden_states");
  }

  /** @throws CheckpointException when there is an argument that is not known here */
  private static GenerationRequest request(JsonNode arguments) {
    for (String name : arguments.propertyNames()) {
      if (!ARGUMENTS.contains(name) && !REMARKS.contains(name)) {
        throw new CheckpointException("the run has the argument \"" + name + "\", which this version does not know");
      }
    }
    GenerationRequest.Builder request = GenerationRequest.builder().prompts(PipelineParity.Run.texts(arguments.path("prompt")))
        .imagesPerPrompt(arguments.path("num_images_per_prompt").asInt(1)).seed(arguments.path("seed").asLong(0)).rng(Rng.TORCH);
    if (arguments.has("num_inference_steps")) {
      request.steps(arguments.get("num_inference_steps").asInt());
    }
    if (arguments.has("guidance_scale")) {
      request.guidance(arguments.get("guidance_scale").asDouble());
    }
    if (arguments.has("truncation_rate")) {
      request.truncation(arguments.get("truncation_rate").asDouble());
    }
    return request.build();
  }

  private void everything() {
    List<GeneratedImage> images = model.generate(request, GenerationListener.NONE, seen);
    boolean agreed = steps();
    if (golden.has("tokens")) {
      agreed = checks.drawn(title + ".tokens", golden.tensor("tokens"), images.stream().flatMapToInt(image -> Arrays.stream(image.tokens())).toArray()) && agreed;
    }
    if (!agreed) {
      golden.excuse("", Checks.OTHERWISE);
      return;
    }
    if (golden.has("image_u8")) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      images.forEach(image -> bytes.writeBytes(image.image().rgb()));
      checks.image(title + ".image_u8", golden.tensor("image_u8"), bytes.toByteArray());
    }
    checks.closeIf(golden, title + ".", "image", this::image, PIXELS);
  }

  private HostTensor image(HostTensor wanted) {
    float[] all = new float[Math.toIntExact(wanted.shape().elements())];
    int at = 0;
    for (HostTensor pixels : seen.all("pixels_raw")) {
      for (float value : pixels.toFloats()) {
        all[at++] = Math.clamp(value / 2 + 0.5f, 0f, 1f);
      }
    }
    return HostTensor.of("image", all, wanted.shape().toArray());
  }

  /**
   * What the denoiser gives can be compared as long as the grid is the recorded one.
   *
   * @return whether the last grid is, as far as grids were recorded
   */
  private boolean steps() {
    int[] recorded = golden.has("latents_per_step") ? golden.tensor("latents_per_step").toInts() : new int[0];
    boolean agreed = true;
    int count = ((Number) model.resolve(request).get("steps")).intValue();
    float guidance = ((Number) model.resolve(request).get("guidance")).floatValue();
    TorchGenerator generator = new TorchGenerator(request.seed());
    int[] all = new int[0];
    for (int i = 0; i < count; i++) {
      Goldens.Golden step = golden.at("step." + i);
      String walked = "step." + i + ".";
      String name = title + "." + walked;
      HostTensor posterior = Recorder.transposed(seen.last(walked + "log_p_x_t_min_1"));
      float[] uniform = new float[Math.toIntExact(posterior.shape().elements())];
      generator.rand(uniform);
      if (step.has("uniform")) {
        checks.identical(name + "uniform", step.tensor("uniform"), uniform);
      }
      if (agreed && step.has("guided_log_p_x_0")) {
        HostTensor wanted = step.tensor("guided_log_p_x_0");
        checks.denoised(name + "guided_log_p_x_0", wanted, guided(seen.last(walked + "model_logits"), guidance), LOG_PROBABILITIES);
      }
      if (agreed && step.has("log_p_x_t_min_1")) {
        checks.denoised(name + "log_p_x_t_min_1", DiffusionParity.floored(step.tensor("log_p_x_t_min_1")), DiffusionParity.floored(posterior),
            LOG_PROBABILITIES);
      }
      int[] grid = seen.last(walked + "prev_sample").toInts();
      int before = all.length;
      all = Arrays.copyOf(all, before + grid.length);
      System.arraycopy(grid, 0, all, before, grid.length);
      agreed = agreed && (!checks.narrow() || Arrays.equals(recorded, before, Math.min(all.length, recorded.length), all, before, all.length));
    }
    return !golden.has("latents_per_step") || checks.drawn(title + ".latents_per_step", golden.tensor("latents_per_step"), all);
  }

  private HostTensor guided(HostTensor logits, float guidance) {
    try (Backend.Scope _ = backend.scope()) {
      return Recorder.transposed(DiffusionParity.startDistribution(backend.tensor(logits), guidance, Float.POSITIVE_INFINITY, backend));
    }
  }
}

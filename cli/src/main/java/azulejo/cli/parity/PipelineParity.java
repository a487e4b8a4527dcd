package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.HostTensor;
import azulejo.models.GeneratedImage;
import azulejo.models.GenerationListener;
import azulejo.models.GenerationRequest;
import azulejo.models.Probe;
import azulejo.models.Image;
import azulejo.models.amused.Amused;
import azulejo.models.amused.Amused.MicroConditioning;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.Tap;
import azulejo.runtime.random.TorchGenerator;
import azulejo.runtime.walk.MaskSchedule;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;

/**
 * Whole runs of aMUSEd's pipeline from the prompts and the seed alone: {@code goldens/pipeline_<tag>.safetensors} with the arguments in
 * {@code pipeline_runs.json}. The noise is PyTorch's, so every token must be the recorded one.
 */
final class PipelineParity {
  private static final double TEXT = 1e-4;
  private static final double LOGITS = 1e-4;
  /** At a guidance of 10, which multiplies differences. */
  private static final double GUIDED_LOGITS = 1e-3;
  /** The logarithm of a probability moves by twice as much as the logits at most, and so does the difference of two scores. */
  private static final double CONFIDENCE = 2 * GUIDED_LOGITS;
  private static final double PIXELS = 1e-4;
  private static final Set<String> ARGUMENTS = Set.of("tag", "seed", "num_inference_steps", "prompt", "negative_prompt", "guidance_scale",
      "height", "width", "micro_conditioning_aesthetic_score", "micro_conditioning_crop_coord", "num_images_per_prompt", "temperature");
  /** What a recording says of itself. */
  private static final Set<String> REMARKS = Set.of("min_margin", "min_gap");

  /** A call of the official pipeline. */
  record Run(GenerationRequest request, MicroConditioning micro) {
    /** @throws CheckpointException when there is an argument that is not known here */
    static Run of(JsonNode arguments) {
      for (String name : arguments.propertyNames()) {
        if (!ARGUMENTS.contains(name) && !REMARKS.contains(name)) {
          throw new CheckpointException("the run has the argument \"" + name + "\", which this version does not know");
        }
      }
      JsonNode temperature = arguments.path("temperature");
      List<Double> temperatures = temperature.isArray() ? List.of(temperature.get(0).asDouble(), temperature.get(1).asDouble())
          : temperature.isNumber() ? List.of(temperature.asDouble()) : List.of();
      JsonNode crop = arguments.path("micro_conditioning_crop_coord");
      MicroConditioning usual = MicroConditioning.DEFAULT;
      return new Run(
          new GenerationRequest(texts(arguments.path("prompt")), List.of(), texts(arguments.path("negative_prompt")),
              arguments.path("num_images_per_prompt").asInt(1), integer(arguments, "num_inference_steps"),
              arguments.has("guidance_scale") ? OptionalDouble.of(arguments.get("guidance_scale").asDouble()) : OptionalDouble.empty(),
              OptionalInt.empty(), temperatures, OptionalInt.empty(), OptionalDouble.empty(), OptionalDouble.empty(),
              arguments.path("seed").asLong(0), GenerationRequest.Rng.TORCH,
              integer(arguments, "width"), integer(arguments, "height"), Probe.NONE),
          new MicroConditioning((float) crop.path(0).asDouble(usual.cropTop()), (float) crop.path(1).asDouble(usual.cropLeft()),
              (float) arguments.path("micro_conditioning_aesthetic_score").asDouble(usual.aestheticScore())));
    }

    static List<String> texts(JsonNode node) {
      return node.isArray() ? IntStream.range(0, node.size()).mapToObj(i -> node.get(i).asString()).toList()
          : node.isString() ? List.of(node.asString()) : List.of();
    }

    private static OptionalInt integer(JsonNode arguments, String name) {
      return arguments.hasNonNull(name) ? OptionalInt.of(arguments.get(name).asInt()) : OptionalInt.empty();
    }
  }

  private final Goldens.Golden golden;
  private final String title;
  private final Amused model;
  private final Run run;
  private final Backend backend;
  private final Checks checks;
  private final Recorder seen;

  private PipelineParity(Goldens.Golden golden, String title, Amused model, Run run, Backend backend, Checks checks) {
    this.golden = golden;
    this.title = title;
    this.model = model;
    this.run = run;
    this.backend = backend;
    this.checks = checks;
    this.seen = new Recorder(backend);
  }

  /** Everything that a run's file holds. */
  static void check(Goldens.Golden golden, String tag, JsonNode arguments, Amused model, Backend backend, Checks checks) {
    checks.section("pipeline " + tag);
    checks.attempt(tag, () -> new PipelineParity(golden, tag, model, Run.of(arguments), backend, checks).everything());
  }

  /** {@code tokens} and {@code image_u8} below the golden's prefix. */
  static void checkResult(Goldens.Golden golden, String title, JsonNode arguments, Amused model, Backend backend, Checks checks) {
    checks.attempt(title, () -> {
      Run run = Run.of(arguments);
      PipelineParity parity = new PipelineParity(golden, title, model, run, backend, checks);
      parity.result(model.generate(run.request, run.micro, GenerationListener.NONE, Tap.NONE));
    });
  }

  private void everything() {
    if (golden.has("input_ids")) {
      HostTensor wanted = golden.tensor("input_ids");
      int[] ids = run.request.prompts().stream().flatMapToInt(prompt -> IntStream.of(model.tokenizer().encode(prompt, wanted.shape().size(-1)).ids()))
          .toArray();
      checks.equal(title + ".input_ids", wanted, ids);
    }
    List<GeneratedImage> images = model.generate(run.request, run.micro, GenerationListener.NONE, seen);
    checks.closeIf(golden, title + ".", "encoder_hidden_states", _ -> seen.last("encoder_hidden_states"), TEXT);
    checks.closeIf(golden, title + ".", "pooled_text_emb", _ -> seen.last("pooled_text_emb"), TEXT);
    checks.closeIf(golden, title + ".", "micro_conds", wanted -> repeated(seen.last("micro_conds"), wanted), 0);
    steps();
    boolean agreed = result(images);
    if (agreed && golden.has("pixels_raw")) {
      HostTensor wanted = golden.tensor("pixels_raw");
      List<HostTensor> pixels = official(seen.all("pixels_raw"));
      float[] all = new float[Math.toIntExact(wanted.shape().elements())];
      int each = all.length / pixels.size();
      for (int i = 0; i < pixels.size(); i++) {
        System.arraycopy(pixels.get(i).toFloats(), 0, all, i * each, each);
      }
      long[] shape = wanted.shape().toArray();
      HostTensor value = HostTensor.of("pixels_raw", all, shape[0], shape[2], shape[3], shape[1]);
      checks.close(title + ".pixels_raw", wanted, Recorder.channelsFirst(value, wanted.shape()), PIXELS);
    }
  }

  /** Whether the tokens are those that the recorded pixels show. */
  private boolean result(List<GeneratedImage> images) {
    List<GeneratedImage> ordered = official(images);
    boolean agreed = !golden.has("tokens")
        || checks.drawn(title + ".tokens", golden.tensor("tokens"), ordered.stream().flatMapToInt(image -> Arrays.stream(image.tokens())).toArray());
    if (!agreed) {
      golden.excuse("", Checks.OTHERWISE);
    } else if (golden.has("image_u8")) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      ordered.stream().map(GeneratedImage::image).map(Image::rgb).forEach(bytes::writeBytes);
      checks.image(title + ".image_u8", golden.tensor("image_u8"), bytes.toByteArray());
    }
    return agreed;
  }

  /** A request's results come prompt by prompt; the official pipeline repeats the list of prompts for each further image. */
  private <T> List<T> official(List<T> perPrompt) {
    int each = run.request.imagesPerPrompt();
    int prompts = run.request.prompts().size();
    return IntStream.range(0, perPrompt.size()).mapToObj(i -> perPrompt.get(i % prompts * each + i / prompts)).toList();
  }

  private static HostTensor repeated(HostTensor row, HostTensor like) {
    int width = like.shape().size(-1);
    float[] rows = new float[Math.toIntExact(like.shape().elements())];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = row.floatAt(i % width);
    }
    return HostTensor.of(row.name(), rows, like.shape().toArray());
  }

  // ---- steps --------------------------------------------------------------------------------------------------------------

  /** What the denoiser gives and what is drawn from it can be compared as long as the grid is the recorded one. */
  private void steps() {
    boolean agreed = true;
    int count = (int) IntStream.iterate(0, i -> seen.has("step." + i + ".prev_sample"), i -> i + 1).count();
    List<?> temperature = (List<?>) model.resolve(run.request).get("temperature");
    float from = ((Number) temperature.get(0)).floatValue();
    float to = ((Number) temperature.get(1)).floatValue();
    MaskSchedule schedule = new MaskSchedule(model.curve(), count, from, to);
    TorchGenerator generator = new TorchGenerator(run.request.seed());
    for (int i = 0; i < count; i++) {
      Goldens.Golden step = golden.at("step." + i);
      String name = title + ".step." + i;
      HostTensor grid = seen.last("step." + i + ".prev_sample");
      int batch = grid.shape().size(0);
      int cells = grid.shape().size(1);
      HostTensor exponential = exponential(generator, batch, cells);
      if (step.has("exponential")) {
        checks.identical(name + ".exponential", step.tensor("exponential"), exponential.toFloats());
      }
      if (i < count - 1) {
        float[] uniform = new float[batch * cells];
        generator.rand(uniform);
        if (step.has("uniform")) {
          checks.identical(name + ".uniform", step.tensor("uniform"), uniform);
        }
      }
      SchedulerParity.schedule(step, name, schedule, i, 1, checks);
      agreed = agreed && draws(step, i, name, exponential, grid);
      SchedulerParity.maskLength(step, name, grid.toInts(), model.maskId(), batch, checks);
    }
  }

  /** Whether the grid after the step is the recorded one. */
  private boolean draws(Goldens.Golden step, int i, String name, HostTensor exponential, HostTensor grid) {
    logits(step, i, name, exponential);
    boolean agreed = !step.has("pred_original_sample")
        || checks.drawn(name + ".pred_original_sample", step.tensor("pred_original_sample"), seen.last("step." + i + ".pred_original_sample").toInts());
    if (!agreed) {
      step.excuse("confidence", Checks.OTHERWISE);
    } else if (step.has("confidence")) {
      checks.denoised(name + ".confidence", step.tensor("confidence"), seen.last("step." + i + ".confidence"), CONFIDENCE);
    }
    return !step.has("prev_sample") || checks.drawn(name + ".prev_sample", step.tensor("prev_sample"), grid.toInts());
  }

  private HostTensor exponential(TorchGenerator generator, int batch, int cells) {
    int codes = model.transformer().config().codebookSize();
    float[] values = new float[batch * cells * codes];
    generator.exponential(values);
    return HostTensor.of("exponential", values, batch, cells, codes);
  }

  /** The logits of the open cells, the only ones that are computed. */
  private void logits(Goldens.Golden step, int i, String name, HostTensor exponential) {
    HostTensor logits = seen.last("step." + i + ".model_logits");
    HostTensor open = seen.last("step." + i + ".open");
    int branches = logits.shape().size(0);
    int batch = logits.shape().size(1);
    int listed = logits.shape().size(2);
    int codes = logits.shape().size(3);
    int cells = Math.toIntExact(exponential.shape().dim(1));
    int[] rows = IntStream.range(0, batch * listed).filter(row -> open.longAt(row) >= 0).toArray();
    int[] positions = Arrays.stream(rows).map(row -> row / listed * cells + (int) open.longAt(row)).toArray();
    List<float[]> raw = new ArrayList<>();
    for (int branch = 0; branch < branches; branch++) {
      raw.add(select(logits, branch * batch * listed, rows, codes));
    }
    float[] guided = raw.getFirst();
    if (branches == 2) {
      float scale = ((Number) model.resolve(run.request).get("guidance")).floatValue();
      guided = new float[rows.length * codes];
      for (int k = 0; k < guided.length; k++) {
        guided[k] = raw.get(0)[k] + scale * (raw.get(1)[k] - raw.get(0)[k]);
      }
    }
    if (step.has("model_logits")) {
      HostTensor wanted = Recorder.channelsLast(step.tensor("model_logits"));
      for (int branch = 0; branch < branches; branch++) {
        compareOpen(name + ".model_logits of branch " + branch, wanted, branch * batch * cells, positions, raw.get(branch), codes, LOGITS);
      }
    }
    if (step.has("guided_logits")) {
      compareOpen(name + ".guided_logits", Recorder.channelsLast(step.tensor("guided_logits")), 0, positions, guided, codes, GUIDED_LOGITS);
    }
    if (checks.narrow()) {
      step.excuse("margins", "they tell what rounding in f32 cannot have decided");
    } else if (step.has("margins")) {
      Margins margins = new Margins();
      margins.draw(HostTensor.of("guided", guided, rows.length, codes), exponential, codes, positions);
      if (seen.has("step." + i + ".confidence")) {
        margins.path(seen.last("step." + i + ".confidence"), seen.last("step." + i + ".prev_sample").toInts(), model.maskId());
      }
      checks.close(name + ".margins", step.tensor("margins"), margins.toTensor(), CONFIDENCE);
    }
  }

  private static float[] select(HostTensor logits, int firstRow, int[] rows, int codes) {
    float[] out = new float[rows.length * codes];
    for (int k = 0; k < out.length; k++) {
      out[k] = logits.floatAt((long) (firstRow + rows[k / codes]) * codes + k % codes);
    }
    return out;
  }

  /** Compares the rows {@code first + positions} of a golden [N, H, W, codes] with {@code values}. */
  private void compareOpen(String name, HostTensor golden, int first, int[] positions, float[] values, int codes, double tolerance) {
    int[] rows = Arrays.stream(positions).map(position -> first + position).toArray();
    HostTensor wanted = HostTensor.of(name, select(golden, 0, rows, codes), rows.length, codes);
    checks.denoised(name, wanted, HostTensor.of(name, values, rows.length, codes), tolerance);
  }
}

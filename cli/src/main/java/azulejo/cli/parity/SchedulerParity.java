package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Noise;
import azulejo.kernels.Shape;
import azulejo.kernels.Tensor;
import azulejo.runtime.random.TorchGenerator;
import azulejo.runtime.walk.Denoiser;
import azulejo.runtime.walk.MaskSchedule;
import azulejo.runtime.walk.MaskedWalk;
import azulejo.runtime.walk.WalkNoise;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;

/**
 * aMUSEd's scheduler: {@code goldens/scheduler.safetensors}. Single steps with the recorded logits and noise, schedules, the Gumbel noise at its
 * clamps, and the masking that starts an image-to-image walk.
 */
final class SchedulerParity {
  /** An ulp of a number between 1/2 and 1: PyTorch's vectorised cosine is not correctly rounded. */
  private static final double RATIO = 1e-7;
  private static final double TEMPERATURE = 1e-6;
  private static final double CONFIDENCE = 1e-4;
  /** The official margins are differences of logarithms in f32. */
  private static final double MARGIN = 1e-4;
  private static final int MAX_STEPS = 1000;
  /** From, to where there are two, steps. */
  private static final Pattern TEMPERATURES = Pattern.compile("schedule\\.temperatures\\.([\\d.]+?)(?:_([\\d.]+))?\\.(\\d{1,6})");

  private final Goldens.Golden golden;
  private final Backend backend;
  private final Checks checks;

  private SchedulerParity(Goldens.Golden golden, Backend backend, Checks checks) {
    this.golden = golden;
    this.backend = backend;
    this.checks = checks;
  }

  static void check(Goldens.Golden golden, MaskSchedule.Curve curve, Backend backend, Checks checks) {
    checks.section("scheduler");
    SchedulerParity parity = new SchedulerParity(golden, backend, checks);
    JsonNode cases = golden.metadata("cases");
    for (int i = 0; i < cases.size(); i++) {
      JsonNode c = cases.get(i);
      checks.attempt(c.path("tag").asString("case " + i), () -> parity.step(c));
    }
    for (String name : golden.names()) {
      checks.attempt(name, () -> parity.schedule(name));
    }
    if (golden.has("gumbel.value")) {
      checks.attempt("gumbel", parity::gumbel);
    }
    if (golden.has("add_noise.masked_sample")) {
      checks.attempt("add_noise", () -> parity.addNoise(curve, cases));
    }
  }

  // ---- one step -----------------------------------------------------------------------------------------------------------

  private void step(JsonNode c) {
    String tag = c.get("tag").asString();
    Goldens.Golden given = golden.at(tag);
    HostTensor logits = given.tensor("model_output");
    HostTensor rows = logits.shape().rank() == 4 ? Recorder.channelsLast(logits) : logits;
    int codes = rows.shape().size(-1);
    HostTensor sample = given.tensor("sample");
    int batch = sample.shape().size(0);
    int cells = Math.toIntExact(sample.shape().elements() / batch);
    int maskId = c.get("mask_token_id").asInt();
    MaskSchedule schedule = schedule(c);
    int step = c.get("step_index").asInt();
    float startRatio = (float) c.path("starting_mask_ratio").asDouble(1);

    HostTensor exponential = given.tensor("exponential");
    HostTensor uniform = given.has("uniform") ? given.tensor("uniform") : null;
    Recorder seen = new Recorder(backend);
    try (Backend.Scope _ = backend.scope()) {
      HostTensor start = new HostTensor("sample", sample.dtype(), Shape.of(batch, cells), sample.data());
      MaskedWalk walk = new MaskedWalk(backend, new Recorded(rows, batch, cells, codes, backend), schedule, 1, maskId, start, startRatio);
      walk.step(step, recorded(exponential, uniform, batch, cells, codes), seen);
    }
    int[] before = sample.toInts();
    int[] after = seen.last("prev_sample").toInts();
    checks.equal(tag + ".pred_original_sample", given.tensor("pred_original_sample"), seen.last("pred_original_sample").toInts());
    checks.equal(tag + ".prev_sample", given.tensor("prev_sample"), after);
    if (given.has("masking")) {
      checks.equal(tag + ".masking", given.tensor("masking"), Arrays.stream(after).map(token -> token == maskId ? 1 : 0).toArray());
    }
    checks.closeIf(given, tag + ".", "confidence", _ -> seen.last("confidence"), CONFIDENCE);
    schedule(given, tag, schedule, step, startRatio, checks);
    maskLength(given, tag, after, maskId, batch, checks);
    if (given.has("temperatures")) {
      HostTensor temperatures = given.tensor("temperatures");
      checks.close(tag + ".temperatures", temperatures, temperatures(schedule), TEMPERATURE);
    }
    if (given.has("timesteps")) {
      checks.equal(tag + ".timesteps", given.tensor("timesteps"), IntStream.range(0, schedule.steps()).map(i -> schedule.steps() - 1 - i).toArray());
    }
    if (given.has("margins")) {
      Margins margins = new Margins();
      int[] open = IntStream.range(0, batch * cells).filter(i -> before[i] == maskId).toArray();
      margins.draw(rows, exponential, codes, open);
      if (seen.has("confidence")) {
        margins.path(seen.last("confidence"), after, maskId);
      }
      checks.close(tag + ".margins", given.tensor("margins"), margins.toTensor(), MARGIN);
    }
    if (c.has("seed")) {
      fromSeed(given, tag, c.get("seed").asLong(), exponential, uniform);
    }
  }

  private void fromSeed(Goldens.Golden given, String tag, long seed, HostTensor exponential, HostTensor uniform) {
    TorchGenerator generator = new TorchGenerator(seed);
    float[] race = new float[Math.toIntExact(exponential.shape().elements())];
    generator.exponential(race);
    checks.identical(tag + ".exponential from the seed", exponential, race);
    if (uniform != null) {
      float[] path = new float[Math.toIntExact(uniform.shape().elements())];
      generator.rand(path);
      checks.identical(tag + ".uniform from the seed", uniform, path);
    }
  }

  private static MaskSchedule schedule(JsonNode c) {
    MaskSchedule.Curve curve = MaskSchedule.Curve.valueOf(c.path("masking_schedule").asString("cosine").toUpperCase(Locale.ROOT));
    JsonNode temperature = c.path("temperature");
    float from = (float) (temperature.isArray() ? temperature.get(0).asDouble() : temperature.asDouble(2));
    float to = temperature.isArray() ? (float) temperature.get(1).asDouble() : temperature.isNumber() ? MaskSchedule.SINGLE_TEMPERATURE_END : 0;
    return new MaskSchedule(curve, c.get("num_inference_steps").asInt(), from, to);
  }

  /** What a recorded step tells of the schedule. */
  static void schedule(Goldens.Golden step, String title, MaskSchedule schedule, int index, float startRatio, Checks checks) {
    checks.closeIf(step, title + ".", "mask_ratio", _ -> HostTensor.of("mask_ratio", new float[] {startRatio * schedule.maskRatio(index)}, 1), RATIO);
    checks.closeIf(step, title + ".", "temperature", _ -> HostTensor.of("temperature", new float[] {schedule.temperature(index)}, 1), TEMPERATURE);
  }

  /** The recorded number of masked cells a row, of which confidences without ties mask exactly as many. */
  static void maskLength(Goldens.Golden step, String title, int[] after, int maskId, int batch, Checks checks) {
    if (step.has("mask_len")) {
      int cells = after.length / batch;
      float[] lengths = new float[batch];
      for (int i = 0; i < after.length; i++) {
        lengths[i / cells] += after[i] == maskId ? 1 : 0;
      }
      HostTensor wanted = step.tensor("mask_len");
      checks.close(title + ".mask_len", wanted, HostTensor.of("mask_len", lengths, wanted.shape().toArray()), 0);
    }
  }

  private static HostTensor temperatures(MaskSchedule schedule) {
    float[] values = new float[schedule.steps()];
    for (int i = 0; i < values.length; i++) {
      values[i] = schedule.temperature(i);
    }
    return HostTensor.of("temperatures", values, values.length);
  }

  // ---- schedules ----------------------------------------------------------------------------------------------------------

  /** {@code schedule.<curve>.<steps>.mask_ratio}, {@code .raw_mask_len.<cells>}, or {@code schedule.temperatures.<from>_<to>.<steps>}. */
  private void schedule(String name) {
    String[] part = name.split("\\.");
    Matcher temperatures = TEMPERATURES.matcher(name);
    if (temperatures.matches()) {
      float from = Float.parseFloat(temperatures.group(1));
      float to = temperatures.group(2) == null ? MaskSchedule.SINGLE_TEMPERATURE_END : Float.parseFloat(temperatures.group(2));
      MaskSchedule schedule = new MaskSchedule(MaskSchedule.Curve.COSINE, Integer.parseInt(temperatures.group(3)), from, to);
      checks.close(name, golden.tensor(name), temperatures(schedule), TEMPERATURE);
    } else if (name.matches("schedule\\.(cosine|linear)\\.\\d{1,6}\\.(mask_ratio|raw_mask_len\\.\\d{1,6})")) {
      MaskSchedule schedule = new MaskSchedule(MaskSchedule.Curve.valueOf(part[1].toUpperCase(Locale.ROOT)), Integer.parseInt(part[2]), 2, 0);
      boolean ratio = part[3].equals("mask_ratio");
      float[] values = new float[schedule.steps()];
      for (int i = 0; i < values.length; i++) {
        values[i] = ratio ? schedule.maskRatio(i) : schedule.maskLength(i, Integer.parseInt(part[4]), 1);
      }
      checks.close(name, golden.tensor(name), HostTensor.of(name, values, values.length), ratio ? RATIO : 0);
    }
  }

  /** With a probability of 1 and a temperature of 1 a cell's confidence is its noise. */
  private void gumbel() {
    HostTensor uniform = golden.tensor("gumbel.uniform");
    int cells = Math.toIntExact(uniform.shape().elements());
    HostTensor confidence;
    try (Backend.Scope _ = backend.scope()) {
      float[] certain = new float[cells];
      Arrays.fill(certain, 1);
      Tensor grid = backend.tensor(HostTensor.of("grid", new int[cells], 1, cells));
      Tensor open = backend.tensor(HostTensor.of("open", IntStream.range(0, cells).toArray(), 1, cells));
      Tensor count = backend.tensor(HostTensor.of("count", new int[] {cells}, 1));
      Tensor step = backend.tensor(HostTensor.of("step", new int[1], 1));
      Tensor out = backend.alloc(DType.F32, 1, cells);
      Noise noise = new Noise.Given(backend.tensor(HostTensor.of("uniform", uniform.toFloats(), 1, cells)));
      backend.remask(grid, open, count, backend.tensor(HostTensor.of("probability", certain, 1, cells)), 1, 1, cells, noise, step, out, null);
      confidence = backend.download(out);
    }
    checks.close("gumbel.value", golden.tensor("gumbel.value"), HostTensor.of("gumbel", confidence.toFloats(), cells), CONFIDENCE);
  }

  /** The recording names the timestep and not the number of steps: there must be one that explains it. */
  private void addNoise(MaskSchedule.Curve curve, JsonNode cases) {
    int[] wanted = golden.tensor("add_noise.masked_sample").toInts();
    int[] sample = golden.tensor("add_noise.sample").toInts();
    float[] uniform = golden.tensor("add_noise.uniform").toFloats();
    int timestep = golden.tensor("add_noise.timestep").toInts()[0];
    int maskId = IntStream.range(0, wanted.length).filter(i -> wanted[i] != sample[i]).map(i -> wanted[i]).findFirst()
        .orElseGet(() -> cases.path(0).path("mask_token_id").asInt());
    List<Integer> steps = new ArrayList<>();
    for (int n = timestep + 1; n <= MAX_STEPS; n++) {
      if (Arrays.equals(wanted, new MaskSchedule(curve, n, 2, 0).addNoise(sample, n - 1 - timestep, uniform, maskId))) {
        steps.add(n);
      }
    }
    checks.report("add_noise.masked_sample", !steps.isEmpty(), steps.isEmpty()
        ? "no number of steps masks these cells" : "0 of " + wanted.length + " differ, tolerance 0, with " + steps.getFirst() + " steps");
  }

  // ---- recorded logits and noise ------------------------------------------------------------------------------------------

  private WalkNoise recorded(HostTensor exponential, HostTensor uniform, int batch, int cells, int codes) {
    return new WalkNoise() {
      @Override
      public Noise draw(int step) {
        return new Noise.Given(backend.tensor(HostTensor.of("exponential", exponential.toFloats(), batch, cells, codes)));
      }

      @Override
      public Noise path(int step) {
        return new Noise.Given(backend.tensor(HostTensor.of("uniform", uniform.toFloats(), batch, cells)));
      }
    };
  }

  /** A denoiser that gives recorded logits. */
  private record Recorded(HostTensor logits, int batch, int cells, int codes, Backend backend) implements Denoiser {
    @Override
    public int branches() {
      return 1;
    }

    @Override
    public void logits(int step, Tensor grid, Tensor open, Tensor out) {
      int[] positions = backend.download(open).toInts();
      int listed = positions.length / batch;
      float[] rows = new float[positions.length * codes];
      for (int i = 0; i < rows.length; i++) {
        int position = positions[i / codes];
        int image = i / codes / listed;
        rows[i] = position < 0 ? 0 : logits.floatAt((long) (image * cells + position) * codes + i % codes);
      }
      backend.upload(HostTensor.of("logits", rows, out.shape().toArray()), out);
    }
  }
}

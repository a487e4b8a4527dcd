package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Draw;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Noise;
import azulejo.kernels.Tensor;
import azulejo.kernels.Transition;
import azulejo.kernels.Transition.Logs;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.random.TorchGenerator;
import azulejo.runtime.walk.DiffusionSchedule;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Function;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;

/**
 * VQ-Diffusion's scheduler and the pipeline's arithmetic around it: {@code goldens/scheduler.safetensors}. The tables, single steps back
 * with recorded noise, guidance, truncation, the Gumbel noise at its clamps, and ties.
 */
final class DiffusionParity {
  private static final double LOG_PROBABILITIES = 1e-4;
  /** A guidance of 5 multiplies differences. */
  private static final double GUIDED = 1e-3;
  /** An ulp of a logarithm near 16, for log functions that are not correctly rounded. */
  private static final double TABLES = 1e-6;
  /** Where sums of float32 probabilities reach 1 the least likely codes are kept or dropped by rounding: those below this do not count. */
  private static final float FLOOR = -14;
  private static final float DROPPED = -70;
  private static final double GUMBEL = 1e-4;

  private final Goldens.Golden golden;
  private final DiffusionSchedule schedule;
  private final Backend backend;
  private final Checks checks;

  private DiffusionParity(Goldens.Golden golden, DiffusionSchedule schedule, Backend backend, Checks checks) {
    this.golden = golden;
    this.schedule = schedule;
    this.backend = backend;
    this.checks = checks;
  }

  static void check(Goldens.Golden golden, Path dir, DiffusionSchedule schedule, Backend backend, Checks checks) {
    checks.section("scheduler");
    DiffusionParity parity = new DiffusionParity(golden, schedule, backend, checks);
    JsonConfig json = JsonConfig.read(dir.resolve("scheduler/scheduler_config.json"));
    checks.attempt("tables", () -> parity.tables("", schedule));
    for (String name : golden.names()) {
      if (name.matches("\\w+?\\d{1,6}\\.log_at")) {
        String prefix = name.substring(0, name.indexOf('.'));
        int classes = Integer.parseInt(prefix.replaceAll("\\D", ""));
        checks.attempt(prefix, () -> parity.tables(prefix + ".", DiffusionSchedule.of(json, classes - 1)));
      }
      if (name.matches("timesteps_(\\d{1,6}|default)")) {
        checks.attempt(name, () -> parity.timesteps(name));
      }
      if (name.matches("truncate\\.[\\d.]+\\.clamped")) {
        checks.attempt(name, () -> parity.truncate(name.substring(0, name.lastIndexOf('.'))));
      }
      if (name.startsWith("cfg.guided_scale")) {
        checks.attempt(name, () -> parity.guide(name));
      }
    }
    JsonNode cases = Goldens.json(dir.resolve("goldens/scheduler_cases.json"));
    for (int i = 0; i < cases.size(); i++) {
      JsonNode c = cases.get(i);
      if (c.has("t")) {
        checks.attempt(c.path("tag").asString(), () -> parity.step(c));
      }
    }
    if (golden.has("gumbel.value")) {
      checks.attempt("gumbel", parity::gumbel);
    }
    if (golden.has("tie.values")) {
      checks.attempt("tie", parity::tie);
    }
  }

  // ---- tables -------------------------------------------------------------------------------------------------------------

  private void tables(String prefix, DiffusionSchedule of) {
    int timesteps = of.timesteps();
    table(prefix + "log_at", timesteps, t -> of.transition(t).step().a());
    table(prefix + "log_bt", timesteps, t -> of.transition(t).step().b());
    table(prefix + "log_ct", timesteps, t -> of.transition(t).step().c());
    // The official tables end with the entry before the first one.
    Function<Integer, Logs> cumulative = t -> t == timesteps ? of.transition(0).cumulativeBefore() : of.transition(t).cumulative();
    table(prefix + "log_cumprod_at", timesteps + 1, t -> cumulative.apply(t).a());
    table(prefix + "log_cumprod_bt", timesteps + 1, t -> cumulative.apply(t).b());
    table(prefix + "log_cumprod_ct", timesteps + 1, t -> cumulative.apply(t).c());
  }

  private void table(String name, int length, Function<Integer, Float> value) {
    float[] values = new float[length];
    for (int t = 0; t < length; t++) {
      values[t] = value.apply(t);
    }
    checks.closeIf(golden, name, () -> HostTensor.of(name, values, length), TABLES);
  }

  private void timesteps(String name) {
    String steps = name.substring(name.indexOf('_') + 1);
    int count = steps.equals("default") ? schedule.timesteps() : Integer.parseInt(steps);
    checks.equal(name, golden.tensor(name), IntStream.range(0, count).map(i -> DiffusionSchedule.timestep(i, count)).toArray());
  }

  // ---- the belief about the clean grid --------------------------------------------------------------------------------------

  private void guide(String name) {
    float scale = Float.parseFloat(name.replaceAll("\\D", ""));
    HostTensor without = Recorder.transposed(golden.tensor("cfg.uncond"));
    HostTensor with = Recorder.transposed(golden.tensor("cfg.text"));
    checks.close(name, golden.tensor(name), Recorder.transposed(startDistribution(scale, Float.POSITIVE_INFINITY, without, with)), GUIDED);
  }

  private void truncate(String tag) {
    float rate = Float.parseFloat(tag.substring(tag.indexOf('.') + 1));
    HostTensor given = Recorder.transposed(golden.tensor("truncate.log_p_x_0"));
    HostTensor value = Recorder.transposed(startDistribution(1, rate, given));
    checks.close(tag + ".clamped", floored(golden.tensor(tag + ".clamped")), floored(value), LOG_PROBABILITIES);
    float[] raw = value.toFloats();
    for (int i = 0; i < raw.length; i++) {
      raw[i] = raw[i] <= DROPPED ? Float.NEGATIVE_INFINITY : raw[i];
    }
    checks.closeIf(golden, "", tag + ".raw_inf", wanted -> HostTensor.of("raw", raw, wanted.shape().toArray()), LOG_PROBABILITIES);
  }

  /** Given logits [B, L, V] of one branch or two. */
  private HostTensor startDistribution(float guidance, float truncation, HostTensor... branches) {
    long[] shape = branches[0].shape().toArray();
    try (Backend.Scope _ = backend.scope()) {
      Tensor logits = backend.alloc(DType.F32, branches.length, shape[0], shape[1], shape[2]);
      for (int i = 0; i < branches.length; i++) {
        backend.upload(branches[i], logits.slice(0, i, 1).reshape(shape));
      }
      return startDistribution(logits, guidance, truncation, backend);
    }
  }

  /** [B, L, V] of logits [G, B, L, V]. */
  static HostTensor startDistribution(Tensor logits, float guidance, float truncation, Backend backend) {
    try (Backend.Scope _ = backend.scope()) {
      Tensor out = backend.alloc(DType.F32, logits.dim(1), logits.dim(2), logits.dim(3));
      Tensor zero = backend.tensor(HostTensor.of("step", new int[1], 1));
      backend.startDistribution(logits, new Draw(guidance, 1, 0, truncation), zero, out, null, backend.tensor(HostTensor.of("fault", new int[1], 1)));
      return backend.download(out);
    }
  }

  /** Log probabilities with all that are too small to count made equal. */
  static HostTensor floored(HostTensor logs) {
    float[] values = logs.toFloats();
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.max(values[i], FLOOR);
    }
    return HostTensor.of(logs.name(), values, logs.shape().toArray());
  }

  // ---- a step back ----------------------------------------------------------------------------------------------------------

  /**
   * @param grid I32 [B, L]
   * @param posterior [B, L, classes]
   */
  private record Back(int[] grid, HostTensor posterior) {}

  private Back back(HostTensor logStart, Transition transition, HostTensor grid, HostTensor uniform) {
    try (Backend.Scope _ = backend.scope()) {
      Tensor classes = backend.alloc(DType.I32, grid.shape().toArray());
      backend.upload(grid, classes);
      Tensor posterior = backend.alloc(DType.F32, uniform.shape().toArray());
      backend.diffuse(backend.tensor(logStart), transition, false, classes, new Noise.Given(backend.tensor(uniform)), null,
          backend.tensor(HostTensor.of("step", new int[1], 1)), posterior, null);
      return new Back(backend.download(classes).toInts(), backend.download(posterior));
    }
  }

  private void step(JsonNode c) {
    String tag = c.get("tag").asString();
    Goldens.Golden given = golden.at(tag);
    HostTensor sample = given.tensor("sample");
    HostTensor uniform = given.tensor("uniform");
    Transition transition = schedule.transition(c.get("t").asInt());
    Back back = back(Recorder.transposed(given.tensor("log_p_x_0")), transition, sample, Recorder.transposed(uniform));
    checks.closeIf(given, tag + ".", "log_p_x_t_min_1", _ -> Recorder.transposed(back.posterior), LOG_PROBABILITIES);
    checks.equal(tag + ".prev_sample", given.tensor("prev_sample"), back.grid);
    checks.closeIf(given, tag + ".", "log_Q_cumulative", _ -> reach(transition.cumulative(), sample, false), LOG_PROBABILITIES);
    checks.closeIf(given, tag + ".", "log_Q_step", _ -> reach(transition.step(), sample, true), LOG_PROBABILITIES);
    if (c.has("seed")) {
      float[] drawn = new float[Math.toIntExact(uniform.shape().elements())];
      new TorchGenerator(c.get("seed").asLong()).rand(drawn);
      checks.identical(tag + ".uniform from the seed", uniform, drawn);
    }
  }

  /** [B, classes, L]: the log probabilities of coming to the sample's classes from each code, and from the mask if {@code mask}. */
  private HostTensor reach(Logs logs, HostTensor sample, boolean mask) {
    int codes = schedule.codes();
    int classes = mask ? codes + 1 : codes;
    int batch = sample.shape().size(0);
    int cells = sample.shape().size(1);
    float[] out = new float[batch * classes * cells];
    for (int i = 0; i < out.length; i++) {
      int from = i / cells % classes;
      long to = sample.longAt((long) i / (classes * cells) * cells + i % cells);
      double same = from == to ? 0 : Math.log(1e-30);
      out[i] = (float) (from == codes ? same : to == codes ? logs.c() : Math.log(Math.exp(same + logs.a()) + Math.exp(logs.b())));
    }
    return HostTensor.of("reach", out, batch, classes, cells);
  }

  /** A draw between two codes tells which of them has the greater score, so that the noise can be bounded from both sides. */
  private void gumbel() {
    HostTensor uniform = golden.tensor("gumbel.uniform");
    HostTensor wanted = golden.tensor("gumbel.value");
    int count = Math.toIntExact(uniform.shape().elements());
    // -log(-log(u)) is 0 at u = 1 / e.
    float none = (float) Math.exp(-1);
    int[][] winners = new int[2][];
    for (int side = 0; side < 2; side++) {
      float[] logs = new float[2 * count];
      float[] u = new float[2 * count];
      for (int i = 0; i < count; i++) {
        u[2 * i] = uniform.floatAt(i);
        u[2 * i + 1] = none;
        logs[2 * i + 1] = (float) (wanted.floatAt(i) + (side == 0 ? -GUMBEL : GUMBEL));
      }
      winners[side] = back(HostTensor.of("logs", logs, 1, count, 2), schedule.transition(0),
          HostTensor.of("grid", new int[count], 1, count),
          HostTensor.of("uniform", u, 1, count, 2)).grid;
    }
    long bounded = IntStream.range(0, count).filter(i -> winners[0][i] == 0 && winners[1][i] == 1).count();
    checks.report("gumbel.value", bounded == count, bounded + " of " + count + " within the tolerance of " + GUMBEL);
  }

  /** With the same noise for all codes the values alone decide. */
  private void tie() {
    HostTensor values = Recorder.transposed(golden.tensor("tie.values"));
    float[] same = new float[Math.toIntExact(values.shape().elements())];
    Arrays.fill(same, 0.5f);
    long cells = values.shape().dim(1);
    Back back = back(values, schedule.transition(0), HostTensor.of("grid", new int[(int) cells], 1, cells),
        HostTensor.of("uniform", same, values.shape().toArray()));
    checks.equal("tie.argmax_dim1", golden.tensor("tie.argmax_dim1"), back.grid);
  }
}

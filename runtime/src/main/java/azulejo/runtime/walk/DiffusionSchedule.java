package azulejo.runtime.walk;

import azulejo.kernels.Transition;
import azulejo.kernels.Transition.Logs;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.JsonConfig;

/**
 * How a mask-and-replace diffusion spoils a grid: after t of T steps a code is still itself with a probability that falls along a line,
 * masked with one that rises along a line, and otherwise any code.
 *
 * <p>Gu et al., "Vector Quantized Diffusion Model for Text-to-Image Synthesis" (CVPR 2022), section 4.1. Follows diffusers'
 * {@code schedulers/scheduling_vq_diffusion.py}: probabilities in float64, their logarithms rounded to float32.
 */
public final class DiffusionSchedule {
  /** A straight line over the timesteps. */
  public record Line(double start, double end) {
    private double at(int timestep, int timesteps) {
      return (double) timestep / (timesteps - 1) * (end - start) + start;
    }
  }

  /** Far beyond any published model: a configuration must not be able to fill the memory. */
  private static final int MAX_TIMESTEPS = 100_000;

  private final int codes;
  private final Logs[] single;
  private final Logs[] cumulative;

  /**
   * @param codes V, to which the mask comes as one more class
   * @param timesteps T, at least 2
   * @param kept cumulative probability of a code to be kept
   * @param masked cumulative probability of a code to be masked
   */
  public DiffusionSchedule(int codes, int timesteps, Line kept, Line masked) {
    if (codes < 1 || timesteps < 2) {
      throw new IllegalArgumentException(codes + " codes, " + timesteps + " timesteps");
    }
    this.codes = codes;
    this.single = new Logs[timesteps];
    this.cumulative = new Logs[timesteps + 1];
    double keptBefore = 1;
    double openBefore = 1;
    for (int t = 0; t < timesteps; t++) {
      double a = kept.at(t, timesteps);
      double c = masked.at(t, timesteps);
      single[t] = logs(a / keptBefore, 1 - (1 - c) / openBefore);
      cumulative[t] = logs(a, c);
      keptBefore = a;
      openBefore = 1 - c;
    }
    cumulative[timesteps] = logs(1, 0);
  }

  /** @throws CheckpointException when the fields of a {@code scheduler_config.json} give no such schedule */
  public static DiffusionSchedule of(JsonConfig json, int codes) {
    int timesteps = json.integer("num_train_timesteps", 100);
    if (timesteps < 2 || timesteps > MAX_TIMESTEPS) {
      throw json.fault("num_train_timesteps", "is " + timesteps + ", but at " + (timesteps < 2 ? "least 2 are needed" : "most " + MAX_TIMESTEPS + " make sense"));
    }
    DiffusionSchedule schedule = new DiffusionSchedule(codes, timesteps,
        new Line(json.real("alpha_cum_start", 0.99999), json.real("alpha_cum_end", 0.000009)),
        new Line(json.real("gamma_cum_start", 0.000009), json.real("gamma_cum_end", 0.99999)));
    if (!schedule.possible()) {
      throw json.fault("alpha_cum_start",
          "and its siblings alpha_cum_end, gamma_cum_start and gamma_cum_end give a step that does not keep, replace and mask "
          + "with a probability above 0 each");
    }
    return schedule;
  }

  private Logs logs(double a, double c) {
    return new Logs((float) Math.log(a), (float) Math.log((1 - a - c) / codes), (float) Math.log(c));
  }

  /** V. */
  public int codes() {
    return codes;
  }

  /** T. */
  public int timesteps() {
    return single.length;
  }

  private boolean possible() {
    for (int t = 0; t < single.length; t++) {
      for (Logs logs : new Logs[] {single[t], cumulative[t]}) {
        if (!Float.isFinite(logs.a()) || !Float.isFinite(logs.b()) || !Float.isFinite(logs.c())) {
          return false;
        }
      }
    }
    return true;
  }

  /** The timestep of {@code step}, both from 0: a walk of fewer steps starts nearer to the clean grid, it strides over none. */
  public static int timestep(int step, int steps) {
    return steps - 1 - step;
  }

  /** The way back from timestep t. Before the first one every code is itself. */
  public Transition transition(int t) {
    return new Transition(single[t], cumulative[t], cumulative[t == 0 ? timesteps() : t - 1], t == 0);
  }
}

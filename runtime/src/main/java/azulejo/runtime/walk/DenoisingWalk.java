package azulejo.runtime.walk;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Draw;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.kernels.Transition;
import azulejo.runtime.Tap;
import azulejo.runtime.ledger.EntropyLedger;
import azulejo.runtime.ledger.LedgerTape;
import java.util.Arrays;

/**
 * Discrete diffusion backwards: in each step every cell moves to a class of the grid one timestep earlier, so that it stays masked, is
 * revealed, or has its code replaced. The path decides whether a cell moves, the draw where to; the official scheduler decides both with one draw.
 *
 * <p>Gu et al., "Vector Quantized Diffusion Model for Text-to-Image Synthesis" (CVPR 2022), section 4.2, with the arithmetic of diffusers'
 * {@code schedulers/scheduling_vq_diffusion.py}.
 */
public final class DenoisingWalk extends Walk {
  private final Denoiser denoiser;
  private final DiffusionSchedule schedule;
  private final Tensor open;

  /** What of a step is fixed when it is recorded. */
  private record Settings(int step, Draw draw, WalkNoise noise) {}

  /** A walk from an all-masked grid [batch, cells]. */
  public DenoisingWalk(Backend b, Denoiser denoiser, DiffusionSchedule schedule, int steps, float guidance, float truncation, int batch,
      int cells) {
    this(b, denoiser, schedule, steps, guidance, truncation, filled(schedule.codes(), batch, cells));
  }

  /**
   * A walk from a given grid.
   *
   * @param steps at most the schedule's timesteps
   * @param truncation how much probability of the clean grid's codes is kept, the likeliest first, from 0 to 1
   * @param start I32 or I64 [B, L] codes, and the number of codes where a cell is masked
   */
  public DenoisingWalk(Backend b, Denoiser denoiser, DiffusionSchedule schedule, int steps, float guidance, float truncation,
      HostTensor start) {
    super(b, denoiser, EntropyLedger.Kind.DENOISING, steps, new Draw(guidance, 1, 0, truncation), start);
    this.denoiser = denoiser;
    this.schedule = schedule;
    int cells = grid.size(1);
    int[] all = new int[grid.size(0) * cells];
    Arrays.setAll(all, i -> i % cells);
    this.open = b.tensor(HostTensor.of("open", all, grid.shape().toArray()));
  }

  /**
   * The tap sees {@code model_logits} and what the official pipeline and scheduler call {@code log_p_x_0}, {@code log_p_x_t_min_1} and
   * {@code prev_sample}.
   */
  @Override
  public void step(int i, WalkNoise noise, Tap tap) {
    Settings settings = new Settings(i, draw(i), noise);
    LedgerTape.Page page = page(i, grid.size(1), settings.draw);
    if (recordable(noise, tap)) {
      replay(settings, () -> step(settings, page, tap));
    } else {
      step(settings, page, tap);
    }
  }

  private void step(Settings settings, LedgerTape.Page page, Tap tap) {
    int i = settings.step;
    Draw draw = settings.draw;
    long batch = grid.dim(0);
    long cells = grid.dim(1);
    int codes = schedule.codes();
    Transition transition = schedule.transition(DiffusionSchedule.timestep(i, steps()));
    try (Backend.Scope _ = b.scope()) {
      Tensor logits = b.alloc(DType.F32, denoiser.branches(), batch, cells, codes);
      denoiser.logits(i, grid, open, logits);
      tap.accept("model_logits", logits);

      Tensor step = number(i);
      Tensor logStart = b.alloc(DType.F32, batch, cells, codes);
      b.startDistribution(logits, draw, step, logStart, page.drawn(), fault);
      tap.accept("log_p_x_0", logStart);

      Tensor posterior = tap.listens() ? b.alloc(DType.F32, batch, cells, transition.last() ? codes : codes + 1) : null;
      b.diffuse(logStart, transition, draw.pick() == Draw.Pick.ARGMAX_TRANSITION, grid, settings.noise.draw(i), settings.noise.path(i), step, posterior, page.moved());
      turn(page, open);
      tap.accept("log_p_x_t_min_1", posterior);
      tap.accept("prev_sample", grid);
    }
  }
}

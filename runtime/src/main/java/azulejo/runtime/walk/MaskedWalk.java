package azulejo.runtime.walk;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Draw;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.runtime.Tap;
import azulejo.runtime.ledger.EntropyLedger;
import azulejo.runtime.ledger.LedgerTape;

/**
 * Parallel decoding of masked token models: in each step every masked cell draws a token, then the least confident ones are masked again, fewer
 * each time. The walk decides which positions are settled (the path), the draw which token each gets (the execution).
 *
 * <p>Chang et al., "MaskGIT: Masked Generative Image Transformer" (CVPR 2022), section 3.2, with the arithmetic of diffusers'
 * {@code schedulers/scheduling_amused.py}.
 *
 * <p>The host knows an upper bound of the number of masked cells, which is what the model computes logits for. So steps differ in their shapes, and a step is
 * like no other but itself when the walk is run again.
 */
public final class MaskedWalk extends Walk {
  private final Denoiser denoiser;
  private final MaskSchedule schedule;
  private final int maskId;
  private final float startRatio;
  private int bound;

  /** What of a step is fixed when it is recorded. */
  private record Settings(int step, int bound, Draw draw, WalkNoise noise) {}

  /** A walk from an all-masked grid [batch, cells]. */
  public MaskedWalk(Backend b, Denoiser denoiser, MaskSchedule schedule, float guidance, int maskId, int batch, int cells) {
    this(b, denoiser, schedule, guidance, maskId, filled(maskId, batch, cells), 1);
  }

  /**
   * A walk from a given grid.
   *
   * @param start I32 or I64 [B, L] codes, and {@code maskId} where a cell is open
   * @param startRatio the fraction of open cells that the schedule starts from
   */
  public MaskedWalk(Backend b, Denoiser denoiser, MaskSchedule schedule, float guidance, int maskId, HostTensor start, float startRatio) {
    super(b, denoiser, EntropyLedger.Kind.MASKED, schedule.steps(), Draw.guided(guidance), start);
    this.denoiser = denoiser;
    this.schedule = schedule;
    this.maskId = maskId;
    this.startRatio = startRatio;
    this.bound = grid.size(1);
  }

  @Override
  public void restart() {
    super.restart();
    bound = grid.size(1);
  }

  /** The tap sees {@code open} and what the official scheduler calls {@code pred_original_sample}, {@code confidence} and {@code prev_sample}. */
  @Override
  public void step(int i, WalkNoise noise, Tap tap) {
    Settings settings = new Settings(i, bound, draw(i), noise);
    LedgerTape.Page page = page(i, bound, settings.draw);
    if (recordable(noise, tap)) {
      replay(settings, () -> step(settings, page, tap));
    } else {
      step(settings, page, tap);
    }
    bound = Math.max(1, Math.min(bound - 1, maskLength(i)));
  }

  private void step(Settings settings, LedgerTape.Page page, Tap tap) {
    int i = settings.step;
    int batch = grid.size(0);
    int bound = settings.bound;
    try (Backend.Scope _ = b.scope()) {
      Tensor open = b.alloc(DType.I32, batch, bound);
      Tensor count = b.alloc(DType.I32, batch);
      b.openCells(grid, maskId, open, count);
      tap.accept("open", open);

      Tensor logits = b.alloc(DType.F32, denoiser.branches(), batch, bound, denoiser.codes());
      denoiser.logits(i, grid, open, logits);
      tap.accept("model_logits", logits);

      Tensor step = number(i);
      Tensor tokens = b.alloc(DType.I32, batch, bound);
      Tensor probability = b.alloc(DType.F32, batch, bound);
      b.draw(logits, settings.draw, open, settings.noise.draw(i), step, tokens, probability, page.drawn(), usage(), fault);
      b.reveal(grid, open, tokens);
      tap.accept("pred_original_sample", grid);

      if (i < steps() - 1) {
        Tensor confidence = b.alloc(DType.F32, grid.shape().toArray());
        b.remask(grid, open, count, probability, maskLength(i), schedule.temperature(i), maskId, settings.noise.path(i), step, confidence, page.path());
        tap.accept("confidence", confidence);
      }
      turn(page, open);
      tap.accept("prev_sample", grid);
    }
  }

  private int maskLength(int i) {
    return schedule.maskLength(i, grid.size(1), startRatio);
  }
}

package azulejo.runtime.walk;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.runtime.GenerationException;
import azulejo.runtime.Tap;
import java.util.Arrays;

/**
 * Parallel decoding of masked token models: in each step every masked cell draws a token, then the least confident ones are masked again, fewer
 * each time. The walk decides which positions are settled (the path), the draw which token each gets (the execution).
 *
 * <p>Chang et al., "MaskGIT: Masked Generative Image Transformer" (CVPR 2022), section 3.2, with the arithmetic of diffusers'
 * {@code schedulers/scheduling_amused.py}.
 *
 * <p>The state lives in tensors of the scope in which the walk was made. The host knows an upper bound of the number of masked cells, which is
 * what the model computes logits for, and reads nothing back until {@link #run} looks at the fault flag after the last step.
 */
public final class MaskedWalk {
  /** Hears of each step; an exception of its own ends the walk. */
  @FunctionalInterface
  public interface Observer {
    /**
     * @param step from 0
     * @param grid I32 [B, L] as it stands
     */
    void stepDone(int step, Tensor grid);
  }

  private final Backend b;
  private final Denoiser denoiser;
  private final MaskSchedule schedule;
  private final float guidance;
  private final int maskId;
  private final float startRatio;
  private final Tensor grid;
  private final Tensor steps;
  private final Tensor fault;
  private int bound;

  /** A walk from an all-masked grid [batch, cells]. */
  public MaskedWalk(Backend b, Denoiser denoiser, MaskSchedule schedule, float guidance, int maskId, int batch, int cells) {
    this(b, denoiser, schedule, guidance, maskId, masked(maskId, batch, cells), 1);
  }

  /**
   * A walk from a given grid.
   *
   * @param start I32 or I64 [B, L] codes, and {@code maskId} where a cell is open
   * @param startRatio the fraction of open cells that the schedule starts from
   */
  public MaskedWalk(Backend b, Denoiser denoiser, MaskSchedule schedule, float guidance, int maskId, HostTensor start, float startRatio) {
    this.b = b;
    this.denoiser = denoiser;
    this.schedule = schedule;
    this.guidance = guidance;
    this.maskId = maskId;
    this.startRatio = startRatio;
    this.grid = b.alloc(DType.I32, start.shape().toArray());
    b.upload(start, grid);
    int[] numbers = new int[schedule.steps()];
    Arrays.setAll(numbers, i -> i);
    this.steps = b.tensor(HostTensor.of("steps", numbers, numbers.length));
    this.fault = b.tensor(HostTensor.of("fault", new int[1], 1));
    this.bound = grid.size(1);
  }

  private static HostTensor masked(int maskId, int batch, int cells) {
    int[] grid = new int[batch * cells];
    Arrays.fill(grid, maskId);
    return HostTensor.of("grid", grid, batch, cells);
  }

  /** I32 [B, L]: codes, and the mask id where a cell is still open. */
  public Tensor grid() {
    return grid;
  }

  /**
   * All steps.
   *
   * @throws GenerationException when a logit was not finite
   */
  public void run(WalkNoise noise, Tap tap, Observer observer) {
    for (int i = 0; i < schedule.steps(); i++) {
      step(i, noise, tap.at("step").at(i));
      observer.stepDone(i, grid);
    }
    requireFinite();
  }

  /** Step {@code i} alone. The tap sees {@code open} and what the official scheduler calls {@code pred_original_sample}, {@code confidence} and {@code prev_sample}. */
  public void step(int i, WalkNoise noise, Tap tap) {
    int batch = grid.size(0);
    try (Backend.Scope _ = b.scope()) {
      Tensor open = b.alloc(DType.I32, batch, bound);
      Tensor count = b.alloc(DType.I32, batch);
      b.openCells(grid, maskId, open, count);
      tap.accept("open", open);

      Tensor logits = b.alloc(DType.F32, denoiser.branches(), batch, bound, denoiser.codes());
      denoiser.logits(grid, open, logits);
      tap.accept("model_logits", logits);

      Tensor step = steps.slice(0, i, 1);
      Tensor tokens = b.alloc(DType.I32, batch, bound);
      Tensor probability = b.alloc(DType.F32, batch, bound);
      b.draw(logits, guidance, open, noise.draw(i), step, tokens, probability, fault);
      b.reveal(grid, open, tokens);
      tap.accept("pred_original_sample", grid);

      if (i < schedule.steps() - 1) {
        int length = schedule.maskLength(i, grid.size(1), startRatio);
        Tensor confidence = b.alloc(DType.F32, grid.shape().toArray());
        b.remask(grid, open, count, probability, length, schedule.temperature(i), maskId, noise.path(i), step, confidence);
        tap.accept("confidence", confidence);
        bound = Math.max(1, Math.min(bound - 1, length));
      }
      tap.accept("prev_sample", grid);
    }
  }

  private void requireFinite() {
    int step = b.download(fault).toInts()[0];
    if (step != 0) {
      throw new GenerationException("step " + step + " of " + schedule.steps() + " gave logits that are NaN or infinite: the checkpoint's weights are "
          + "probably damaged, so compare its files with their source" + (guidance > 1 ? ", or lower the guidance of " + guidance : ""));
    }
  }
}

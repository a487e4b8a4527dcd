package azulejo.runtime.walk;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.runtime.GenerationException;
import azulejo.runtime.Tap;
import java.util.Arrays;

/**
 * The way from an open token grid to a settled one: what its steps have in common. Which positions a step settles is the walk's choice (the path); which
 * token each gets is drawn from the denoiser's logits (the execution).
 *
 * <p>The state lives in tensors of the scope in which the walk was made; the host reads nothing back until {@link #run} looks at the fault flag after the
 * last step.
 */
public abstract class Walk {
  /** Hears of each step; an exception of its own ends the walk. */
  @FunctionalInterface
  public interface Observer {
    /**
     * @param step from 0
     * @param grid I32 [B, L] as it stands
     */
    void stepDone(int step, Tensor grid);
  }

  final Backend b;
  final Denoiser denoiser;
  final float guidance;
  /** I32 [B, L]. */
  final Tensor grid;
  /** I32 [1], for the sampling ops: 0, or the first step with a logit that was not finite, counted from 1. */
  final Tensor fault;
  private final int steps;
  private final Tensor numbers;

  /** @param start I32 or I64 [B, L], the grid that the walk begins with */
  Walk(Backend b, Denoiser denoiser, int steps, float guidance, HostTensor start) {
    this.b = b;
    this.denoiser = denoiser;
    this.steps = steps;
    this.guidance = guidance;
    this.grid = b.alloc(DType.I32, start.shape().toArray());
    b.upload(start, grid);
    this.fault = b.tensor(HostTensor.of("fault", new int[1], 1));
    int[] counted = new int[steps];
    Arrays.setAll(counted, i -> i);
    this.numbers = b.tensor(HostTensor.of("steps", counted, steps));
  }

  /** I32 [B, L]: codes, and the walk's own mark where a cell is still open. */
  public final Tensor grid() {
    return grid;
  }

  public final int steps() {
    return steps;
  }

  /**
   * All steps.
   *
   * @throws GenerationException when a logit was not finite
   */
  public final void run(WalkNoise noise, Tap tap, Observer observer) {
    for (int i = 0; i < steps; i++) {
      step(i, noise, tap.at("step").at(i));
      observer.stepDone(i, grid);
    }
    requireFinite();
  }

  /** Step {@code i} alone. */
  public abstract void step(int i, WalkNoise noise, Tap tap);

  /** I32 [1] that holds {@code i}, for the sampling ops. */
  final Tensor number(int i) {
    return numbers.slice(0, i, 1);
  }

  /** I32 [batch, cells] of one value. */
  static HostTensor filled(int value, int batch, int cells) {
    int[] grid = new int[batch * cells];
    Arrays.fill(grid, value);
    return HostTensor.of("grid", grid, batch, cells);
  }

  private void requireFinite() {
    int step = b.download(fault).toInts()[0];
    if (step != 0) {
      throw new GenerationException("step " + step + " of " + steps + " gave logits that are NaN or infinite: the checkpoint's weights are "
          + "probably damaged, so compare its files with their source" + (guidance > 1 ? ", or lower the guidance of " + guidance : ""));
    }
  }
}

package azulejo.runtime.walk;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Draw;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.runtime.Tap;
import azulejo.runtime.ledger.EntropyLedger;
import azulejo.runtime.ledger.LedgerTape;
import java.util.Arrays;

/**
 * Autoregressive decoding: each step settles one cell, row by row from the top, given all cells before it. The path leaves nothing to chance, so all of
 * the randomness is in the draws.
 *
 * <p>Sun et al., "Autoregressive Model Beats Diffusion: Llama for Scalable Image Generation" (arXiv 2406.06525), section 2.2, with the guidance interval of
 * LlamaGen's {@code autoregressive/models/generate.py}.
 */
public final class RasterWalk extends Walk {
  /** What stands in the grid for a cell that has no token yet. */
  public static final int OPEN = -1;
  /** The guidance interval that never ends. */
  public static final int ALWAYS = -1;

  private final int guidanceInterval;
  /** I32 [B, L], each row 0 to L - 1: column {@code i} lists the open cell of step {@code i}. */
  private final Tensor cells;

  /**
   * @param guidanceInterval how many steps after the first two are guided; the others take the conditional logits as they are, or with {@link #ALWAYS} none does
   */
  public RasterWalk(Backend b, Denoiser denoiser, Draw draw, int guidanceInterval, int batch, int cells) {
    super(b, denoiser, EntropyLedger.Kind.RASTER, cells, draw, filled(OPEN, batch, cells));
    this.guidanceInterval = guidanceInterval;
    int[] order = new int[batch * cells];
    Arrays.setAll(order, i -> i % cells);
    this.cells = b.tensor(HostTensor.of("cells", order, batch, cells));
  }

  /** The tap sees {@code model_logits}, {@code tokens} and {@code probability}, of the tokens drawn. */
  @Override
  public void step(int i, WalkNoise noise, Tap tap) {
    int batch = grid.size(0);
    Draw draw = draw(i);
    LedgerTape.Page page = page(1, draw);
    try (Backend.Scope _ = b.scope()) {
      Tensor open = cells.slice(1, i, 1);

      Tensor logits = b.alloc(DType.F32, guided(i) ? denoiser.branches() : 1, batch, 1, denoiser.codes());
      denoiser.logits(i, grid, open, logits);
      tap.accept("model_logits", logits);

      Tensor tokens = b.alloc(DType.I32, batch, 1);
      Tensor probability = b.alloc(DType.F32, batch, 1);
      b.draw(logits, draw, open, noise.draw(i), number(i), tokens, probability, page.drawn(), usage(), fault);
      b.reveal(grid, open, tokens);
      turn(page, open);
      tap.accept("tokens", tokens);
      tap.accept("probability", probability);
    }
  }

  /** The first step is the official sampler's prefill, which is always guided; its count begins with the second. */
  private boolean guided(int step) {
    return guidanceInterval == ALWAYS || step - 1 <= guidanceInterval;
  }
}

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
 * Autoregressive decoding: each step settles one cell, row by row from the top, given all cells before it. The path leaves nothing to chance, so all of
 * the randomness is in the draws.
 *
 * <p>Sun et al., "Autoregressive Model Beats Diffusion: Llama for Scalable Image Generation" (arXiv 2406.06525), section 2.2, with the guidance interval of
 * LlamaGen's {@code autoregressive/models/generate.py}.
 *
 * <p>All steps but the first are the same ops: what differs is the number of the cell, which a step itself moves on. So one recording, or one for each
 * way of drawing, is replayed for all of them.
 */
public final class RasterWalk extends Walk {
  /** What stands in the grid for a cell that has no token yet. */
  public static final int OPEN = -1;
  /** The guidance interval that never ends. */
  public static final int ALWAYS = -1;

  /** What of a step is fixed when it is recorded. */
  private record Settings(boolean guided, Draw draw, WalkNoise noise) {}

  private final NextToken model;
  private final int guidanceInterval;
  /** I32 [B, 1]: the cell that was settled last, of each image the same. */
  private final Tensor cell;
  /** Of the last step, [B, 1]. */
  private final Tensor tokens;
  private final Tensor probability;

  /**
   * @param guidanceInterval how many steps after the first two are guided; the others take the conditional logits as they are, or with {@link #ALWAYS} none does
   */
  public RasterWalk(Backend b, NextToken model, Draw draw, int guidanceInterval, int batch, int cells) {
    super(b, model, EntropyLedger.Kind.RASTER, cells, draw, filled(OPEN, batch, cells));
    this.model = model;
    this.guidanceInterval = guidanceInterval;
    cell = b.alloc(DType.I32, batch, 1);
    tokens = b.alloc(DType.I32, batch, 1);
    probability = b.alloc(DType.F32, batch, 1);
  }

  /** To be called for one step after another. The tap sees {@code model_logits}, {@code tokens} and {@code probability}, of the tokens drawn. */
  @Override
  public void step(int i, WalkNoise noise, Tap tap) {
    Settings settings = new Settings(guided(i), draw(i), noise);
    if (i == 0) {
      b.upload(filled(-1, grid.size(0), 1), cell);
    }
    if (i > 0 && !keepsLedger() && recordable(noise, tap)) {
      replay(settings, () -> settle(i, settings, NO_PAGE, tap));
    } else {
      settle(i, settings, page(i, 1, settings.draw), tap);
    }
  }

  /** @param i of no consequence but for its being 0, and for noise that the host brings */
  private void settle(int i, Settings settings, LedgerTape.Page page, Tap tap) {
    try (Backend.Scope _ = b.scope()) {
      Tensor logits = b.alloc(DType.F32, settings.guided ? model.branches() : 1, grid.dim(0), 1, model.codes());
      if (i == 0) {
        model.first(logits);
      } else {
        model.next(tokens, logits);
      }
      tap.accept("model_logits", logits);

      b.increment(cell);
      b.draw(logits, settings.draw, cell, settings.noise.draw(i), cell.slice(0, 0, 1).reshape(1), tokens, probability, page.drawn(), usage(), fault);
      b.reveal(grid, cell, tokens);
      turn(page, cell);
      tap.accept("tokens", tokens);
      tap.accept("probability", probability);
    }
  }

  /** The first step is the official sampler's prefill, which is always guided; its count begins with the second. */
  private boolean guided(int step) {
    return guidanceInterval == ALWAYS || step - 1 <= guidanceInterval;
  }
}

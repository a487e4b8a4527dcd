package azulejo.runtime.walk;

import azulejo.kernels.Tensor;

/** A model as a walk sees it: the conditioning is fixed, a step's token grid goes in, logits of the cells that are asked for come out. */
public interface Denoiser {
  /** Number of codes V that a cell can take. */
  int codes();

  /** 1, or 2 when each image is computed for guidance as well, as (unconditional, conditional). */
  int branches();

  /**
   * @param step of the walk, from 0, for a model that must know how far it is
   * @param grid I32 [B, L]
   * @param open I32 [B, P] the cells whose logits are wanted, -1 for none (the logits of such a row are undefined)
   * @param logits out: F32 [G, B, P, V], G = branches, or 1 for the conditional branch alone: a walk that asks for it stops guiding for good
   */
  void logits(int step, Tensor grid, Tensor open, Tensor logits);
}

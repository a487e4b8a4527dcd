package azulejo.runtime.walk;

import azulejo.kernels.Tensor;

/** A model that predicts cells of a grid in any order. */
public interface Denoiser extends Predictor {
  /**
   * @param step of the walk, from 0, for a model that must know how far it is
   * @param grid I32 [B, L]
   * @param open I32 [B, P] the cells whose logits are wanted, -1 for none (the logits of such a row are undefined)
   * @param logits out: F32 [G, B, P, V], G = branches
   */
  void logits(int step, Tensor grid, Tensor open, Tensor logits);
}

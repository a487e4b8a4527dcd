package azulejo.runtime.walk;

import azulejo.kernels.Tensor;

/**
 * A model that predicts one token after another and remembers those before. Where it stands is its own affair and lies in tensors, so that
 * {@link #next} is the same ops at every step.
 */
public interface NextToken extends Predictor {
  /**
   * Begins at the first token, which follows the condition alone.
   *
   * @param logits out: F32 [G, B, 1, V], G = branches, or 1 for the conditional branch alone: a walk that asks for it stops guiding for good
   */
  void first(Tensor logits);

  /**
   * Goes on by one token.
   *
   * @param tokens I32 [B, 1], of which the last logits told the distribution
   * @param logits out: as for {@link #first}, of the token that follows
   */
  void next(Tensor tokens, Tensor logits);
}

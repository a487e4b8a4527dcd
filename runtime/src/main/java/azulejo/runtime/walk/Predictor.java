package azulejo.runtime.walk;

/** A model as a walk sees it: the conditioning is fixed, what the walk has so far goes in, logits of the cells that are asked for come out. */
public interface Predictor {
  /** Number of codes V that a cell can take. */
  int codes();

  /** 1, or 2 when each image is computed for guidance as well, as (unconditional, conditional). */
  int branches();

  /**
   * Whether a step is ops alone, the same ones whenever its numbers are the same, so that a walk may record it once and replay it
   * ({@link azulejo.kernels.Backend#record}). A model that takes values to the host, as for a tap, is not.
   */
  default boolean recordable() {
    return false;
  }
}

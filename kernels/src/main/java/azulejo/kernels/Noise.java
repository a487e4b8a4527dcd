package azulejo.kernels;

/**
 * Where a sampling op takes its random numbers from.
 *
 * <p>A draw needs one Exp(1) variate for each position and code; a path needs one U[0, 1) variate for each position, a
 * step of a diffusion one for each position and class.
 */
public sealed interface Noise {
  /**
   * Philox 4x32-10 inside the kernel, keyed so that no variate depends on batch size, order, thread count or backend; {@link Philox}
   * defines the counter and the arithmetic.
   *
   * @param keys I64 [B, 2]: for each image its seed and its index within the seed
   */
  record Counter(Tensor keys, Stream stream) implements Noise {}

  /**
   * Variates that the caller brings, from PyTorch's generator or from a recording.
   *
   * @param values F32 [B, L, V] for a draw, [B, L] for a path, [B, L, classes] for a step of a diffusion; L counts all positions, settled ones too
   */
  record Given(Tensor values) implements Noise {}
}

package azulejo.kernels;

/** Pointwise non-linearities, as PyTorch defines them. */
public enum Activation {
  NONE,
  /** {@code x * sigmoid(x)} */
  SILU,
  /** {@code x * Phi(x)}, the exact erf form */
  GELU,
  /** {@code x * sigmoid(1.702 x)}, OpenAI CLIP's approximation */
  QUICK_GELU
}

package azulejo.kernels;

/** Pointwise non-linearities, as PyTorch defines them. */
public enum Activation {
  NONE,
  /** {@code max(x, 0)} */
  RELU,
  /** {@code x * sigmoid(x)} */
  SILU,
  /** {@code x * Phi(x)}, the exact erf form */
  GELU,
  /** GELU by {@code x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))}, "gelu_new" */
  GELU_TANH,
  /** {@code x * sigmoid(1.702 x)}, OpenAI CLIP's approximation */
  QUICK_GELU
}

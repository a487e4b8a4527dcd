package azulejo.kernels;

/** Normalisations over the innermost dimension. */
public enum Norm {
  /** {@code (x - mean) / sqrt(variance + eps)}, biased variance */
  LAYER,
  /** {@code x / sqrt(mean(x^2) + eps)} */
  RMS
}

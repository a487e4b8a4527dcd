package azulejo.kernels;

/** Which keys a query sees. */
public enum AttentionMask {
  /** All keys. */
  NONE,
  /** Query t sees keys 0..t. */
  CAUSAL
}

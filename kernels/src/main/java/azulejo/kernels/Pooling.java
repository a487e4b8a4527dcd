package azulejo.kernels;

/** What becomes of the pixels in a window, channel by channel. */
public enum Pooling {
  /** The largest; NaN where there is one. */
  MAX,
  MEAN
}

package azulejo.kernels;

import azulejo.kernels.vector.Roofline;

/**
 * What the host's processor can do at most, measured: what a kernel's speed is a share of. It swings with the clock and the neighbours of a shared
 * machine, so it belongs beside the timing it is compared with.
 *
 * @param flops floating-point operations a second of fused multiply-adds on registers alone (an fma counts as two), all threads together
 * @param bytes a second read from memory by all threads together, from a buffer no cache holds
 */
public record Ceiling(double flops, double bytes) {
  /** Takes some tenths of a second. Needs the module {@code jdk.incubator.vector}. */
  public static Ceiling measure(int threads) {
    return Roofline.measure(threads);
  }
}

package azulejo.kernels;

/**
 * The counter-based generator Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) and the exact
 * arithmetic from its words to variates. Every backend reproduces these bits.
 *
 * <p>A variate is a function of (seed, stream, image, step, position, code) alone. The key is the 64-bit seed (low word first); the counter is
 * {@code (code / 4, position, step, image << 1 | stream)} and word {@code code % 4} of the block serves {@code code}. A path's uniform is code 0.
 */
public final class Philox {
  static final int M0 = 0xD2511F53;
  static final int M1 = 0xCD9E8D57;
  static final int W0 = 0x9E3779B9;
  static final int W1 = 0xBB67AE85;

  private Philox() {}

  /** One of the four words of the block at the given counter. */
  public static int word(int k0, int k1, int c0, int c1, int c2, int c3, int word) {
    for (int round = 0; round < 10; round++) {
      long p0 = (M0 & 0xFFFFFFFFL) * (c0 & 0xFFFFFFFFL);
      long p1 = (M1 & 0xFFFFFFFFL) * (c2 & 0xFFFFFFFFL);
      int n0 = (int) (p1 >>> 32) ^ c1 ^ k0;
      int n2 = (int) (p0 >>> 32) ^ c3 ^ k1;
      c1 = (int) p1;
      c3 = (int) p0;
      c0 = n0;
      c2 = n2;
      k0 += W0;
      k1 += W1;
    }
    return switch (word) {
      case 0 -> c0;
      case 1 -> c1;
      case 2 -> c2;
      default -> c3;
    };
  }

  /** The word that belongs to a code at a position and step. */
  public static int word(long seed, Stream stream, long image, int step, int position, int code) {
    return word((int) seed, (int) (seed >>> 32), code >>> 2, position, step, (int) (image << 1) | stream.ordinal(), code & 3);
  }

  /** U[0, 1): the upper 24 bits of a word. */
  public static float uniform(int word) {
    return (word >>> 8) * 0x1p-24f;
  }

  /**
   * Exp(1): {@code -log(1 - u)} with {@code u = (word + 1/2) / 2^32}, in f32 with relative error below 3e-7 over the whole range, because small
   * values decide which code wins a race. Written in multiplications, fused multiply-adds and integer operations only, in a fixed order,
   * so that scalar, vector and device code agree bit for bit.
   */
  public static float exponential(int word) {
    throw new UnsupportedOperationException();
  }
}

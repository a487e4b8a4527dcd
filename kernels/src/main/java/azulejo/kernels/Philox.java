package azulejo.kernels;

/**
 * The counter-based generator Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) and the exact
 * arithmetic from its words to variates. Every backend reproduces these bits.
 *
 * <p>A variate is a function of (seed, stream, image, step, position, code) alone. The key is the 64-bit seed (low word first); the counter is
 * {@code (code / 4, position, step, image << 1 | stream)} and word {@code code % 4} of the block serves {@code code}. A path's uniform is code 0.
 */
public final class Philox {
  public static final int M0 = 0xD2511F53;
  public static final int M1 = 0xCD9E8D57;
  public static final int W0 = 0x9E3779B9;
  public static final int W1 = 0xBB67AE85;

  /** The bits of sqrt(1/2): less these, a float's exponent field counts from the mantissa sqrt(1/2). */
  public static final int SQRT_HALF_BITS = 0x3F3504F3;
  public static final float ONE_MINUS_SQRT_HALF = 0.29289323f;
  // (log(1 + f) - f + f^2 / 2) / f^3 is about LOG_0 + LOG_1 f + ... + LOG_8 f^8 for f in [sqrt(1/2) - 1, sqrt(2) - 1]
  public static final float LOG_0 = 3.3333331174e-1f;
  public static final float LOG_1 = -2.4999993993e-1f;
  public static final float LOG_2 = 2.0000714765e-1f;
  public static final float LOG_3 = -1.6668057665e-1f;
  public static final float LOG_4 = 1.4249322787e-1f;
  public static final float LOG_5 = -1.2420140846e-1f;
  public static final float LOG_6 = 1.1676998740e-1f;
  public static final float LOG_7 = -1.1514610310e-1f;
  public static final float LOG_8 = 7.0376836292e-2f;
  /** log(2) in two parts, the first short enough for its products with exponents to be exact. */
  public static final float LN2_HIGH = 0.693359375f;
  public static final float LN2_LOW = -2.12194440e-4f;

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
   * Exp(1): {@code -log(1 - u)} with {@code u = (word + 1/2) / 2^32}, word unsigned, in f32 with relative error below 3e-7 over the whole range,
   * because small values decide which code wins a race. Written without branches in a fixed order of additions, multiplications, fused
   * multiply-adds and integer operations, no product feeding a sum unfused, so that scalar, vector and device code agree bit for bit.
   *
   * <p>{@code 1 - u = m * 2^e} with m in [sqrt(1/2), sqrt(2)) and {@code log(m)} by the polynomial of Cephes' logf in {@code f = m - 1}. The lower half
   * of the words takes f from u and the upper half from 1 - u, so that neither end loses digits.
   */
  public static float exponential(int word) {
    float t = Math.fma((float) (word ^ word >> 31), 0x1p-32f, 0x1p-33f);
    // word < 0: t is 1 - u
    int bits = Float.floatToRawIntBits(t);
    int exponent = bits - SQRT_HALF_BITS >> 23;
    float fUpper = Float.intBitsToFloat(bits - (exponent << 23)) - 1;
    // word >= 0: t is u
    boolean near = t <= ONE_MINUS_SQRT_HALF;
    float fLower = near ? -t : Math.fma(t, -2, 1);
    float f = word < 0 ? fUpper : fLower;
    float e = word < 0 ? exponent : near ? 0 : -1;
    return -log(e, f);
  }

  /** {@code e log 2 + log(1 + f)} for an integer e and f from sqrt(1/2) - 1 to sqrt(2) - 1. */
  public static float log(float e, float f) {
    float z = f * f;
    float p = Math.fma(LOG_8, f, LOG_7);
    p = Math.fma(p, f, LOG_6);
    p = Math.fma(p, f, LOG_5);
    p = Math.fma(p, f, LOG_4);
    p = Math.fma(p, f, LOG_3);
    p = Math.fma(p, f, LOG_2);
    p = Math.fma(p, f, LOG_1);
    p = Math.fma(p, f, LOG_0);
    float y = p * (f * z);
    y = Math.fma(e, LN2_LOW, y);
    y = Math.fma(z, -0.5f, y);
    return Math.fma(e, LN2_HIGH, f + y);
  }
}

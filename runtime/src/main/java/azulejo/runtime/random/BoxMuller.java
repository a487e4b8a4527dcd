package azulejo.runtime.random;

/**
 * Normal variates from uniform ones as PyTorch's vectorised CPU path makes them: blocks of sixteen, radius and angle from single-precision
 * polynomials of the Cephes library, with the fused multiply-adds of its AVX2 build.
 *
 * <p>Source: {@code normal_fill} of ATen/native/cpu/DistributionTemplates.h and {@code avx_mathfun.h}. Every operation here is one correctly rounded
 * single-precision operation in the order of that code, so the results are the same bits.
 */
final class BoxMuller {
  static final int BLOCK = 16;
  private static final float TWO_PI = (float) (2 * Math.PI);

  private BoxMuller() {}

  /** Turns the sixteen uniforms at {@code from} into sixteen normals: the first eight give the radii, the last eight the angles. */
  static void transform(float[] data, int from) {
    for (int i = from; i < from + BLOCK / 2; i++) {
      float radius = (float) Math.sqrt(-2 * log(1 - data[i]));
      float angle = TWO_PI * data[i + BLOCK / 2];
      // Adding zero is the multiply-add with mean 0 of the original: it makes -0 a +0.
      data[i] = radius * cos(angle) + 0f;
      data[i + BLOCK / 2] = radius * sin(angle) + 0f;
    }
  }

  /** The same for doubles, which PyTorch computes with the C library. */
  static void transform(double[] data, int from) {
    for (int i = from; i < from + BLOCK / 2; i++) {
      double radius = Math.sqrt(-2 * Math.log(1 - data[i]));
      double angle = 2 * Math.PI * data[i + BLOCK / 2];
      data[i] = radius * Math.cos(angle);
      data[i + BLOCK / 2] = radius * Math.sin(angle);
    }
  }

  /** Natural logarithm of a normal x in (0, 1]. */
  private static float log(float x) {
    int exponent = Math.getExponent(x) + 1;
    float m = Float.intBitsToFloat(Float.floatToRawIntBits(x) & 0x807FFFFF | 0x3F000000);
    if (m < 0.70710677f) {
      exponent--;
      m = m - 1 + m;
    } else {
      m = m - 1;
    }
    float z = m * m;
    float y = 7.0376836292E-2f;
    y = Math.fma(y, m, -1.1514610310E-1f);
    y = Math.fma(y, m, 1.1676998740E-1f);
    y = Math.fma(y, m, -1.2420140846E-1f);
    y = Math.fma(y, m, 1.4249322787E-1f);
    y = Math.fma(y, m, -1.6668057665E-1f);
    y = Math.fma(y, m, 2.0000714765E-1f);
    y = Math.fma(y, m, -2.4999993993E-1f);
    y = Math.fma(y, m, 3.3333331174E-1f);
    y = y * m;
    y = Math.fma(y, z, exponent * -2.12194440e-4f);
    y = Math.fma(z, -0.5f, y);
    return Math.fma(exponent, 0.693359375f, m + y);
  }

  private static float cos(float x) {
    int octant = octant(x);
    float r = reduce(x, octant);
    float value = (octant & 2) == 0 ? cosPolynomial(r) : sinPolynomial(r);
    return (octant - 2 & 4) == 0 ? -value : value;
  }

  private static float sin(float x) {
    int octant = octant(x);
    float r = reduce(x, octant);
    float value = (octant & 2) == 0 ? sinPolynomial(r) : cosPolynomial(r);
    return (octant & 4) == 0 ? value : -value;
  }

  /** The even number of eighths of a turn nearest to x, x not negative. */
  private static int octant(float x) {
    return (int) (x * 1.27323954473516f) + 1 & ~1;
  }

  /** {@code x - octant * pi / 4}, pi / 4 taken in three parts. */
  private static float reduce(float x, int octant) {
    float r = Math.fma(octant, -0.78515625f, x);
    r = Math.fma(octant, -2.4187564849853515625e-4f, r);
    return Math.fma(octant, -3.77489497744594108e-8f, r);
  }

  private static float cosPolynomial(float r) {
    float z = r * r;
    float y = 2.443315711809948E-005f;
    y = Math.fma(y, z, -1.388731625493765E-003f);
    y = Math.fma(y, z, 4.166664568298827E-002f);
    y = y * z;
    y = Math.fma(y, z, -0.5f * z);
    return y + 1;
  }

  private static float sinPolynomial(float r) {
    float z = r * r;
    float y = -1.9515295891E-4f;
    y = Math.fma(y, z, 8.3321608736E-3f);
    y = Math.fma(y, z, -1.6666654611E-1f);
    y = y * z;
    return Math.fma(y, r, r);
  }
}

package azulejo.kernels.vector;

import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.D;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LT;

import azulejo.kernels.Activation;
import azulejo.kernels.Philox;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorShuffle;

/**
 * Elementary functions of a vector. All arithmetic is IEEE operations and fused multiply-adds in one order, so interpreted and compiled code
 * give the same bits. The polynomials are minimax fits (Lawson's algorithm) made for this file.
 *
 * <p>A call is free only where C2 inlines it, and C2 stops inlining methods that are not the JDK's own after a few dozen vector operations in one
 * compiled method (NodeCountInliningCutoff). So a kernel has these calls in a small method with one loop, at the start of its body, and its
 * methods pass vectors to each other through memory.
 */
final class Elementary {
  private static final float LOG2_E = 0x1.715476p0f;
  // ln 2 in two parts; the upper one has 16 bits, so its product with any exponent is exact.
  private static final float LN2_HIGH = 0x1.62e4p-1f;
  private static final float LN2_LOW = 0x1.7f7d1cp-20f;
  // Adding 1.5 * 2^23 leaves a float rounded to an integer, which then stands in its lowest bits.
  private static final float ROUND = 0x1.8p23f;
  private static final int ROUND_BITS = Float.floatToRawIntBits(ROUND);

  private static final double ROUND_DOUBLE = 0x1.8p52;
  private static final long ROUND_DOUBLE_BITS = Double.doubleToRawLongBits(ROUND_DOUBLE);

  // Swaps of lane halves, quarters, ... for a sum over lanes in a fixed order.
  private static final VectorShuffle<Float> SWAP_8 = swap(8);
  private static final VectorShuffle<Float> SWAP_4 = swap(4);
  private static final VectorShuffle<Float> SWAP_2 = swap(2);
  private static final VectorShuffle<Float> SWAP_1 = swap(1);

  private Elementary() {}

  private static VectorShuffle<Float> swap(int distance) {
    return VectorShuffle.fromOp(F, i -> (i ^ distance) & (F.length() - 1));
  }

  /** {@code e^x}, within 1.1 ulp (2 ulp of the smallest normal number where the result is below it); NaN stays NaN. */
  static FloatVector exp(FloatVector x) {
    // Beyond these bounds the result is infinite or zero.
    x = x.blend(89f, x.compare(GT, 89f));
    x = x.blend(-105f, x.compare(LT, -105f));
    FloatVector rounded = x.fma(LOG2_E, ROUND);
    FloatVector n = rounded.sub(ROUND);
    FloatVector r = n.fma(FloatVector.broadcast(F, -LN2_HIGH), x);
    r = n.fma(FloatVector.broadcast(F, -LN2_LOW), r);
    FloatVector p = r.fma(0.001381459878757596f, 0.008368716575205326f);
    p = p.fma(r, FloatVector.broadcast(F, 0.04166838899254799f));
    p = p.fma(r, FloatVector.broadcast(F, 0.1666652113199234f));
    p = p.fma(r, FloatVector.broadcast(F, 0.4999999403953552f));
    p = r.mul(r).fma(p, r).add(1f);
    // 2^n as two factors, because n reaches from -151 to 128.
    IntVector exponent = rounded.reinterpretAsInts().sub(ROUND_BITS);
    IntVector half = exponent.lanewise(ASHR, 1);
    FloatVector power = half.add(127).lanewise(LSHL, 23).reinterpretAsFloats();
    return p.mul(power).mul(exponent.sub(half).add(127).lanewise(LSHL, 23).reinterpretAsFloats());
  }

  /** {@code e^x} in double, with relative error below 3e-13, for x from -700 to 700, beyond which x is taken as the nearer bound; NaN stays NaN. */
  static DoubleVector exp(DoubleVector x) {
    x = x.blend(700, x.compare(GT, 700));
    x = x.blend(-700, x.compare(LT, -700));
    DoubleVector rounded = x.fma(0x1.71547652b82fep0, ROUND_DOUBLE);
    DoubleVector n = rounded.sub(ROUND_DOUBLE);
    // ln 2 in two parts, the upper one of 42 bits
    DoubleVector r = n.fma(DoubleVector.broadcast(D, -0x1.62e42fefa38p-1), x);
    r = n.fma(DoubleVector.broadcast(D, -0x1.ef35793c7673p-45), r);
    // Taylor's series: |r| <= ln 2 / 2, and the first term left out is r^11 / 11!. (A few terms more and C2 would find this method too big to inline.)
    DoubleVector p = DoubleVector.broadcast(D, 1.0 / 3628800);
    p = p.fma(r, DoubleVector.broadcast(D, 1.0 / 362880));
    p = p.fma(r, DoubleVector.broadcast(D, 1.0 / 40320));
    p = p.fma(r, DoubleVector.broadcast(D, 1.0 / 5040));
    p = p.fma(r, DoubleVector.broadcast(D, 1.0 / 720));
    p = p.fma(r, DoubleVector.broadcast(D, 1.0 / 120));
    p = p.fma(r, DoubleVector.broadcast(D, 1.0 / 24));
    p = p.fma(r, DoubleVector.broadcast(D, 1.0 / 6));
    p = p.fma(r, DoubleVector.broadcast(D, 0.5));
    p = r.mul(r).fma(p, r).add(1);
    LongVector exponent = rounded.reinterpretAsLongs().sub(ROUND_DOUBLE_BITS);
    return p.mul(exponent.add(1023).lanewise(LSHL, 52).reinterpretAsDoubles());
  }

  /** The natural logarithm of a normal positive number, within 2 ulp, near 1 too. */
  static FloatVector log(FloatVector x) {
    // x = m * 2^e with m in [sqrt(1/2), sqrt(2)), and f = m - 1
    IntVector bits = x.reinterpretAsInts();
    IntVector exponent = bits.sub(Philox.SQRT_HALF_BITS).lanewise(ASHR, 23);
    FloatVector e = (FloatVector) exponent.convert(I2F, 0);
    FloatVector f = bits.sub(exponent.lanewise(LSHL, 23)).reinterpretAsFloats().sub(1f);
    FloatVector z = f.mul(f);
    FloatVector p = f.fma(Philox.LOG_8, Philox.LOG_7);
    p = p.fma(f, FloatVector.broadcast(F, Philox.LOG_6));
    p = p.fma(f, FloatVector.broadcast(F, Philox.LOG_5));
    p = p.fma(f, FloatVector.broadcast(F, Philox.LOG_4));
    p = p.fma(f, FloatVector.broadcast(F, Philox.LOG_3));
    p = p.fma(f, FloatVector.broadcast(F, Philox.LOG_2));
    p = p.fma(f, FloatVector.broadcast(F, Philox.LOG_1));
    p = p.fma(f, FloatVector.broadcast(F, Philox.LOG_0));
    FloatVector y = p.mul(f.mul(z));
    y = e.fma(FloatVector.broadcast(F, Philox.LN2_LOW), y);
    y = z.fma(FloatVector.broadcast(F, -0.5f), y);
    return e.fma(FloatVector.broadcast(F, Philox.LN2_HIGH), f.add(y));
  }

  /** {@code 1 / (1 + e^-x)}, relative error below 4e-7 where the result is normal. */
  static FloatVector sigmoid(FloatVector x) {
    return FloatVector.broadcast(F, 1f).div(exp(x.neg()).add(1f));
  }

  /** {@code x * sigmoid(x)}. */
  static FloatVector silu(FloatVector x) {
    return x.div(exp(x.neg()).add(1f));
  }

  /** {@code x * sigmoid(1.702 x)}. */
  static FloatVector quickGelu(FloatVector x) {
    return x.div(exp(x.mul(-1.702f)).add(1f));
  }

  /** {@code x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))}, which is x times a sigmoid; the relative error grows with the exponent as in {@link #quickGelu}. */
  static FloatVector geluTanh(FloatVector x) {
    FloatVector exponent = x.mul(x.mul(x).fma(-0.07135481627f, -1.59576912161f));
    return x.div(exp(exponent).add(1f));
  }

  /**
   * {@code x * Phi(x)} with relative error below 1e-6 + 1e-7 x^2 even in the negative tail: Phi(-|x|) = e^(-x^2 / 2) R(|x|), where R is a
   * polynomial in {@code t = 1 / (1 + |x| / 4)} that vanishes at t = 0 (the form of Abramowitz and Stegun, 7.1.26, to higher degree).
   */
  static FloatVector gelu(FloatVector x) {
    FloatVector e = exp(x.mul(x).mul(-0.5f));
    FloatVector t = FloatVector.broadcast(F, 1f).div(x.abs().fma(0.25f, 1f));
    FloatVector p = t.fma(0.02517484f, -0.15011063f);
    p = p.fma(t, FloatVector.broadcast(F, 0.29046954f));
    p = p.fma(t, FloatVector.broadcast(F, -0.19921373f));
    p = p.fma(t, FloatVector.broadcast(F, 0.19713434f));
    p = p.fma(t, FloatVector.broadcast(F, 0.03494164f));
    p = p.fma(t, FloatVector.broadcast(F, 0.10321786f));
    p = p.fma(t, FloatVector.broadcast(F, 0.09859328f));
    p = p.fma(t, FloatVector.broadcast(F, 0.09979283f));
    FloatVector tail = e.mul(p.mul(t));
    return x.mul(tail.blend(FloatVector.broadcast(F, 1f).sub(tail), x.compare(GT, 0f)));
  }

  /** The sum of all lanes: pairs at distance 8, then 4, 2, 1. ({@code reduceLanes} leaves the order open, and with it the rounding.) */
  static float sum(FloatVector v) {
    if (F.length() > 8) {
      v = v.add(v.rearrange(SWAP_8));
    }
    if (F.length() > 4) {
      v = v.add(v.rearrange(SWAP_4));
    }
    v = v.add(v.rearrange(SWAP_2));
    return v.add(v.rearrange(SWAP_1)).lane(0);
  }

  /** The sum of the lanes of a vector of floats in memory, in order. */
  static float sumFloats(long lanes) {
    float sum = 0;
    for (int lane = 0; lane < COUNT; lane++) {
      sum += Lanes.get(lanes + 4L * lane);
    }
    return sum;
  }

  /** The sum of the lanes of a vector of doubles in memory, in order. */
  static double sumDoubles(long lanes) {
    double sum = 0;
    for (int lane = 0; lane < D.length(); lane++) {
      sum += Lanes.getDouble(lanes + 8L * lane);
    }
    return sum;
  }

  /** {@code out = activation(x)} for n floats at x; {@code out} may be x. */
  static void activate(Activation activation, long x, long out, int n) {
    switch (activation) {
      case NONE -> Pointwise.copy(x, out, n);
      case SILU -> silu(x, out, n);
      case GELU -> gelu(x, out, n);
      case GELU_TANH -> geluTanh(x, out, n);
      case QUICK_GELU -> quickGelu(x, out, n);
    }
  }

  private static void silu(long x, long out, int n) {
    int i = 0;
    for (; i <= n - COUNT; i += COUNT) {
      silu(Lanes.load(x + 4L * i)).intoMemorySegment(MEMORY, out + 4L * i, ORDER);
    }
    if (i < n) {
      silu(Lanes.load(x + 4L * i, n - i)).intoMemorySegment(MEMORY, out + 4L * i, ORDER, F.indexInRange(0, n - i));
    }
  }

  private static void gelu(long x, long out, int n) {
    int i = 0;
    for (; i <= n - COUNT; i += COUNT) {
      gelu(Lanes.load(x + 4L * i)).intoMemorySegment(MEMORY, out + 4L * i, ORDER);
    }
    if (i < n) {
      gelu(Lanes.load(x + 4L * i, n - i)).intoMemorySegment(MEMORY, out + 4L * i, ORDER, F.indexInRange(0, n - i));
    }
  }

  private static void geluTanh(long x, long out, int n) {
    int i = 0;
    for (; i <= n - COUNT; i += COUNT) {
      geluTanh(Lanes.load(x + 4L * i)).intoMemorySegment(MEMORY, out + 4L * i, ORDER);
    }
    if (i < n) {
      geluTanh(Lanes.load(x + 4L * i, n - i)).intoMemorySegment(MEMORY, out + 4L * i, ORDER, F.indexInRange(0, n - i));
    }
  }

  private static void quickGelu(long x, long out, int n) {
    int i = 0;
    for (; i <= n - COUNT; i += COUNT) {
      quickGelu(Lanes.load(x + 4L * i)).intoMemorySegment(MEMORY, out + 4L * i, ORDER);
    }
    if (i < n) {
      quickGelu(Lanes.load(x + 4L * i, n - i)).intoMemorySegment(MEMORY, out + 4L * i, ORDER, F.indexInRange(0, n - i));
    }
  }
}

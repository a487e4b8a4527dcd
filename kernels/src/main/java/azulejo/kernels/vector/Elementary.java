package azulejo.kernels.vector;

import static azulejo.kernels.vector.Lanes.BYTES;
import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.D;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static jdk.incubator.vector.FloatVector.zero;
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
import jdk.incubator.vector.VectorSpecies;

/**
 * Elementary functions. All arithmetic is IEEE operations and fused multiply-adds in one order, so interpreted and compiled code give the same
 * bits. The polynomials are minimax fits (Lawson's algorithm) made for this file.
 *
 * <p>Whoever passes a vector to a method or gets one from it relies on the JIT to inline the method, and C2 refuses that once it has taken in some forty
 * operations of the Vector API, which it always inlines itself; a vector that crosses a call costs an allocation and a dozen operations' time. So the hot
 * functions here work in memory and spell out e^x, each once. The functions of vectors are for loops that hold little else.
 */
final class Elementary {
  static final float LOG2_E = 0x1.715476p0f;
  // ln 2 in two parts; the upper one has 16 bits, so its product with any exponent is exact.
  static final float LN2_HIGH = 0x1.62e4p-1f;
  static final float LN2_LOW = 0x1.7f7d1cp-20f;
  // Adding 1.5 * 2^23 leaves a float rounded to an integer, which then stands in its lowest bits.
  static final float ROUND = 0x1.8p23f;
  static final int ROUND_BITS = Float.floatToRawIntBits(ROUND);
  // e^r is about 1 + r + EXP_2 r^2 + ... + EXP_6 r^6 for |r| <= ln 2 / 2.
  static final float EXP_2 = 0.4999999403953552f;
  static final float EXP_3 = 0.1666652113199234f;
  static final float EXP_4 = 0.04166838899254799f;
  static final float EXP_5 = 0.008368716575205326f;
  static final float EXP_6 = 0.001381459878757596f;

  private static final double ROUND_DOUBLE = 0x1.8p52;
  private static final long ROUND_DOUBLE_BITS = Double.doubleToRawLongBits(ROUND_DOUBLE);

  // Swaps of lane halves, quarters, ... for a sum over lanes in a fixed order.
  private static final VectorShuffle<Float> SWAP_8 = swap(8);
  private static final VectorShuffle<Float> SWAP_4 = swap(4);
  private static final VectorShuffle<Float> SWAP_2 = swap(2);
  private static final VectorShuffle<Float> SWAP_1 = swap(1);

  private static final VectorSpecies<Float> FOUR = FloatVector.SPECIES_128;

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
    FloatVector r = n.fma(broadcast(F, -LN2_HIGH), x);
    r = n.fma(broadcast(F, -LN2_LOW), r);
    FloatVector p = r.fma(EXP_6, EXP_5);
    p = p.fma(r, broadcast(F, EXP_4));
    p = p.fma(r, broadcast(F, EXP_3));
    p = p.fma(r, broadcast(F, EXP_2));
    p = r.mul(r).fma(p, r).add(1f);
    // 2^n as two factors, because n reaches from -151 to 128.
    IntVector exponent = rounded.reinterpretAsInts().sub(ROUND_BITS);
    IntVector half = exponent.lanewise(ASHR, 1);
    FloatVector power = half.add(127).lanewise(LSHL, 23).reinterpretAsFloats();
    return p.mul(power).mul(exponent.sub(half).add(127).lanewise(LSHL, 23).reinterpretAsFloats());
  }

  /** {@code e^x} in double, with relative error below 3e-13, for x from -700 to 700, beyond which x is taken as the nearer bound; NaN stays NaN. */
  static DoubleVector exp(DoubleVector x) {
    // not by masks: of two lanes C2 has none
    x = x.min(700).max(-700);
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
    p = p.fma(f, broadcast(F, Philox.LOG_6));
    p = p.fma(f, broadcast(F, Philox.LOG_5));
    p = p.fma(f, broadcast(F, Philox.LOG_4));
    p = p.fma(f, broadcast(F, Philox.LOG_3));
    p = p.fma(f, broadcast(F, Philox.LOG_2));
    p = p.fma(f, broadcast(F, Philox.LOG_1));
    p = p.fma(f, broadcast(F, Philox.LOG_0));
    FloatVector y = p.mul(f.mul(z));
    y = e.fma(broadcast(F, Philox.LN2_LOW), y);
    y = z.fma(broadcast(F, -0.5f), y);
    return e.fma(broadcast(F, Philox.LN2_HIGH), f.add(y));
  }

  /** The same of one number, and the same bits. */
  static float log(float x) {
    int bits = Float.floatToRawIntBits(x);
    int exponent = bits - Philox.SQRT_HALF_BITS >> 23;
    return Philox.log(exponent, Float.intBitsToFloat(bits - (exponent << 23)) - 1);
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

  /** The sum of the lanes of a vector of floats in memory, which is lost: each fourth one, and then the four sums. */
  static float sumFloats(long lanes) {
    FloatVector sum = fromMemorySegment(FOUR, MEMORY, lanes, ORDER);
    if (BYTES > 16) {
      sum = sum.add(fromMemorySegment(FOUR, MEMORY, lanes + 16, ORDER));
    }
    if (BYTES > 32) {
      sum = sum.add(fromMemorySegment(FOUR, MEMORY, lanes + 32, ORDER)).add(fromMemorySegment(FOUR, MEMORY, lanes + 48, ORDER));
    }
    sum.intoMemorySegment(MEMORY, lanes, ORDER);
    return Lanes.get(lanes) + Lanes.get(lanes + 4) + (Lanes.get(lanes + 8) + Lanes.get(lanes + 12));
  }

  /** The sum of the lanes of a vector of doubles in memory, in order. */
  static double sumDoubles(long lanes) {
    double sum = 0;
    for (int lane = 0; lane < D.length(); lane++) {
      sum += Lanes.getDouble(lanes + 8L * lane);
    }
    return sum;
  }

  /**
   * Turns n vectors, {@code stride} bytes apart, into {@code e^(scale * (x - top))}, and adds them to a sum. No x is above its top, and weights of
   * e^-88 and less become 0: arithmetic with numbers below the normal ones is several times slower, and hidden keys and codes are -infinity.
   *
   * @param top address of a vector
   * @param sum address of a vector, or 0
   */
  static void weigh(long vectors, long stride, int n, float scale, long top, long sum) {
    FloatVector max = fromMemorySegment(F, MEMORY, top, ORDER);
    FloatVector total = zero(F);
    for (int i = 0; i < n; i++) {
      FloatVector x = fromMemorySegment(F, MEMORY, vectors + i * stride, ORDER).sub(max).mul(scale);
      // as exp does, with one factor of 2^k, which is 0 for k = -127
      x = x.blend(-88f, x.compare(LT, -88f));
      FloatVector rounded = x.fma(LOG2_E, ROUND);
      FloatVector k = rounded.sub(ROUND);
      FloatVector r = k.fma(broadcast(F, -LN2_HIGH), x);
      r = k.fma(broadcast(F, -LN2_LOW), r);
      FloatVector p = r.fma(EXP_6, EXP_5);
      p = p.fma(r, broadcast(F, EXP_4));
      p = p.fma(r, broadcast(F, EXP_3));
      p = p.fma(r, broadcast(F, EXP_2));
      p = r.mul(r).fma(p, r).add(1f);
      FloatVector e = p.mul(rounded.reinterpretAsInts().sub(ROUND_BITS - 127).lanewise(LSHL, 23).reinterpretAsFloats());
      e.intoMemorySegment(MEMORY, vectors + i * stride, ORDER);
      total = total.add(e);
    }
    if (sum != 0) {
      total.add(fromMemorySegment(F, MEMORY, sum, ORDER)).intoMemorySegment(MEMORY, sum, ORDER);
    }
  }

  // ---- activations --------------------------------------------------------------------------------------------------------

  /**
   * {@code out = activation(x)} for n floats at x; {@code out} may be x.
   *
   * @param spare room for a vector, used if n is not a multiple of its lanes
   */
  static void activate(Activation activation, long x, long out, int n, long spare) {
    int whole = n / COUNT;
    activate(activation, x, out, whole);
    int rest = n - whole * COUNT;
    if (rest > 0) {
      for (int i = 0; i < COUNT; i++) {
        Lanes.set(spare + 4L * i, i < rest ? Lanes.get(x + 4L * (n - rest + i)) : 0);
      }
      activate(activation, spare, spare, 1);
      for (int i = 0; i < rest; i++) {
        Lanes.set(out + 4L * (n - rest + i), Lanes.get(spare + 4L * i));
      }
    }
  }

  private static void activate(Activation activation, long x, long out, int vectors) {
    switch (activation) {
      case NONE -> Pointwise.copy(x, out, vectors * COUNT);
      case RELU -> relu(x, out, vectors);
      case SILU -> sigmoidUnit(x, out, vectors, 1, 0);
      case QUICK_GELU -> sigmoidUnit(x, out, vectors, 1.702f, 0);
      // (1 + tanh u) / 2 is the sigmoid of 2 u: here sqrt(8 / pi) x and its product with 0.044715 x^2
      case GELU_TANH -> sigmoidUnit(x, out, vectors, 1.59576912161f, 0.07135481627f);
      case GELU -> gelu(x, out, vectors);
    }
  }

  private static void relu(long x, long out, int n) {
    for (int i = 0; i < n; i++) {
      fromMemorySegment(F, MEMORY, x + (long) i * BYTES, ORDER).max(0f).intoMemorySegment(MEMORY, out + (long) i * BYTES, ORDER);
    }
  }

  /** {@code x / (1 + e^-g)} with {@code g = x (linear + cubic x^2)}: the relative error is that of e^g, 2^-24 of g and 3 ulp. */
  private static void sigmoidUnit(long vectors, long out, int n, float linear, float cubic) {
    FloatVector a = broadcast(F, -linear);
    FloatVector b = broadcast(F, -cubic);
    for (int i = 0; i < n; i++) {
      FloatVector y = fromMemorySegment(F, MEMORY, vectors + (long) i * BYTES, ORDER);
      // finite, so that no cubic part of an infinite x is nothing
      FloatVector square = y.mul(y);
      square = square.blend(1e30f, square.compare(GT, 1e30f));
      FloatVector x = y.mul(square.fma(b, a));
      // as exp does
      x = x.blend(89f, x.compare(GT, 89f));
      x = x.blend(-105f, x.compare(LT, -105f));
      FloatVector rounded = x.fma(LOG2_E, ROUND);
      FloatVector k = rounded.sub(ROUND);
      FloatVector r = k.fma(broadcast(F, -LN2_HIGH), x);
      r = k.fma(broadcast(F, -LN2_LOW), r);
      FloatVector p = r.fma(EXP_6, EXP_5);
      p = p.fma(r, broadcast(F, EXP_4));
      p = p.fma(r, broadcast(F, EXP_3));
      p = p.fma(r, broadcast(F, EXP_2));
      p = r.mul(r).fma(p, r).add(1f);
      IntVector exponent = rounded.reinterpretAsInts().sub(ROUND_BITS);
      IntVector half = exponent.lanewise(ASHR, 1);
      FloatVector e = p.mul(half.add(127).lanewise(LSHL, 23).reinterpretAsFloats())
          .mul(exponent.sub(half).add(127).lanewise(LSHL, 23).reinterpretAsFloats());
      y.div(e.add(1f)).intoMemorySegment(MEMORY, out + (long) i * BYTES, ORDER);
    }
  }

  /**
   * {@code x * Phi(x)} with relative error below 1e-6 + 1e-7 x^2 even in the negative tail: Phi(-|x|) = e^(-x^2 / 2) R(|x|), where R is a
   * polynomial in {@code t = 1 / (1 + |x| / 4)} that vanishes at t = 0 (the form of Abramowitz and Stegun, 7.1.26, to higher degree).
   */
  private static void gelu(long vectors, long out, int n) {
    for (int i = 0; i < n; i++) {
      FloatVector y = fromMemorySegment(F, MEMORY, vectors + (long) i * BYTES, ORDER);
      FloatVector x = y.mul(y).mul(-0.5f);
      // as exp does, for x of 0 and less
      x = x.blend(-105f, x.compare(LT, -105f));
      FloatVector rounded = x.fma(LOG2_E, ROUND);
      FloatVector k = rounded.sub(ROUND);
      FloatVector r = k.fma(broadcast(F, -LN2_HIGH), x);
      r = k.fma(broadcast(F, -LN2_LOW), r);
      FloatVector p = r.fma(EXP_6, EXP_5);
      p = p.fma(r, broadcast(F, EXP_4));
      p = p.fma(r, broadcast(F, EXP_3));
      p = p.fma(r, broadcast(F, EXP_2));
      p = r.mul(r).fma(p, r).add(1f);
      IntVector exponent = rounded.reinterpretAsInts().sub(ROUND_BITS);
      IntVector half = exponent.lanewise(ASHR, 1);
      FloatVector e = p.mul(half.add(127).lanewise(LSHL, 23).reinterpretAsFloats())
          .mul(exponent.sub(half).add(127).lanewise(LSHL, 23).reinterpretAsFloats());
      FloatVector t = broadcast(F, 1f).div(y.abs().fma(0.25f, 1f));
      FloatVector q = t.fma(0.02517484f, -0.15011063f);
      q = q.fma(t, broadcast(F, 0.29046954f));
      q = q.fma(t, broadcast(F, -0.19921373f));
      q = q.fma(t, broadcast(F, 0.19713434f));
      q = q.fma(t, broadcast(F, 0.03494164f));
      q = q.fma(t, broadcast(F, 0.10321786f));
      q = q.fma(t, broadcast(F, 0.09859328f));
      q = q.fma(t, broadcast(F, 0.09979283f));
      FloatVector tail = e.mul(q.mul(t));
      y.mul(tail.blend(broadcast(F, 1f).sub(tail), y.compare(GT, 0f))).intoMemorySegment(MEMORY, out + (long) i * BYTES, ORDER);
    }
  }
}

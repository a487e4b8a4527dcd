package azulejo.kernels.vector;

import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.I;

import azulejo.kernels.Activation;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Elementary functions in multiplications, additions and fused multiply-adds only: the library's own vector functions give other bits in
 * the interpreter than in compiled code. The polynomials are minimax fits made for this file; errors are relative to the exact value.
 */
final class Elementary {
  /** Added to a float of magnitude below 2^22, leaves its nearest integer in the low bits. */
  private static final float ROUND = 0x1.8p23f;

  private static final int ROUND_BITS = Float.floatToRawIntBits(ROUND);
  private static final float LN2_HIGH = 0x1.62e4p-1f;
  private static final float LN2_LOW = 0x1.7f7d1cp-20f;
  private static final float LOG2_E = 1.44269504f;
  private static final float SQRT_HALF = 0.70710678f;

  private Elementary() {}

  /** e^x within 1 ulp or so, over the whole range: 0 and infinity at its ends, NaN of NaN. */
  static FloatVector exp(FloatVector x) {
    // x = n ln 2 + r, |r| <= ln 2 / 2; e^r = 1 + r + r^2 q(r); 2^n in two factors, as n may pass the exponent's range by itself.
    FloatVector limited = x.max(-126f).min(126f);
    FloatVector shifted = limited.fma(FloatVector.broadcast(F, LOG2_E), FloatVector.broadcast(F, ROUND));
    IntVector n = shifted.reinterpretAsInts().sub(ROUND_BITS);
    FloatVector k = shifted.sub(ROUND);
    FloatVector r = k.fma(FloatVector.broadcast(F, -LN2_HIGH), limited);
    r = k.fma(FloatVector.broadcast(F, -LN2_LOW), r);
    FloatVector q = r.fma(FloatVector.broadcast(F, 1.38145986e-3f), FloatVector.broadcast(F, 8.36871688e-3f));
    q = q.fma(r, FloatVector.broadcast(F, 4.16683880e-2f));
    q = q.fma(r, FloatVector.broadcast(F, 1.66665206e-1f));
    q = q.fma(r, FloatVector.broadcast(F, 4.99999934e-1f));
    FloatVector e = q.fma(r.mul(r), r).add(1f);
    IntVector half = n.lanewise(VectorOperators.ASHR, 1);
    return e.mul(powerOfTwo(half)).mul(powerOfTwo(n.sub(half)));
  }

  private static FloatVector powerOfTwo(IntVector n) {
    return n.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
  }

  /** 1 / (1 + e^-x). */
  static FloatVector sigmoid(FloatVector x) {
    return FloatVector.broadcast(F, 1f).div(exp(x.neg()).add(1f));
  }

  /** erf(x) within 2 ulp. */
  static FloatVector erf(FloatVector x) {
    // x P(x^2) for |x| < 1, else 1 - e^-Q(|x|), which is 1 in f32 from 4 on.
    FloatVector s = x.mul(x);
    FloatVector p = s.fma(FloatVector.broadcast(F, 7.85386122e-5f), FloatVector.broadcast(F, -8.01019358e-4f));
    p = p.fma(s, FloatVector.broadcast(F, 5.18832768e-3f));
    p = p.fma(s, FloatVector.broadcast(F, -2.68538119e-2f));
    p = p.fma(s, FloatVector.broadcast(F, 1.12835851e-1f));
    p = p.fma(s, FloatVector.broadcast(F, -3.76126258e-1f));
    // 2 / sqrt(pi) = 1 + 0.128...: the split keeps the last bits
    FloatVector small = p.fma(s, FloatVector.broadcast(F, 1.28379166e-1f)).fma(x, x);
    FloatVector t = x.abs().min(4f);
    FloatVector q = t.fma(FloatVector.broadcast(F, -1.85573971e-4f), FloatVector.broadcast(F, 2.93960693e-3f));
    q = q.fma(t, FloatVector.broadcast(F, -2.18053169e-2f));
    q = q.fma(t, FloatVector.broadcast(F, 1.03037366e-1f));
    q = q.fma(t, FloatVector.broadcast(F, 6.38225681e-1f));
    q = q.fma(t, FloatVector.broadcast(F, 1.12704003f));
    q = q.fma(t, FloatVector.broadcast(F, 3.53719954e-4f));
    FloatVector one = FloatVector.broadcast(F, 1f);
    FloatVector large = one.sub(exp(q.neg()));
    IntVector sign = x.reinterpretAsInts().and(Integer.MIN_VALUE);
    FloatVector signed = large.reinterpretAsInts().or(sign).reinterpretAsFloats();
    VectorMask<Float> isLarge = t.compare(VectorOperators.GE, one);
    return small.blend(signed, isLarge);
  }

  /** Applies {@code activation} in place to {@code count} vectors of floats at {@code address}. */
  static void activate(Activation activation, long address, int count) {
    switch (activation) {
      case NONE -> {}
      case SILU -> silu(address, count);
      case GELU -> gelu(address, count);
      case QUICK_GELU -> quickGelu(address, count);
    }
  }

  private static void silu(long address, int count) {
    for (int i = 0; i < count; i++) {
      long at = address + (long) i * Lanes.BYTES;
      FloatVector x = Lanes.load(at);
      Lanes.store(x.div(exp(x.neg()).add(1f)), at);
    }
  }

  private static void gelu(long address, int count) {
    for (int i = 0; i < count; i++) {
      long at = address + (long) i * Lanes.BYTES;
      FloatVector x = Lanes.load(at);
      FloatVector phi = erf(x.mul(SQRT_HALF)).add(1f).mul(0.5f);
      Lanes.store(x.mul(phi), at);
    }
  }

  private static void quickGelu(long address, int count) {
    for (int i = 0; i < count; i++) {
      long at = address + (long) i * Lanes.BYTES;
      FloatVector x = Lanes.load(at);
      Lanes.store(x.div(exp(x.mul(-1.702f)).add(1f)), at);
    }
  }
}

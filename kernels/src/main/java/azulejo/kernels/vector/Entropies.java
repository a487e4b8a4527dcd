package azulejo.kernels.vector;

import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static jdk.incubator.vector.FloatVector.zero;
import static jdk.incubator.vector.VectorOperators.ADD;
import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LT;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/**
 * The entropies of a draw, from sums that its passes gather beside the weights: with {@code w = e^(x - top)}, S the sum of w and T that of
 * {@code w (x - top)}, the entropy is {@code log S - T / S}, both parts of which are 0 or more, so that nothing cancels.
 *
 * <p>The codebook may lie hundreds of nats below the rest, and the rest below it. So a code's top is that of its own side, one exponential serves both sides,
 * and the sides are joined in double. Rows are padded to a whole vector with -infinity.
 */
final class Entropies {
  /** Room for the four sums, lane by lane. */
  static final long BYTES = 4L * Lanes.BYTES;

  // 2^f is about 1 + EXP2_1 f + ... + EXP2_4 f^4 for |f| <= 1/2, with a relative error below 3e-6 (a minimax fit as in Elementary).
  private static final float EXP2_1 = 0.6931241934f;
  private static final float EXP2_2 = 0.2402409861f;
  private static final float EXP2_3 = 0.05590642468f;
  private static final float EXP2_4 = 0.009582853038f;
  private static final double LN2 = 0.6931471805599453;

  private final long sums;

  /** Of the softmax of all logits, of the codebook's, of those after the temperature, and after truncation. */
  double guided;
  double subset;
  double tempered;
  double truncated;

  /** The codebook's probability. */
  double kept;

  /** Of the weights that {@link #weigh} made. */
  float sum;

  /** @param sums address of {@link #BYTES} */
  Entropies(long sums) {
    this.sums = sums;
  }

  /**
   * Writes the weights of the codebook's logits after the temperature, and the logits after the temperature to {@code inside}.
   *
   * @param all logits
   * @param inside the same, but -infinity outside the codebook; may be {@code all}
   * @param weights out; may be {@code all}
   * @param top the largest of all
   * @param most the largest inside
   * @return the largest inside after the temperature, or NaN if a logit is then infinite
   */
  float weigh(long all, long inside, long weights, int n, float top, float most, float temperature) {
    float max = most;
    if (temperature == 1) {
      weigh(all, inside, weights, n, most, top, sums);
      join(top, most, 1);
      tempered = subset;
    } else {
      float finite = cool(all, inside, n, most, top, temperature, sums);
      join(top, most, LN2);
      // division is monotonous
      max = most / temperature + finite;
      weigh(inside, inside, weights, n, max, max, sums);
      tempered = entropy(sum(0), sum(1));
    }
    truncated = tempered;
    sum = sum(0);
    return max;
  }

  /** The weights that truncation left and their logits; returns the sum of the weights. */
  float truncate(long weights, long x, int n, float max) {
    gather(weights, x, n, max, sums);
    truncated = entropy(sum(0), sum(1));
    return sum(0);
  }

  /** @param unit of the sums' logits, in nats */
  private void join(float top, float most, double unit) {
    double s = sum(0);
    double t = sum(1) * unit;
    double gap = (double) most - top;
    double scale = StrictMath.exp(gap);
    double total = s * scale + sum(2);
    subset = entropy(s, t);
    guided = entropy(total, (t + s * gap) * scale + sum(3) * unit);
    kept = s * scale / total;
  }

  private float sum(int i) {
    return Elementary.sumFloats(sums + (long) i * Lanes.BYTES);
  }

  private static double entropy(double s, double t) {
    return StrictMath.log(s) - t / s;
  }

  /** Weights of the codes inside, 0 for the others, as {@link Elementary#weigh} makes them; the sums S and T inside, then outside. */
  private static void weigh(long all, long inside, long weights, int n, float most, float top, long sums) {
    FloatVector inner = broadcast(F, most);
    FloatVector outer = broadcast(F, top);
    FloatVector s = zero(F);
    FloatVector t = zero(F);
    FloatVector sOutside = zero(F);
    FloatVector tOutside = zero(F);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector x = fromMemorySegment(F, MEMORY, all + 4L * i, ORDER);
      VectorMask<Float> isInside = x.compare(EQ, fromMemorySegment(F, MEMORY, inside + 4L * i, ORDER));
      x = x.sub(outer.blend(inner, isInside));
      VectorMask<Float> tiny = x.compare(LT, -87f);
      x = x.blend(-87f, tiny);
      // as Elementary.weigh does
      FloatVector rounded = x.fma(Elementary.LOG2_E, Elementary.ROUND);
      FloatVector k = rounded.sub(Elementary.ROUND);
      FloatVector r = k.fma(broadcast(F, -Elementary.LN2_HIGH), x);
      r = k.fma(broadcast(F, -Elementary.LN2_LOW), r);
      FloatVector p = r.fma(Elementary.EXP_6, Elementary.EXP_5);
      p = p.fma(r, broadcast(F, Elementary.EXP_4));
      p = p.fma(r, broadcast(F, Elementary.EXP_3));
      p = p.fma(r, broadcast(F, Elementary.EXP_2));
      p = r.mul(r).fma(p, r).add(1f);
      FloatVector e = p.mul(rounded.reinterpretAsInts().sub(Elementary.ROUND_BITS - 127).lanewise(LSHL, 23).reinterpretAsFloats()).blend(0f, tiny);
      FloatVector w = zero(F).blend(e, isInside);
      w.intoMemorySegment(MEMORY, weights + 4L * i, ORDER);
      s = s.add(w);
      t = w.fma(x, t);
      FloatVector v = e.sub(w);
      sOutside = sOutside.add(v);
      tOutside = v.fma(x, tOutside);
    }
    s.intoMemorySegment(MEMORY, sums, ORDER);
    t.intoMemorySegment(MEMORY, sums + Lanes.BYTES, ORDER);
    sOutside.intoMemorySegment(MEMORY, sums + 2L * Lanes.BYTES, ORDER);
    tOutside.intoMemorySegment(MEMORY, sums + 3L * Lanes.BYTES, ORDER);
  }

  /**
   * Divides the logits inside by the temperature and gathers the sums of those before it, T in units of log 2. No token depends on these weights: their relative
   * error of 3e-6 is that of the short polynomial.
   *
   * @return 0, or NaN if a quotient is infinite, outside too
   */
  private static float cool(long all, long inside, int n, float most, float top, float temperature, long sums) {
    FloatVector inner = broadcast(F, most);
    FloatVector outer = broadcast(F, top);
    FloatVector s = zero(F);
    FloatVector t = zero(F);
    FloatVector sOutside = zero(F);
    FloatVector tOutside = zero(F);
    FloatVector finite = zero(F);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector x = fromMemorySegment(F, MEMORY, all + 4L * i, ORDER);
      VectorMask<Float> isInside = x.compare(EQ, fromMemorySegment(F, MEMORY, inside + 4L * i, ORDER));
      FloatVector quotient = x.div(temperature);
      finite = finite.blend(quotient.fma(zero(F), finite), F.indexInRange(i, n));
      broadcast(F, Float.NEGATIVE_INFINITY).blend(quotient, isInside).intoMemorySegment(MEMORY, inside + 4L * i, ORDER);
      FloatVector y = x.sub(outer.blend(inner, isInside)).mul(Elementary.LOG2_E);
      y = y.blend(-126f, y.compare(LT, -126f));
      FloatVector rounded = y.add(Elementary.ROUND);
      FloatVector f = y.sub(rounded.sub(Elementary.ROUND));
      FloatVector p = f.fma(EXP2_4, EXP2_3);
      p = p.fma(f, broadcast(F, EXP2_2));
      p = p.fma(f, broadcast(F, EXP2_1));
      p = p.fma(f, broadcast(F, 1f));
      // the integer in the lowest bits goes to the exponent
      FloatVector e = p.reinterpretAsInts().add(rounded.reinterpretAsInts().lanewise(LSHL, 23)).reinterpretAsFloats();
      FloatVector w = zero(F).blend(e, isInside);
      s = s.add(w);
      t = w.fma(y, t);
      FloatVector v = e.sub(w);
      sOutside = sOutside.add(v);
      tOutside = v.fma(y, tOutside);
    }
    s.intoMemorySegment(MEMORY, sums, ORDER);
    t.intoMemorySegment(MEMORY, sums + Lanes.BYTES, ORDER);
    sOutside.intoMemorySegment(MEMORY, sums + 2L * Lanes.BYTES, ORDER);
    tOutside.intoMemorySegment(MEMORY, sums + 3L * Lanes.BYTES, ORDER);
    return finite.reduceLanes(ADD);
  }

  /** The sums S and T of weights and their logits. */
  private static void gather(long weights, long x, int n, float max, long sums) {
    FloatVector s = zero(F);
    FloatVector t = zero(F);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector w = fromMemorySegment(F, MEMORY, weights + 4L * i, ORDER);
      FloatVector d = fromMemorySegment(F, MEMORY, x + 4L * i, ORDER).sub(max);
      s = s.add(w);
      t = w.fma(d.blend(-87f, d.compare(LT, -87f)), t);
    }
    s.intoMemorySegment(MEMORY, sums, ORDER);
    t.intoMemorySegment(MEMORY, sums + Lanes.BYTES, ORDER);
  }
}

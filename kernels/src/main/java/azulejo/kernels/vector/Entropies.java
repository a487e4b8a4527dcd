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

import azulejo.kernels.Ledger.Drawn;
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

  private float s;
  private double t;

  /** @param sums address of {@link #BYTES} */
  Entropies(long sums) {
    this.sums = sums;
  }

  /**
   * Divides logits by the temperature and makes weights of them, 0 outside the codebook.
   *
   * @param x padded logits, in and out; those outside the codebook are hidden with a temperature only
   * @param codebook its {@link Sampling#bits}; 0 for the whole
   * @param weights out; may be x
   * @param top the largest logit
   * @param most the largest of the codebook
   * @return the largest of the codebook after the temperature, or NaN if a logit is or becomes infinite or NaN
   */
  float weigh(long x, long codebook, long weights, int n, float top, float most, float temperature) {
    if (Float.isNaN(top)) {
      return top;
    }
    float max = most;
    kept = 1;
    if (temperature != 1) {
      // division is monotonous
      max = most / temperature + cool(x, codebook, n, most, top, temperature, sums);
      read(LN2);
      join(codebook, top, most, LN2);
      weigh(x, weights, n, max, sums);
      read(1);
      tempered = entropy(s, t);
    } else {
      if (codebook == 0) {
        weigh(x, weights, n, top, sums);
      } else {
        weighSides(x, codebook, weights, n, most, top, sums);
      }
      read(1);
      join(codebook, top, most, 1);
      tempered = subset;
    }
    truncated = tempered;
    return max;
  }

  /** The weights that truncation left, and their logits; weights of hidden logits become 0. */
  void truncate(long weights, long x, int n, float max) {
    gather(weights, x, n, max, sums);
    read(1);
    truncated = entropy(s, t);
  }

  /** Of the weights that are left. */
  float sum() {
    return s;
  }

  /** A row of a ledger. */
  void writeDown(long row, double surprisal) {
    Lanes.set(row + 4L * Drawn.GUIDED.ordinal(), (float) guided);
    Lanes.set(row + 4L * Drawn.SUBSET.ordinal(), (float) subset);
    Lanes.set(row + 4L * Drawn.TEMPERED.ordinal(), (float) tempered);
    Lanes.set(row + 4L * Drawn.TRUNCATED.ordinal(), (float) truncated);
    Lanes.set(row + 4L * Drawn.KEPT.ordinal(), (float) kept);
    Lanes.set(row + 4L * Drawn.SURPRISAL.ordinal(), (float) surprisal);
  }

  /** @param unit of the sums' logits, in nats */
  private void read(double unit) {
    s = Elementary.sumFloats(sums);
    t = Elementary.sumFloats(sums + Lanes.BYTES) * unit;
  }

  /** With what is outside the codebook. */
  private void join(long codebook, float top, float most, double unit) {
    subset = entropy(s, t);
    guided = subset;
    if (codebook != 0) {
      double sOutside = Elementary.sumFloats(sums + 2L * Lanes.BYTES);
      double tOutside = Elementary.sumFloats(sums + 3L * Lanes.BYTES) * unit;
      double gap = (double) most - top;
      double scale = gap == 0 ? 1 : Math.exp(gap);
      double total = s * scale + sOutside;
      guided = entropy(total, (t + s * gap) * scale + tOutside);
      kept = s * scale / total;
    }
  }

  private static double entropy(double s, double t) {
    return Math.log(s) - t / s;
  }

  /** Weights as {@link Elementary#weigh} makes them, and the sums S and T. */
  private static void weigh(long from, long weights, int n, float top, long sums) {
    FloatVector s = zero(F);
    FloatVector t = zero(F);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector x = fromMemorySegment(F, MEMORY, from + 4L * i, ORDER).sub(top);
      x = x.blend(-88f, x.compare(LT, -88f));
      FloatVector rounded = x.fma(Elementary.LOG2_E, Elementary.ROUND);
      FloatVector k = rounded.sub(Elementary.ROUND);
      FloatVector r = k.fma(broadcast(F, -Elementary.LN2_HIGH), x);
      r = k.fma(broadcast(F, -Elementary.LN2_LOW), r);
      FloatVector p = r.fma(Elementary.EXP_6, Elementary.EXP_5);
      p = p.fma(r, broadcast(F, Elementary.EXP_4));
      p = p.fma(r, broadcast(F, Elementary.EXP_3));
      p = p.fma(r, broadcast(F, Elementary.EXP_2));
      p = r.mul(r).fma(p, r).add(1f);
      FloatVector w = p.mul(rounded.reinterpretAsInts().sub(Elementary.ROUND_BITS - 127).lanewise(LSHL, 23).reinterpretAsFloats());
      w.intoMemorySegment(MEMORY, weights + 4L * i, ORDER);
      s = s.add(w);
      t = w.fma(x, t);
    }
    s.intoMemorySegment(MEMORY, sums, ORDER);
    t.intoMemorySegment(MEMORY, sums + Lanes.BYTES, ORDER);
  }

  /** The same for the codes of the codebook, 0 for the others, and then the sums of the others. */
  private static void weighSides(long logits, long codebook, long weights, int n, float most, float top, long sums) {
    FloatVector inner = broadcast(F, most);
    FloatVector outer = broadcast(F, top);
    FloatVector s = zero(F);
    FloatVector t = zero(F);
    FloatVector sOutside = zero(F);
    FloatVector tOutside = zero(F);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector x = fromMemorySegment(F, MEMORY, logits + 4L * i, ORDER);
      VectorMask<Float> isOutside = Sampling.BIT.and(Lanes.getInt(codebook + 4L * (i / COUNT))).compare(EQ, 0).cast(F);
      x = x.sub(inner.blend(outer, isOutside));
      x = x.blend(-88f, x.compare(LT, -88f));
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
      FloatVector e = p.mul(rounded.reinterpretAsInts().sub(Elementary.ROUND_BITS - 127).lanewise(LSHL, 23).reinterpretAsFloats());
      FloatVector w = e.blend(0f, isOutside);
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
   * Divides the logits by the temperature, hides those outside the codebook, and gathers the sums of those before it, T in units of log 2. No token depends on
   * these weights: their relative error of 3e-6 is that of the short polynomial.
   *
   * @return 0, or NaN if a quotient is infinite, outside too
   */
  private static float cool(long logits, long codebook, int n, float most, float top, float temperature, long sums) {
    Lanes.setInt(sums, -1);
    long words = codebook == 0 ? sums : codebook;
    int stride = codebook == 0 ? 0 : Integer.BYTES;
    FloatVector inner = broadcast(F, most);
    FloatVector outer = broadcast(F, top);
    FloatVector s = zero(F);
    FloatVector t = zero(F);
    FloatVector sOutside = zero(F);
    FloatVector tOutside = zero(F);
    FloatVector finite = zero(F);
    FloatVector before = zero(F);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector x = fromMemorySegment(F, MEMORY, logits + 4L * i, ORDER);
      VectorMask<Float> isOutside = Sampling.BIT.and(Lanes.getInt(words + (long) stride * (i / COUNT))).compare(EQ, 0).cast(F);
      FloatVector quotient = x.div(temperature);
      before = finite;
      finite = quotient.fma(zero(F), finite);
      quotient.blend(Float.NEGATIVE_INFINITY, isOutside).intoMemorySegment(MEMORY, logits + 4L * i, ORDER);
      FloatVector y = x.sub(inner.blend(outer, isOutside)).mul(Elementary.LOG2_E);
      y = y.blend(-127f, y.compare(LT, -127f));
      FloatVector rounded = y.add(Elementary.ROUND);
      FloatVector f = y.sub(rounded.sub(Elementary.ROUND));
      FloatVector p = f.fma(EXP2_4, EXP2_3);
      p = p.fma(f, broadcast(F, EXP2_2));
      p = p.fma(f, broadcast(F, EXP2_1));
      p = p.fma(f, broadcast(F, 1f));
      // the integer in the lowest bits goes to the exponent; -127 leaves 0
      FloatVector e = p.reinterpretAsInts().add(rounded.reinterpretAsInts().lanewise(LSHL, 23)).reinterpretAsFloats();
      FloatVector w = e.blend(0f, isOutside);
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
    // the padding of the last vector does not count
    return before.blend(finite, F.indexInRange((n - 1) / COUNT * COUNT, n)).reduceLanes(ADD);
  }

  /** The sums S and T of weights and their logits; weights of hidden logits become 0. */
  private static void gather(long weights, long x, int n, float max, long sums) {
    FloatVector s = zero(F);
    FloatVector t = zero(F);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector d = fromMemorySegment(F, MEMORY, x + 4L * i, ORDER).sub(max);
      VectorMask<Float> tiny = d.compare(LT, -88f);
      FloatVector w = fromMemorySegment(F, MEMORY, weights + 4L * i, ORDER).blend(0f, tiny);
      w.intoMemorySegment(MEMORY, weights + 4L * i, ORDER);
      s = s.add(w);
      t = w.fma(d.blend(0f, tiny), t);
    }
    s.intoMemorySegment(MEMORY, sums, ORDER);
    t.intoMemorySegment(MEMORY, sums + Lanes.BYTES, ORDER);
  }
}

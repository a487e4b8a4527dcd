package azulejo.kernels.vector;

import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static jdk.incubator.vector.FloatVector.zero;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LSHL;

import azulejo.kernels.Ledger.Drawn;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/**
 * The entropies of a task's draws, from sums that the passes over a row gather beside the weights: with {@code w = e^-d} for a logit that is d below the top, S
 * the sum of w and T that of {@code w d}, the entropy is {@code log S + T / S}, both parts of which are 0 or more, so that nothing cancels. The logarithms
 * wait for the last row: one by one between the passes they would hold these up.
 *
 * <p>The codebook may lie hundreds of nats below the rest, and the rest below it, so each side has its own sums, which are joined at the end. Rows of logits are
 * padded to a whole vector with -infinity.
 */
final class Entropies {
  // What is kept of a row, in floats: of a stage S, and T after it.
  private static final int OUTSIDE = 0;
  private static final int SUBSET = 2;
  private static final int TEMPERED = 4;
  private static final int TRUNCATED = 6;

  /** How far the codebook's largest logit is below that of all codes. */
  private static final int GAP = 8;

  /** The token's weight, or 0 if chance had no part in it. */
  private static final int TOKEN = 9;

  private static final int SIZE = 10;

  // Distances, as the bits of floats, which are ordered like ints where none is negative: weights that are farther count as these do. e^-88 becomes 0, and
  // e^-87, the least that the short polynomial makes a normal number of, is nothing beside 1.
  private static final int FARTHEST = Float.floatToRawIntBits(88);
  private static final int FAR = Float.floatToRawIntBits(87);

  // 2^f is about 1 + EXP2_1 f + ... + EXP2_4 f^4 for |f| <= 1/2, with a relative error below 3e-6 (a minimax fit as in Elementary).
  private static final float EXP2_1 = 0.6931241934f;
  private static final float EXP2_2 = 0.2402409861f;
  private static final float EXP2_3 = 0.05590642468f;
  private static final float EXP2_4 = 0.009582853038f;

  private final long sums;
  private final long rows;

  // Stages that the draws have: what they lack is as the stage before.
  private final boolean whole;
  private final boolean cooled;
  private final boolean cut;

  /**
   * @param room address of {@link #bytes}
   * @param whole whether all codes may be drawn
   * @param cooled whether there is a temperature
   * @param cut whether top-k or top-p leave codes away
   */
  Entropies(long room, boolean whole, boolean cooled, boolean cut) {
    this.sums = room;
    this.rows = room + 2L * Lanes.BYTES;
    this.whole = whole;
    this.cooled = cooled;
    this.cut = cut;
  }

  /** For so many rows. */
  static long bytes(int rows) {
    return 2L * Lanes.BYTES + 4L * SIZE * rows;
  }

  // ---- a row --------------------------------------------------------------------------------------------------------------

  /** No draw: zeros. */
  void skip(int row) {
    set(row, TEMPERED, 0);
  }

  /** The logits of the n codes outside the codebook, which may be none; {@code top} is the largest of all codes, {@code most} that of the codebook. */
  void outside(int row, long x, int n, float top, float most) {
    sum(x, n, top, sums);
    write(row, OUTSIDE);
    // finite, and leaves nothing of the codebook
    set(row, GAP, Math.min(top - most, 1000));
  }

  /** Divides the codebook's logits, of which {@code most} is the largest, by the temperature. */
  void cool(int row, long x, int n, float most, float temperature) {
    cool(x, n, most, temperature, sums);
    write(row, SUBSET);
  }

  /** Weights as {@link Elementary#weigh} makes them; {@code weights} may be x. Returns their sum. */
  float weigh(int row, long x, long weights, int n, float max) {
    weigh(x, weights, n, max, sums);
    return write(row, TEMPERED);
  }

  /** The weights that truncation left, and their logits; weights of hidden logits become 0. Returns the sum of weights. */
  float truncate(int row, long weights, long x, int n, float max) {
    gather(weights, x, n, max, sums);
    return write(row, TRUNCATED);
  }

  /** @param weight 0 if chance had no part in it */
  void token(int row, float weight) {
    set(row, TOKEN, weight);
  }

  private void set(int row, int what, float value) {
    Lanes.set(rows + 4L * (SIZE * row + what), value);
  }

  private float get(int row, int what) {
    return Lanes.get(rows + 4L * (SIZE * row + what));
  }

  /** Returns S. */
  private float write(int row, int stage) {
    float s = Elementary.sumFloats(sums);
    set(row, stage, s);
    set(row, stage + 1, Elementary.sumFloats(sums + Lanes.BYTES));
    return s;
  }

  /** A row of the ledger. */
  void writeDown(int row, long ledger) {
    float s = get(row, TEMPERED);
    if (s == 0) {
      Sampling.writeDown(ledger, 0, 0, 0, 0, 0, 0);
      return;
    }
    float logS = Elementary.log(s);
    float tempered = logS + get(row, TEMPERED + 1) / s;
    float truncated = tempered;
    if (cut) {
      float left = get(row, TRUNCATED);
      logS = Elementary.log(left);
      truncated = logS + get(row, TRUNCATED + 1) / left;
    }
    // by a logarithm of each, as the quotient of weight and sum may be less than a normal number
    float weight = get(row, TOKEN);
    float surprisal = weight == 0 ? 0 : logS - Elementary.log(weight);
    float subset = tempered;
    float t = get(row, TEMPERED + 1);
    if (cooled) {
      s = get(row, SUBSET);
      t = get(row, SUBSET + 1);
      subset = Elementary.log(s) + t / s;
    }
    float guided = subset;
    float kept = 1;
    if (!whole) {
      float gap = get(row, GAP);
      float scale = (float) Math.exp(-gap);
      float total = s * scale + get(row, OUTSIDE);
      guided = Elementary.log(total) + ((t + s * gap) * scale + get(row, OUTSIDE + 1)) / total;
      kept = s * scale / total;
    }
    Lanes.set(ledger + 4L * Drawn.GUIDED.ordinal(), guided);
    Lanes.set(ledger + 4L * Drawn.SUBSET.ordinal(), subset);
    Lanes.set(ledger + 4L * Drawn.TEMPERED.ordinal(), tempered);
    Lanes.set(ledger + 4L * Drawn.TRUNCATED.ordinal(), truncated);
    Lanes.set(ledger + 4L * Drawn.KEPT.ordinal(), kept);
    Lanes.set(ledger + 4L * Drawn.SURPRISAL.ordinal(), surprisal);
  }

  // ---- passes over a row --------------------------------------------------------------------------------------------------

  private static void weigh(long from, long weights, int n, float top, long sums) {
    FloatVector s = zero(F);
    FloatVector t = zero(F);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector d = broadcast(F, top).sub(fromMemorySegment(F, MEMORY, from + 4L * i, ORDER));
      d = d.reinterpretAsInts().min(FARTHEST).reinterpretAsFloats();
      // as Elementary.weigh, the same bits: with -r in place of r every other coefficient is the other way round
      FloatVector rounded = d.fma(-Elementary.LOG2_E, Elementary.ROUND);
      FloatVector k = rounded.sub(Elementary.ROUND);
      FloatVector r = k.fma(broadcast(F, Elementary.LN2_HIGH), d);
      r = k.fma(broadcast(F, Elementary.LN2_LOW), r);
      FloatVector p = r.fma(-Elementary.EXP_6, Elementary.EXP_5);
      p = p.fma(r, broadcast(F, -Elementary.EXP_4));
      p = p.fma(r, broadcast(F, Elementary.EXP_3));
      p = p.fma(r, broadcast(F, -Elementary.EXP_2));
      p = broadcast(F, 1f).sub(r.mul(r).fma(p, r));
      FloatVector w = p.mul(rounded.reinterpretAsInts().sub(Elementary.ROUND_BITS - 127).lanewise(LSHL, 23).reinterpretAsFloats());
      w.intoMemorySegment(MEMORY, weights + 4L * i, ORDER);
      s = s.add(w);
      t = w.fma(d, t);
    }
    s.intoMemorySegment(MEMORY, sums, ORDER);
    t.intoMemorySegment(MEMORY, sums + Lanes.BYTES, ORDER);
  }

  /** The sums S and T. No token depends on these weights: their relative error of 3e-6 is that of the short polynomial. */
  private static void sum(long logits, int n, float top, long sums) {
    FloatVector s = zero(F);
    FloatVector t = zero(F);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector d = broadcast(F, top).sub(fromMemorySegment(F, MEMORY, logits + 4L * i, ORDER));
      d = d.reinterpretAsInts().min(FAR).reinterpretAsFloats();
      FloatVector rounded = d.fma(-Elementary.LOG2_E, Elementary.ROUND);
      FloatVector f = d.fma(broadcast(F, -Elementary.LOG2_E), broadcast(F, Elementary.ROUND).sub(rounded));
      FloatVector p = f.fma(EXP2_4, EXP2_3);
      p = p.fma(f, broadcast(F, EXP2_2));
      p = p.fma(f, broadcast(F, EXP2_1));
      p = p.fma(f, broadcast(F, 1f));
      // the integer in the lowest bits goes to the exponent
      FloatVector w = p.reinterpretAsInts().add(rounded.reinterpretAsInts().lanewise(LSHL, 23)).reinterpretAsFloats();
      s = s.add(w);
      t = w.fma(d, t);
    }
    s.intoMemorySegment(MEMORY, sums, ORDER);
    t.intoMemorySegment(MEMORY, sums + Lanes.BYTES, ORDER);
  }

  /** {@link #sum} of the logits, and {@link Sampling#cool}. */
  private static void cool(long logits, int n, float top, float temperature, long sums) {
    FloatVector s = zero(F);
    FloatVector t = zero(F);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector x = fromMemorySegment(F, MEMORY, logits + 4L * i, ORDER);
      x.div(temperature).intoMemorySegment(MEMORY, logits + 4L * i, ORDER);
      FloatVector d = broadcast(F, top).sub(x);
      d = d.reinterpretAsInts().min(FAR).reinterpretAsFloats();
      FloatVector rounded = d.fma(-Elementary.LOG2_E, Elementary.ROUND);
      FloatVector f = d.fma(broadcast(F, -Elementary.LOG2_E), broadcast(F, Elementary.ROUND).sub(rounded));
      FloatVector p = f.fma(EXP2_4, EXP2_3);
      p = p.fma(f, broadcast(F, EXP2_2));
      p = p.fma(f, broadcast(F, EXP2_1));
      p = p.fma(f, broadcast(F, 1f));
      // the integer in the lowest bits goes to the exponent
      FloatVector w = p.reinterpretAsInts().add(rounded.reinterpretAsInts().lanewise(LSHL, 23)).reinterpretAsFloats();
      s = s.add(w);
      t = w.fma(d, t);
    }
    s.intoMemorySegment(MEMORY, sums, ORDER);
    t.intoMemorySegment(MEMORY, sums + Lanes.BYTES, ORDER);
  }

  private static void gather(long weights, long x, int n, float max, long sums) {
    FloatVector s = zero(F);
    FloatVector t = zero(F);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector d = broadcast(F, max).sub(fromMemorySegment(F, MEMORY, x + 4L * i, ORDER));
      VectorMask<Float> tiny = d.compare(GT, 88f);
      FloatVector w = fromMemorySegment(F, MEMORY, weights + 4L * i, ORDER).blend(0f, tiny);
      w.intoMemorySegment(MEMORY, weights + 4L * i, ORDER);
      s = s.add(w);
      t = w.fma(d.blend(0f, tiny), t);
    }
    s.intoMemorySegment(MEMORY, sums, ORDER);
    t.intoMemorySegment(MEMORY, sums + Lanes.BYTES, ORDER);
  }
}

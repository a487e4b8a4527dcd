package azulejo.kernels.vector;

import static azulejo.kernels.vector.Lanes.BYTES;
import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.D;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.I;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.VectorOperators.ADD;
import static jdk.incubator.vector.VectorOperators.D2F;
import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.F2D;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LT;

import azulejo.kernels.Checks;
import azulejo.kernels.Draw;
import azulejo.kernels.Noise;
import azulejo.kernels.Tensor;
import azulejo.kernels.Transition;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * A mask-and-replace diffusion's step, a task for some positions. The start distribution is in double, as the official model computes it; the
 * posterior is rounded to f32 operation by operation, because comparisons decide classes.
 */
final class Diffusion {
  /** log(1e-30), which stands for log(0). */
  private static final float LOG_ZERO = -69.07755f;

  /** As many floats as a vector holds doubles. */
  private static final VectorSpecies<Float> HALF = VectorSpecies.of(float.class, VectorShape.forBitSize(F.vectorBitSize() / 2));

  private static final IntVector LANE = IntVector.zero(I).addIndex(1);

  private Diffusion() {}

  // ---- the belief about the clean grid ------------------------------------------------------------------------------------

  static void startDistribution(Workers workers, Tensor logits, Draw draw, Tensor step, Tensor logStart, Tensor ledger, Tensor fault) {
    Rows from = Rows.of(logits);
    Rows to = Rows.of(logStart);
    Rows book = ledger == null ? null : Rows.of(ledger);
    long codebook = draw.codebook() == null ? 0 : Rows.of(draw.codebook()).address();
    int codes = to.columns();
    int rows = to.count();
    boolean guided = logits.dim(0) == 2;
    boolean truncated = draw.topP() <= 1;
    int now = Lanes.getInt(Rows.of(step).address());
    long faultAt = Rows.of(fault).address();
    long vectors = 4L * (codes + COUNT);
    to.forEach(workers, (first, end, worker) -> {
      long p = workers.scratch(worker, 2 * vectors + Sampling.LANES_BYTES);
      long other = p + vectors;
      long lanes = other + vectors;
      for (int r = first; r < end; r++) {
        load(from.at(r), codes, p);
        subtract(p, codes, logSumExp(p, codes, lanes));
        if (guided) {
          load(from.at(rows + r), codes, other);
          subtract(other, codes, logSumExp(other, codes, lanes));
          guide(p, other, draw.guidance(), codes);
          subtract(p, codes, logSumExp(p, codes, lanes));
        }
        if (!finite(p, codes)) {
          Sampling.fault(faultAt, now + 1);
          if (book != null) {
            Sampling.writeDown(book.at(r), 0, 0, 0, 0, 0, 0);
          }
          continue;
        }
        double guidedEntropy = book == null ? 0 : entropy(p, codes, lanes);
        double subsetEntropy = guidedEntropy;
        double kept = 1;
        if (codebook != 0) {
          restrict(p, codebook, codes);
          double total = logSumExp(p, codes, lanes);
          kept = StrictMath.exp(total);
          subtract(p, codes, total);
          subsetEntropy = book == null ? 0 : entropy(p, codes, lanes);
        }
        if (truncated) {
          exponentiate(p, other, codes);
          // dropped where what is before reaches the rate, which is more than the number below it
          Truncation.keepTopP(other, codes, 1, Math.max(0, Math.nextDown(draw.topP())), lanes);
          hide(p, other, codes);
        }
        if (book != null) {
          double entropy = truncated ? entropy(p, codes, lanes) : subsetEntropy;
          Sampling.writeDown(book.at(r), guidedEntropy, subsetEntropy, subsetEntropy, entropy, kept, 0);
        }
        if (draw.greedy()) {
          int likeliest = Sampling.argmax(p, codes, lanes);
          fill(p, codes, Float.NEGATIVE_INFINITY);
          Lanes.set(p + 4L * likeliest, 0);
        }
        clamp(p, codes);
        if (codebook != 0) {
          restrict(p, codebook, codes);
        }
        Pointwise.copyRow(p, to.at(r), codes);
      }
    });
  }

  /** Copies a row, padding it with -infinity to a whole vector. */
  private static void load(long x, int n, long out) {
    int i = 0;
    for (; i <= n - COUNT; i += COUNT) {
      Lanes.load(x + 4L * i).intoMemorySegment(MEMORY, out + 4L * i, ORDER);
    }
    if (i < n) {
      FloatVector v = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY).blend(Lanes.load(x + 4L * i, n - i), F.indexInRange(i, n));
      v.intoMemorySegment(MEMORY, out + 4L * i, ORDER);
    }
  }

  /** Of a padded row; {@code lanes} is room for a vector. */
  private static double logSumExp(long x, int n, long lanes) {
    float max = Sampling.largest(x, n);
    sumExp(x, n, max, lanes);
    return max + StrictMath.log(Elementary.sumDoubles(lanes));
  }

  /** The sum of {@code e^(x - max)}, lane by lane. */
  private static void sumExp(long x, int n, double max, long lanes) {
    DoubleVector sum = DoubleVector.zero(D);
    for (int i = 0; i < n; i += D.length()) {
      DoubleVector v = (DoubleVector) FloatVector.fromMemorySegment(HALF, MEMORY, x + 4L * i, ORDER).convertShape(F2D, D, 0);
      sum = sum.add(Elementary.exp(v.sub(max)));
    }
    sum.intoMemorySegment(MEMORY, lanes, ORDER);
  }

  /** Of the softmax of a padded row, in nats and in double: {@code log S - T / S}, where T sums logits less the largest; {@code lanes} is room for two vectors. */
  private static double entropy(long x, int n, long lanes) {
    gather(x, n, Sampling.largest(x, n), lanes);
    double s = Elementary.sumDoubles(lanes);
    return StrictMath.log(s) - Elementary.sumDoubles(lanes + BYTES) / s;
  }

  /** The sums, lane by lane, of {@code w = e^(x - max)} and of {@code w (x - max)}. */
  private static void gather(long x, int n, double max, long lanes) {
    DoubleVector s = DoubleVector.zero(D);
    DoubleVector t = DoubleVector.zero(D);
    for (int i = 0; i < n; i += D.length()) {
      DoubleVector v = (DoubleVector) FloatVector.fromMemorySegment(HALF, MEMORY, x + 4L * i, ORDER).convertShape(F2D, D, 0);
      // finite, so that a weight of nothing leaves nothing
      v = v.sub(max).max(-700);
      DoubleVector w = Elementary.exp(v);
      s = s.add(w);
      t = w.fma(v, t);
    }
    s.intoMemorySegment(MEMORY, lanes, ORDER);
    t.intoMemorySegment(MEMORY, lanes + BYTES, ORDER);
  }

  /** In double, then rounded. */
  private static void subtract(long x, int n, double y) {
    for (int i = 0; i < n; i += D.length()) {
      DoubleVector v = (DoubleVector) FloatVector.fromMemorySegment(HALF, MEMORY, x + 4L * i, ORDER).convertShape(F2D, D, 0);
      ((FloatVector) v.sub(y).convertShape(D2F, HALF, 0)).intoMemorySegment(MEMORY, x + 4L * i, ORDER);
    }
  }

  /** {@code u += guidance * (c - u)}, padded with -infinity again. */
  private static void guide(long u, long c, float guidance, int n) {
    FloatVector scale = FloatVector.broadcast(F, guidance);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector from = Lanes.load(u + 4L * i);
      FloatVector x = Lanes.load(c + 4L * i).sub(from).fma(scale, from);
      FloatVector.broadcast(F, Float.NEGATIVE_INFINITY).blend(x, F.indexInRange(i, n)).intoMemorySegment(MEMORY, u + 4L * i, ORDER);
    }
  }

  /** {@code x += codebook}; x is padded. */
  private static void restrict(long x, long codebook, int n) {
    int i = 0;
    for (; i <= n - COUNT; i += COUNT) {
      Lanes.load(x + 4L * i).add(Lanes.load(codebook + 4L * i)).intoMemorySegment(MEMORY, x + 4L * i, ORDER);
    }
    if (i < n) {
      Lanes.load(x + 4L * i).add(Lanes.load(codebook + 4L * i, n - i)).intoMemorySegment(MEMORY, x + 4L * i, ORDER);
    }
  }

  private static void fill(long x, int n, float value) {
    for (int i = 0; i < n; i += COUNT) {
      FloatVector.broadcast(F, value).intoMemorySegment(MEMORY, x + 4L * i, ORDER);
    }
  }

  private static boolean finite(long x, int n) {
    FloatVector zero = FloatVector.zero(F);
    FloatVector finite = zero;
    for (int i = 0; i < n; i += COUNT) {
      finite = finite.blend(Lanes.load(x + 4L * i).fma(zero, finite), F.indexInRange(i, n));
    }
    return finite.reduceLanes(ADD) == 0;
  }

  /** e^x in double, then rounded. */
  private static void exponentiate(long x, long out, int n) {
    for (int i = 0; i < n; i += D.length()) {
      DoubleVector v = (DoubleVector) FloatVector.fromMemorySegment(HALF, MEMORY, x + 4L * i, ORDER).convertShape(F2D, D, 0);
      ((FloatVector) Elementary.exp(v).convertShape(D2F, HALF, 0)).intoMemorySegment(MEMORY, out + 4L * i, ORDER);
    }
  }

  /** -infinity where the weight is 0. */
  private static void hide(long x, long weights, int n) {
    for (int i = 0; i < n; i += COUNT) {
      VectorMask<Float> dropped = Lanes.load(weights + 4L * i).compare(EQ, 0f);
      Lanes.load(x + 4L * i).blend(Float.NEGATIVE_INFINITY, dropped).intoMemorySegment(MEMORY, x + 4L * i, ORDER);
    }
  }

  private static void clamp(long x, int n) {
    for (int i = 0; i < n; i += COUNT) {
      FloatVector v = Lanes.load(x + 4L * i);
      v.blend(-70f, v.compare(LT, -70f)).intoMemorySegment(MEMORY, x + 4L * i, ORDER);
    }
  }

  // ---- one step back ------------------------------------------------------------------------------------------------------

  static void diffuse(Workers workers, Tensor logStart, Transition transition, boolean argmax, Tensor grid, Noise noise, Noise path, Tensor step,
      Tensor posterior, Tensor ledger) {
    Rows from = Rows.of(logStart);
    Rows cells = Rows.of(grid);
    Rows random = Sampling.random(noise);
    Rows paths = path == null ? null : Sampling.random(path);
    Rows to = posterior == null ? null : Rows.of(posterior);
    Rows book = ledger == null ? null : Rows.of(ledger);
    int codes = from.columns();
    boolean last = transition.last();
    boolean pathFirst = path != null && !last && !argmax;
    int classes = last ? codes : codes + 1;
    int length = cells.columns();
    int now = Lanes.getInt(Rows.of(step).address());
    long vectors = 4L * (classes + 2 * COUNT);
    from.forEach(workers, (first, end, worker) -> {
      long p = workers.scratch(worker, 2 * vectors + Sampling.LANES_BYTES);
      long u = p + vectors;
      long lanes = u + vectors;
      for (int r = first; r < end; r++) {
        int b = r / length;
        int cell = r % length;
        long at = cells.at(b) + 4L * cell;
        int x = Lanes.getInt(at);
        load(from.at(r), codes, p);
        if (!last) {
          posterior(p, codes, transition, Checks.index("diffuse", x, codes + 1), u, lanes);
        }
        if (to != null) {
          Pointwise.copy(p, to.at(r), classes);
        }
        if (argmax) {
          Lanes.setInt(at, Sampling.argmax(p, classes, lanes));
          if (book != null) {
            Sampling.writeDown(book.at(r), 0, 0, 0, 0);
          }
          continue;
        }
        double total = pathFirst || book != null ? logSumExp(p, classes, lanes) : 0;
        double entropy = book == null ? 0 : entropy(p, classes, lanes);
        float same = last ? Float.NEGATIVE_INFINITY : Lanes.get(p + 4L * x);
        double stay = StrictMath.exp(same - total);
        int winner = x;
        if (!pathFirst || !(Sampling.uniform(path, paths.at(b), now, cell) < stay)) {
          if (pathFirst) {
            Lanes.set(p + 4L * x, Float.NEGATIVE_INFINITY);
          }
          switch (noise) {
            case Noise.Counter(_, var stream) ->
                VectorPhilox.uniforms(Lanes.getLong(random.at(b)), stream, Lanes.getLong(random.at(b) + 8), now, cell, classes, u);
            case Noise.Given(_) -> Pointwise.copy(random.at(r), u, classes);
          }
          addGumbel(p, u, classes);
          winner = Sampling.argmax(u, classes, lanes);
          Lanes.setInt(at, winner);
        }
        if (book != null) {
          boolean stayed = !last && winner == x;
          double surprisal = total - (stayed ? same : Lanes.get(p + 4L * winner));
          Sampling.writeDown(book.at(r), entropy, surprisal, last ? 0 : binaryEntropy(stay), last ? 0 : -StrictMath.log(stayed ? stay : 1 - stay));
        }
      }
    });
  }

  /** In nats. */
  private static double binaryEntropy(double p) {
    return p <= 0 || p >= 1 ? 0 : -p * StrictMath.log(p) - (1 - p) * StrictMath.log1p(-p);
  }

  /** Turns a padded row of log p(x_0) into log p(x_(t-1)), one class more, for {@code x} the class at t; {@code other} and {@code lanes} are room. */
  private static void posterior(long p, int codes, Transition transition, int x, long other, long lanes) {
    boolean masked = x == codes;
    Transition.Logs step = transition.step();
    Transition.Logs cumulative = transition.cumulative();
    Transition.Logs before = transition.cumulativeBefore();
    // of q(x_t | class), for a class that is not x_t and for one that is; with x_t the mask no code is
    float far = masked ? cumulative.c() : logAddExp(LOG_ZERO + cumulative.a(), cumulative.b());
    float near = masked ? far : logAddExp(cumulative.a(), cumulative.b());
    float stepFar = masked ? step.c() : logAddExp(LOG_ZERO + step.a(), step.b());
    float stepNear = masked ? stepFar : logAddExp(step.a(), step.b());
    share(p, codes, x, far, near);
    float total = (float) logSumExp(p, codes, lanes);
    spread(p, other, codes, total, before.a(), before.b());
    reach(p, other, codes, x, stepFar, stepNear, total);
    Lanes.set(p + 4L * codes, before.c() + (masked ? 0 : LOG_ZERO) + total);
    for (int i = codes + 1; i % COUNT != 0; i++) {
      Lanes.set(p + 4L * i, Float.NEGATIVE_INFINITY);
    }
  }

  /** {@code p - far}, or {@code - near} at code x. */
  private static void share(long p, int n, int x, float far, float near) {
    FloatVector most = FloatVector.broadcast(F, far);
    for (int i = 0; i < n; i += COUNT) {
      VectorMask<Float> same = LANE.compare(EQ, x - i).cast(F);
      Lanes.load(p + 4L * i).sub(most.blend(near, same)).intoMemorySegment(MEMORY, p + 4L * i, ORDER);
    }
  }

  /** {@code p = log(e^(p - total + a) + e^b)} but for the logarithm of {@code difference}; a code that is out of the question stays so. */
  private static void spread(long p, long difference, int n, float total, float a, float b) {
    FloatVector other = FloatVector.broadcast(F, b);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector q = Lanes.load(p + 4L * i).sub(total).add(a);
      VectorMask<Float> isOutside = q.compare(EQ, Float.NEGATIVE_INFINITY);
      // any finite number, as e^-infinity would be made of slow subnormal ones
      FloatVector above = q.sub(other).blend(0f, isOutside);
      VectorMask<Float> isAbove = above.compare(GT, 0f);
      Elementary.exp(above.blend(above.neg(), isAbove)).add(1f).intoMemorySegment(MEMORY, difference + 4L * i, ORDER);
      other.blend(q, isAbove.or(isOutside)).intoMemorySegment(MEMORY, p + 4L * i, ORDER);
    }
  }

  /** {@code p + log(difference) + far + total}, or {@code + near} at code x. */
  private static void reach(long p, long difference, int n, int x, float far, float near, float total) {
    FloatVector most = FloatVector.broadcast(F, far);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector q = Lanes.load(p + 4L * i).add(Elementary.log(Lanes.load(difference + 4L * i)));
      VectorMask<Float> same = LANE.compare(EQ, x - i).cast(F);
      q.add(most.blend(near, same)).add(total).intoMemorySegment(MEMORY, p + 4L * i, ORDER);
    }
  }

  /** {@code u = p - log(-log(u + 1e-30) + 1e-30)}. */
  private static void addGumbel(long p, long u, int n) {
    minusLog(u, n);
    minusLog(u, n);
    for (int i = 0; i < n; i += COUNT) {
      Lanes.load(u + 4L * i).add(Lanes.load(p + 4L * i)).intoMemorySegment(MEMORY, u + 4L * i, ORDER);
    }
  }

  /** {@code -log(x + 1e-30)}. */
  private static void minusLog(long x, int n) {
    for (int i = 0; i < n; i += COUNT) {
      Elementary.log(Lanes.load(x + 4L * i).add(1e-30f)).neg().intoMemorySegment(MEMORY, x + 4L * i, ORDER);
    }
  }

  private static float logAddExp(float a, float b) {
    float difference = (float) StrictMath.exp(-Math.abs(a - b));
    return Math.max(a, b) + (float) StrictMath.log1p(difference);
  }
}

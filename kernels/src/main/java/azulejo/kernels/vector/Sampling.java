package azulejo.kernels.vector;


import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.I;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static jdk.incubator.vector.FloatVector.zero;
import static jdk.incubator.vector.VectorOperators.ADD;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.MAX;

import azulejo.kernels.Checks;
import azulejo.kernels.Draw;
import azulejo.kernels.Noise;
import azulejo.kernels.Philox;
import azulejo.kernels.Tensor;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;

/**
 * The draw, a task for some rows of logits, and the masked walk's path, a few hundred scalar operations a step. Guided logits and
 * confidences are rounded to f32 operation by operation, as PyTorch does, because comparisons between them decide tokens and masks.
 */
final class Sampling {
  private static final IntVector LANE = IntVector.zero(I).addIndex(1);

  /** Room for a vector of scores and one of codes. */
  static final long LANES_BYTES = 2L * Lanes.BYTES;

  private Sampling() {}

  // ---- the draw -----------------------------------------------------------------------------------------------------------

  static void draw(Workers workers, Tensor logits, Draw draw, Tensor open, Noise noise, Tensor step, Tensor tokens, Tensor probability,
      Tensor fault) {
    Rows from = Rows.of(logits);
    Rows cells = Rows.of(open);
    Rows random = random(noise);
    Rows winners = Rows.of(tokens);
    Rows probabilities = Rows.of(probability);
    int codes = from.columns();
    int places = cells.columns();
    int rows = cells.count() * places;
    boolean guided = logits.dim(0) == 2;
    int now = Lanes.getInt(Rows.of(step).address());
    long faultAt = Rows.of(fault).address();
    int each = Rows.perTask(codes);
    long vectors = 4L * (codes + 2 * COUNT);
    workers.run((rows + each - 1) / each, (task, worker) -> {
      long x = workers.scratch(worker, 2 * vectors + LANES_BYTES);
      long q = x + vectors;
      long lanes = q + vectors;
      for (int r = task * each; r < Math.min(rows, (task + 1) * each); r++) {
        int b = r / places;
        long column = 4L * (r % places);
        int position = Lanes.getInt(cells.at(b) + column);
        if (position == -1) {
          Lanes.setInt(winners.at(b) + column, -1);
          Lanes.set(probabilities.at(b) + column, 0);
          continue;
        }
        float max = guide(from.at(r), from.at(guided ? rows + r : r), draw.guidance(), x, codes);
        if (draw.temperature() != 1) {
          max = cool(x, Math.max(draw.temperature(), Draw.LOWEST_TEMPERATURE), codes);
        }
        if (Float.isNaN(max)) {
          fault(faultAt, now + 1);
          Lanes.setInt(winners.at(b) + column, 0);
          Lanes.set(probabilities.at(b) + column, 0);
          continue;
        }
        if (draw.topK() > 0 && draw.topK() < codes) {
          Truncation.keepTopK(x, codes, draw.topK());
        }
        int winner = draw.greedy() ? argmax(x, codes, lanes) : -1;
        float sum = weigh(x, max, codes, lanes);
        if (draw.topP() < 1) {
          Truncation.keepTopP(x, codes, Truncation.sum(x, codes, lanes), draw.topP(), lanes);
          sum = (float) Truncation.sum(x, codes, lanes);
        }
        if (!draw.greedy()) {
          long variates = switch (noise) {
            case Noise.Counter(_, var stream) -> {
              VectorPhilox.exponentials(Lanes.getLong(random.at(b)), stream, Lanes.getLong(random.at(b) + 8), now, position, codes, q);
              yield q;
            }
            case Noise.Given(var values) -> random.at(b * values.size(1) + Checks.index("noise", position, values.size(1)));
          };
          winner = race(x, variates, codes, lanes);
        }
        Lanes.setInt(winners.at(b) + column, winner);
        Lanes.set(probabilities.at(b) + column, Lanes.get(x + 4L * winner) / sum);
      }
    });
  }

  /** Several rows may come here at once: they write the same value. */
  static void fault(long address, int value) {
    if (Lanes.getInt(address) == 0) {
      Lanes.setInt(address, value);
    }
  }

  /**
   * Writes {@code u + guidance * (c - u)} to {@code out}, padded with -infinity; returns the largest, or NaN if one is NaN or infinite.
   * Without guidance c is u, which leaves u as it is.
   */
  private static float guide(long u, long c, float guidance, long out, int n) {
    FloatVector scale = broadcast(F, guidance);
    FloatVector max = broadcast(F, Float.NEGATIVE_INFINITY);
    FloatVector finite = zero(F);
    // Of finite logits the sum of zeros, in whatever order; of others NaN.
    int i = 0;
    for (; i <= n - COUNT; i += COUNT) {
      FloatVector from = fromMemorySegment(F, MEMORY, u + 4L * i, ORDER);
      FloatVector x = fromMemorySegment(F, MEMORY, c + 4L * i, ORDER).sub(from).fma(scale, from);
      x.intoMemorySegment(MEMORY, out + 4L * i, ORDER);
      max = max.blend(x, x.compare(GT, max));
      finite = x.fma(zero(F), finite);
    }
    if (i < n) {
      FloatVector from = Lanes.load(u + 4L * i, n - i);
      FloatVector x = Lanes.load(c + 4L * i, n - i).sub(from).fma(scale, from);
      finite = x.fma(zero(F), finite);
      x = broadcast(F, Float.NEGATIVE_INFINITY).blend(x, F.indexInRange(i, n));
      x.intoMemorySegment(MEMORY, out + 4L * i, ORDER);
      max = max.blend(x, x.compare(GT, max));
    }
    return max.reduceLanes(MAX) + finite.reduceLanes(ADD);
  }

  /** Divides the padded logits by {@code temperature}; returns as {@link #guide} does. */
  private static float cool(long x, float temperature, int n) {
    FloatVector max = broadcast(F, Float.NEGATIVE_INFINITY);
    FloatVector finite = zero(F);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector v = fromMemorySegment(F, MEMORY, x + 4L * i, ORDER).div(temperature);
      v.intoMemorySegment(MEMORY, x + 4L * i, ORDER);
      max = max.blend(v, v.compare(GT, max));
      finite = finite.blend(v.fma(zero(F), finite), F.indexInRange(i, n));
    }
    return max.reduceLanes(MAX) + finite.reduceLanes(ADD);
  }

  /** Turns logits into {@code e^(x - max)}, up to the padding's end, and returns their sum; {@code lanes} is room for two vectors. */
  private static float weigh(long x, float max, int n, long lanes) {
    broadcast(F, max).intoMemorySegment(MEMORY, lanes, ORDER);
    zero(F).intoMemorySegment(MEMORY, lanes + Lanes.BYTES, ORDER);
    Elementary.weigh(x, Lanes.BYTES, Math.ceilDiv(n, COUNT), 1, lanes, lanes + Lanes.BYTES);
    return Elementary.sumFloats(lanes + Lanes.BYTES);
  }

  /** The code with the largest {@code weight / q}, the lowest one on a tie; {@code lanes} is room for two vectors. */
  private static int race(long weights, long q, int n, long lanes) {
    FloatVector best = broadcast(F, -1f);
    IntVector winner = IntVector.zero(I);
    int i = 0;
    for (; i <= n - COUNT; i += COUNT) {
      FloatVector score = fromMemorySegment(F, MEMORY, weights + 4L * i, ORDER).div(fromMemorySegment(F, MEMORY, q + 4L * i, ORDER));
      VectorMask<Float> better = score.compare(GT, best);
      best = best.blend(score, better);
      winner = winner.blend(LANE.add(i), better.cast(I));
    }
    if (i < n) {
      FloatVector score = Lanes.load(weights + 4L * i, n - i).div(Lanes.load(q + 4L * i, n - i));
      VectorMask<Float> better = score.compare(GT, best, F.indexInRange(i, n));
      best = best.blend(score, better);
      winner = winner.blend(LANE.add(i), better.cast(I));
    }
    best.intoMemorySegment(MEMORY, lanes, ORDER);
    winner.intoMemorySegment(MEMORY, lanes + Lanes.BYTES, ORDER);
    return lowest(lanes);
  }

  /** The code with the largest value of a padded row, the lowest one on a tie, 0 if none is above -infinity; {@code lanes} is room for two vectors. */
  static int argmax(long x, int n, long lanes) {
    FloatVector best = broadcast(F, Float.NEGATIVE_INFINITY);
    IntVector winner = IntVector.zero(I);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector value = fromMemorySegment(F, MEMORY, x + 4L * i, ORDER);
      VectorMask<Float> better = value.compare(GT, best);
      best = best.blend(value, better);
      winner = winner.blend(LANE.add(i), better.cast(I));
    }
    best.intoMemorySegment(MEMORY, lanes, ORDER);
    winner.intoMemorySegment(MEMORY, lanes + Lanes.BYTES, ORDER);
    return lowest(lanes);
  }

  /** Of each lane's best score and code, the code with the highest score, the lowest one on a tie. */
  private static int lowest(long lanes) {
    float highest = Float.NEGATIVE_INFINITY;
    int lowest = 0;
    for (int lane = 0; lane < COUNT; lane++) {
      float score = Lanes.get(lanes + 4L * lane);
      int at = Lanes.getInt(lanes + Lanes.BYTES + 4L * lane);
      if (score > highest || score == highest && at < lowest) {
        highest = score;
        lowest = at;
      }
    }
    return lowest;
  }

  // ---- the path -----------------------------------------------------------------------------------------------------------

  static void openCells(Tensor grid, int maskId, Tensor open, Tensor count) {
    Rows cells = Rows.of(grid);
    Rows to = Rows.of(open);
    Rows counts = Rows.of(count);
    for (int b = 0; b < cells.count(); b++) {
      int found = 0;
      for (int cell = 0; cell < cells.columns() && found < to.columns(); cell++) {
        if (Lanes.getInt(cells.at(b) + 4L * cell) == maskId) {
          Lanes.setInt(to.at(b) + 4L * found++, cell);
        }
      }
      Lanes.setInt(counts.address() + 4L * b, found);
      for (int p = found; p < to.columns(); p++) {
        Lanes.setInt(to.at(b) + 4L * p, -1);
      }
    }
  }

  static void reveal(Tensor grid, Tensor open, Tensor tokens) {
    Rows to = Rows.of(grid);
    Rows cells = Rows.of(open);
    Rows drawn = Rows.of(tokens);
    for (int b = 0; b < cells.count(); b++) {
      for (int p = 0; p < cells.columns(); p++) {
        int cell = Lanes.getInt(cells.at(b) + 4L * p);
        if (cell != -1) {
          Lanes.setInt(to.at(b) + 4L * Checks.index("reveal", cell, to.columns()), Lanes.getInt(drawn.at(b) + 4L * p));
        }
      }
    }
  }

  static void remask(Tensor grid, Tensor open, Tensor count, Tensor probability, int maskLength, float temperature, int maskId,
      Noise noise, Tensor step, Tensor confidence) {
    Rows to = Rows.of(grid);
    Rows cells = Rows.of(open);
    Rows random = random(noise);
    Rows probabilities = Rows.of(probability);
    Rows confidences = Rows.of(confidence);
    int n = to.columns();
    int now = Lanes.getInt(Rows.of(step).address());
    float[] sorted = new float[n];
    for (int b = 0; b < to.count(); b++) {
      long c = confidences.at(b);
      for (int cell = 0; cell < n; cell++) {
        Lanes.set(c + 4L * cell, Float.MAX_VALUE);
      }
      for (int p = 0; p < cells.columns(); p++) {
        int cell = Lanes.getInt(cells.at(b) + 4L * p);
        if (cell != -1) {
          Lanes.set(c + 4L * Checks.index("remask", cell, n), Lanes.get(probabilities.at(b) + 4L * p));
        }
      }
      for (int cell = 0; cell < n; cell++) {
        float gumbel = -log(Math.max(-log(Math.max(uniform(noise, random.at(b), now, cell), 1e-20f)), 1e-20f));
        sorted[cell] = log(Math.max(Lanes.get(c + 4L * cell), 1e-20f)) + temperature * gumbel;
        Lanes.set(c + 4L * cell, sorted[cell]);
      }
      Arrays.sort(sorted);
      float cut = sorted[Math.max(1, Math.min(Lanes.getInt(Rows.of(count).address() + 4L * b) - 1, maskLength))];
      for (int cell = 0; cell < n; cell++) {
        if (Lanes.get(c + 4L * cell) < cut) {
          Lanes.setInt(to.at(b) + 4L * cell, maskId);
        }
      }
    }
  }

  /** Row b is image b's key, or its (path's) variates. */
  static Rows random(Noise noise) {
    return switch (noise) {
      case Noise.Counter(var keys, _) -> Rows.of(keys);
      case Noise.Given(var values) -> Rows.of(values);
    };
  }

  private static float uniform(Noise noise, long random, int step, int cell) {
    return switch (noise) {
      case Noise.Counter(_, var stream) -> Philox.uniform(Philox.word(Lanes.getLong(random), stream, Lanes.getLong(random + 8), step, cell, 0));
      case Noise.Given(_) -> Lanes.get(random + 4L * cell);
    };
  }

  /** StrictMath: the path must not differ between machines. */
  private static float log(float x) {
    return (float) StrictMath.log(x);
  }
}

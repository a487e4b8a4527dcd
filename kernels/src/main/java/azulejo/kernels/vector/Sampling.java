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
import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.MAX;

import azulejo.kernels.Backend;
import azulejo.kernels.Checks;
import azulejo.kernels.DType;
import azulejo.kernels.Draw;
import azulejo.kernels.Noise;
import azulejo.kernels.PathSurprisal;
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

  /** Lane i has bit i. */
  static final IntVector BIT = IntVector.broadcast(I, 1).lanewise(LSHL, LANE);

  /** Room for a vector of scores and one of codes, or for {@link Entropies}' sums. */
  static final long LANES_BYTES = Math.max(2L * Lanes.BYTES, Entropies.BYTES);

  private Sampling() {}

  // ---- the draw -----------------------------------------------------------------------------------------------------------

  static void draw(Workers workers, Backend memory, Tensor logits, Draw draw, Tensor open, Noise noise, Tensor step, Tensor tokens, Tensor probability,
      Tensor ledger, Tensor usage, Tensor fault) {
    Rows from = Rows.of(logits);
    Rows cells = Rows.of(open);
    Rows random = random(noise);
    Rows winners = Rows.of(tokens);
    Rows probabilities = Rows.of(probability);
    Rows book = ledger == null ? null : Rows.of(ledger);
    long counts = usage == null ? 0 : Rows.of(usage).address();
    int codes = from.columns();
    int places = cells.columns();
    int rows = cells.count() * places;
    boolean guided = logits.dim(0) == 2;
    float temperature = Math.max(draw.temperature(), Draw.LOWEST_TEMPERATURE);
    boolean topK = draw.topK() > 0 && draw.topK() < codes;
    boolean topP = draw.topP() < 1;
    int now = Lanes.getInt(Rows.of(step).address());
    long faultAt = Rows.of(fault).address();
    int each = Rows.perTask(codes);
    long vectors = 4L * (codes + 2 * COUNT);
    try (var _ = memory.scope()) {
      long codebook = draw.codebook() == null ? 0 : bits(memory, draw.codebook());
      workers.run((rows + each - 1) / each, (task, worker) -> {
        long x = workers.scratch(worker, 2 * vectors + LANES_BYTES);
        long other = x + vectors;
        long lanes = other + vectors;
        Entropies entropies = book == null ? null : new Entropies(lanes);
        // weights take the place of the logits, if nothing needs these any more
        long weights = entropies != null && (topK || topP || draw.greedy()) ? other : x;
        for (int r = task * each; r < Math.min(rows, (task + 1) * each); r++) {
          int b = r / places;
          long column = 4L * (r % places);
          int position = Lanes.getInt(cells.at(b) + column);
          float max = Float.NaN;
          if (position != -1) {
            long u = from.at(r);
            long c = from.at(guided ? rows + r : r);
            boolean hide = entropies == null && temperature == 1;
            float top = codebook == 0 ? guide(u, c, draw.guidance(), x, codes) : guideWithin(u, c, draw.guidance(), codebook, hide, x, codes, lanes);
            float most = codebook == 0 || Float.isNaN(top) ? top : Lanes.get(lanes);
            if (entropies != null) {
              max = entropies.weigh(x, codebook, weights, codes, top, most, temperature);
            } else {
              max = temperature == 1 ? most : cool(x, codebook, most, temperature, codes, lanes);
            }
          }
          if (Float.isNaN(max)) {
            if (position != -1) {
              fault(faultAt, now + 1);
            }
            Lanes.setInt(winners.at(b) + column, position == -1 ? -1 : 0);
            Lanes.set(probabilities.at(b) + column, 0);
            if (book != null) {
              writeDown(book.at(r), 0, 0, 0, 0, 0, 0);
            }
            continue;
          }
          if (codebook != 0 && entropies != null && temperature == 1 && (topK || draw.greedy())) {
            hide(x, codebook, codes);
          }
          if (topK) {
            Truncation.keepTopK(x, codes, draw.topK());
          }
          int winner = draw.greedy() ? argmax(x, codes, lanes) : -1;
          float sum = entropies == null ? weigh(x, max, codes, lanes) : entropies.sum();
          if (topP) {
            if (topK && entropies != null) {
              Truncation.dropHidden(weights, x, codes);
            }
            Truncation.keepTopP(weights, codes, Truncation.sum(weights, codes, lanes), draw.topP(), lanes);
          }
          if (entropies != null && (topK || topP)) {
            entropies.truncate(weights, x, codes, max);
            sum = entropies.sum();
          }
          if (topP) {
            sum = (float) Truncation.sum(weights, codes, lanes);
          }
          if (!draw.greedy()) {
            long room = weights == x ? other : x;
            long variates = switch (noise) {
              case Noise.Counter(_, var stream) -> {
                VectorPhilox.exponentials(Lanes.getLong(random.at(b)), stream, Lanes.getLong(random.at(b) + 8), now, position, codes, room);
                yield room;
              }
              case Noise.Given(var values) -> random.at(b * values.size(1) + Checks.index("noise", position, values.size(1)));
            };
            winner = race(weights, variates, codes, lanes);
          }
          float p = Lanes.get(weights + 4L * winner) / sum;
          Lanes.setInt(winners.at(b) + column, winner);
          Lanes.set(probabilities.at(b) + column, p);
          if (book != null) {
            entropies.writeDown(book.at(r), draw.greedy() ? 0 : -Math.log(p));
          }
          if (counts != 0) {
            Lanes.increment(counts + 4L * winner);
          }
        }
      });
    }
  }

  /**
   * The codebook as a bit a code, a word for each vector's lanes: a sixteenth of the memory that passes with the logits.
   * Bits of the padding are 0.
   */
  static long bits(Backend memory, Tensor codebook) {
    int n = codebook.columns();
    long from = Rows.of(codebook).address();
    long to = Rows.of(memory.alloc(DType.I32, Math.ceilDiv(n, COUNT))).address();
    for (int i = 0; i < n; i += COUNT) {
      int word = 0;
      for (int lane = 0; lane < Math.min(COUNT, n - i); lane++) {
        word |= Lanes.get(from + 4L * (i + lane)) == 0 ? 1 << lane : 0;
      }
      Lanes.setInt(to + 4L * (i / COUNT), word);
    }
    return to;
  }

  /** A row of a ledger. */
  static void writeDown(long row, double... columns) {
    for (int i = 0; i < columns.length; i++) {
      Lanes.set(row + 4L * i, (float) columns[i]);
    }
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

  /** {@link #guide} that leaves the codebook's largest logit at {@code most}, and all logits in their places unless it is to {@code hide} the others. */
  private static float guideWithin(long u, long c, float guidance, long codebook, boolean hide, long out, int n, long most) {
    FloatVector scale = broadcast(F, guidance);
    FloatVector max = broadcast(F, Float.NEGATIVE_INFINITY);
    FloatVector maxInside = broadcast(F, Float.NEGATIVE_INFINITY);
    FloatVector finite = zero(F);
    VectorMask<Float> hidden = F.maskAll(hide);
    int i = 0;
    for (; i <= n - COUNT; i += COUNT) {
      FloatVector from = fromMemorySegment(F, MEMORY, u + 4L * i, ORDER);
      FloatVector x = fromMemorySegment(F, MEMORY, c + 4L * i, ORDER).sub(from).fma(scale, from);
      VectorMask<Float> outside = BIT.and(Lanes.getInt(codebook + 4L * (i / COUNT))).compare(EQ, 0).cast(F);
      FloatVector inside = x.blend(Float.NEGATIVE_INFINITY, outside);
      x.blend(inside, hidden).intoMemorySegment(MEMORY, out + 4L * i, ORDER);
      max = max.blend(x, x.compare(GT, max));
      maxInside = maxInside.blend(inside, inside.compare(GT, maxInside));
      finite = x.fma(zero(F), finite);
    }
    if (i < n) {
      FloatVector from = Lanes.load(u + 4L * i, n - i);
      FloatVector x = Lanes.load(c + 4L * i, n - i).sub(from).fma(scale, from);
      finite = x.fma(zero(F), finite);
      x = broadcast(F, Float.NEGATIVE_INFINITY).blend(x, F.indexInRange(i, n));
      VectorMask<Float> outside = BIT.and(Lanes.getInt(codebook + 4L * (i / COUNT))).compare(EQ, 0).cast(F);
      FloatVector inside = x.blend(Float.NEGATIVE_INFINITY, outside);
      x.blend(inside, hidden).intoMemorySegment(MEMORY, out + 4L * i, ORDER);
      max = max.blend(x, x.compare(GT, max));
      maxInside = maxInside.blend(inside, inside.compare(GT, maxInside));
    }
    Lanes.set(most, maxInside.reduceLanes(MAX));
    return max.reduceLanes(MAX) + finite.reduceLanes(ADD);
  }

  /** -infinity outside the codebook. */
  private static void hide(long x, long codebook, int n) {
    for (int i = 0; i < n; i += COUNT) {
      VectorMask<Float> outside = BIT.and(Lanes.getInt(codebook + 4L * (i / COUNT))).compare(EQ, 0).cast(F);
      fromMemorySegment(F, MEMORY, x + 4L * i, ORDER).blend(Float.NEGATIVE_INFINITY, outside).intoMemorySegment(MEMORY, x + 4L * i, ORDER);
    }
  }

  /**
   * Divides the padded logits by {@code temperature} and hides those outside the codebook, which may be 0.
   *
   * @param most the largest inside
   * @param room for a word
   * @return the largest quotient inside, or NaN if one is infinite, be it outside
   */
  private static float cool(long x, long codebook, float most, float temperature, int n, long room) {
    Lanes.setInt(room, -1);
    long words = codebook == 0 ? room : codebook;
    int stride = codebook == 0 ? 0 : Integer.BYTES;
    FloatVector finite = zero(F);
    FloatVector before = zero(F);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector v = fromMemorySegment(F, MEMORY, x + 4L * i, ORDER).div(temperature);
      VectorMask<Float> outside = BIT.and(Lanes.getInt(words + (long) stride * (i / COUNT))).compare(EQ, 0).cast(F);
      before = finite;
      finite = v.fma(zero(F), finite);
      v.blend(Float.NEGATIVE_INFINITY, outside).intoMemorySegment(MEMORY, x + 4L * i, ORDER);
    }
    // the padding of the last vector does not count; division is monotonous
    return most / temperature + before.blend(finite, F.indexInRange((n - 1) / COUNT * COUNT, n)).reduceLanes(ADD);
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
      Noise noise, Tensor step, Tensor confidence, Tensor surprisal) {
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
      if (surprisal != null) {
        Lanes.set(Rows.of(surprisal).address() + 4L * b, (float) surprisal(cells, probabilities, b, c, cut, temperature));
      }
    }
  }

  /** Of the choice between the open cells of image b. */
  private static double surprisal(Rows open, Rows probability, int b, long confidence, float cut, float temperature) {
    double[] logRates = new double[open.columns()];
    boolean[] kept = new boolean[open.columns()];
    int count = 0;
    for (int p = 0; p < open.columns() && temperature != 0; p++) {
      int cell = Lanes.getInt(open.at(b) + 4L * p);
      if (cell != -1) {
        logRates[count] = PathSurprisal.logRate(Lanes.get(probability.at(b) + 4L * p), temperature);
        kept[count++] = !(Lanes.get(confidence + 4L * cell) < cut);
      }
    }
    return PathSurprisal.of(Arrays.copyOf(logRates, count), Arrays.copyOf(kept, count));
  }

  /** Row b is image b's key, or its (path's) variates. */
  static Rows random(Noise noise) {
    return switch (noise) {
      case Noise.Counter(var keys, _) -> Rows.of(keys);
      case Noise.Given(var values) -> Rows.of(values);
    };
  }

  /** A path's. */
  static float uniform(Noise noise, long random, int step, int cell) {
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

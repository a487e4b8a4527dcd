package azulejo.kernels.vector;


import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.I;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static jdk.incubator.vector.FloatVector.zero;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.MAX;

import azulejo.kernels.Backend;
import azulejo.kernels.Checks;
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

  /** Room for a vector of scores and one of codes. */
  static final long LANES_BYTES = 2L * Lanes.BYTES;

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
    boolean cooled = temperature != 1;
    int now = Lanes.getInt(Rows.of(step).address());
    long faultAt = Rows.of(fault).address();
    int each = Rows.perTask(codes);
    long vectors = 4L * (codes + 2 * COUNT);
    try (var _ = memory.scope()) {
      Subset inside = Subset.of(memory, draw.codebook());
      int n = inside == null ? codes : inside.size;
      boolean topK = draw.topK() > 0 && draw.topK() < n;
      boolean topP = draw.topP() < 1;
      workers.run((rows + each - 1) / each, (task, worker) -> {
        int first = task * each;
        int end = Math.min(rows, first + each);
        long x = workers.scratch(worker, 2 * vectors + LANES_BYTES + Entropies.bytes(each));
        long other = x + vectors;
        long lanes = other + vectors;
        Entropies entropies = book == null ? null : new Entropies(lanes + LANES_BYTES, inside == null, cooled, topK || topP);
        // weights take the place of the logits, unless truncation needs both
        long weights = entropies != null && (topK || topP) ? other : x;
        for (int r = first; r < end; r++) {
          int b = r / places;
          long column = 4L * (r % places);
          int position = Lanes.getInt(cells.at(b) + column);
          float top = 0;
          boolean finite = false;
          if (position != -1) {
            long u = from.at(r);
            long c = guided ? from.at(rows + r) : u;
            top = inside == null ? guide(u, c, draw.guidance(), x, codes, lanes) : guideApart(u, c, draw.guidance(), inside, x, other, codes, lanes);
            // division is monotonous, so the largest magnitude speaks for all
            finite = Float.isFinite(Lanes.get(lanes) / temperature);
            if (!finite) {
              fault(faultAt, now + 1);
            }
          }
          if (!finite) {
            Lanes.setInt(winners.at(b) + column, position == -1 ? -1 : 0);
            Lanes.set(probabilities.at(b) + column, 0);
            if (entropies != null) {
              entropies.skip(r - first);
            }
            continue;
          }
          float max = inside == null ? top : Lanes.get(lanes + 4);
          if (inside != null && entropies != null) {
            entropies.outside(r - first, other, codes - n, top, max);
          }
          if (cooled) {
            if (entropies == null) {
              cool(x, n, temperature);
            } else {
              entropies.cool(r - first, x, n, max, temperature);
            }
            max /= temperature;
          }
          int winner = draw.greedy() ? argmax(x, n, lanes) : -1;
          float sum = 0;
          if (entropies != null) {
            sum = entropies.weigh(r - first, x, weights, n, max);
          }
          if (topK) {
            Truncation.keepTopK(x, n, draw.topK());
          }
          if (entropies == null) {
            sum = weigh(x, max, n, lanes);
          }
          if (topP) {
            if (topK && entropies != null) {
              Truncation.dropHidden(weights, x, n);
            }
            Truncation.keepTopP(weights, n, Truncation.sum(weights, n, lanes), draw.topP(), lanes);
          }
          if (entropies != null && (topK || topP)) {
            sum = entropies.truncate(r - first, weights, x, n, max);
          }
          if (topP) {
            sum = (float) Truncation.sum(weights, n, lanes);
          }
          if (!draw.greedy()) {
            long room = weights == x ? other : x;
            long variates = switch (noise) {
              case Noise.Counter(_, var stream) -> {
                VectorPhilox.exponentials(Lanes.getLong(random.at(b)), stream, Lanes.getLong(random.at(b) + 8), now, position, codes, inside, room);
                yield room;
              }
              case Noise.Given(var values) -> {
                long given = random.at(b * values.size(1) + Checks.index("noise", position, values.size(1)));
                if (inside != null) {
                  Pointwise.copy(given, room, codes);
                  inside.pack(room);
                }
                yield inside == null ? given : room;
              }
            };
            winner = race(weights, variates, n, lanes);
          }
          float weight = Lanes.get(weights + 4L * winner);
          if (entropies != null) {
            entropies.token(r - first, draw.greedy() ? 0 : weight);
          }
          int token = inside == null ? winner : inside.code(winner);
          Lanes.setInt(winners.at(b) + column, token);
          Lanes.set(probabilities.at(b) + column, weight / sum);
          if (counts != 0) {
            Lanes.increment(counts + 4L * token);
          }
        }
        for (int r = first; r < end && entropies != null; r++) {
          entropies.writeDown(r - first, book.at(r));
        }
      });
    }
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
   * Writes {@code u + guidance * (c - u)} to {@code out}, padded with -infinity; returns the largest and leaves the largest magnitude at {@code lanes}: that is
   * infinite or NaN if one of them is, and then the result may be anything. Without guidance c is u, which leaves u as it is.
   */
  static float guide(long u, long c, float guidance, long out, int n, long lanes) {
    FloatVector scale = broadcast(F, guidance);
    FloatVector max = broadcast(F, Float.NEGATIVE_INFINITY);
    // bits of magnitudes are ordered like them, and infinity's and NaN's are above all
    IntVector magnitude = IntVector.zero(I);
    int i = 0;
    for (; i <= n - COUNT; i += COUNT) {
      FloatVector from = fromMemorySegment(F, MEMORY, u + 4L * i, ORDER);
      FloatVector x = fromMemorySegment(F, MEMORY, c + 4L * i, ORDER).sub(from).fma(scale, from);
      x.intoMemorySegment(MEMORY, out + 4L * i, ORDER);
      max = max.blend(x, x.compare(GT, max));
      magnitude = magnitude.max(x.reinterpretAsInts().and(Integer.MAX_VALUE));
    }
    if (i < n) {
      FloatVector from = Lanes.load(u + 4L * i, n - i);
      FloatVector x = Lanes.load(c + 4L * i, n - i).sub(from).fma(scale, from);
      magnitude = magnitude.max(x.reinterpretAsInts().and(Integer.MAX_VALUE));
      x = broadcast(F, Float.NEGATIVE_INFINITY).blend(x, F.indexInRange(i, n));
      x.intoMemorySegment(MEMORY, out + 4L * i, ORDER);
      max = max.blend(x, x.compare(GT, max));
    }
    Lanes.setInt(lanes, magnitude.reduceLanes(MAX));
    return max.reduceLanes(MAX);
  }

  /**
   * {@link #guide} that packs the logits of the codes inside to {@code in} and of the others to {@code out}, both padded; leaves the largest of those inside
   * behind the largest magnitude of all.
   */
  static float guideApart(long u, long c, float guidance, Subset inside, long in, long out, int n, long lanes) {
    if (!Subset.COMPRESSES) {
      float top = guide(u, c, guidance, out, n, lanes);
      inside.part(out, n, in);
      pad(in, inside.size);
      pad(out, n - inside.size);
      Lanes.set(lanes + 4, largest(in, inside.size));
      return top;
    }
    long members = inside.members;
    long before = inside.before;
    FloatVector scale = broadcast(F, guidance);
    FloatVector max = broadcast(F, Float.NEGATIVE_INFINITY);
    FloatVector maxInside = broadcast(F, Float.NEGATIVE_INFINITY);
    IntVector magnitude = IntVector.zero(I);
    int i = 0;
    for (; i <= n - COUNT; i += COUNT) {
      FloatVector from = fromMemorySegment(F, MEMORY, u + 4L * i, ORDER);
      FloatVector x = fromMemorySegment(F, MEMORY, c + 4L * i, ORDER).sub(from).fma(scale, from);
      VectorMask<Float> isInside = VectorMask.fromLong(F, Lanes.getInt(members + 4L * (i / COUNT)));
      int j = Lanes.getInt(before + 4L * (i / COUNT));
      x.compress(isInside).intoMemorySegment(MEMORY, in + 4L * j, ORDER);
      x.compress(isInside.not()).intoMemorySegment(MEMORY, out + 4L * (i - j), ORDER);
      max = max.blend(x, x.compare(GT, max));
      maxInside = maxInside.blend(x, x.compare(GT, maxInside, isInside));
      magnitude = magnitude.max(x.reinterpretAsInts().and(Integer.MAX_VALUE));
    }
    if (i < n) {
      FloatVector from = Lanes.load(u + 4L * i, n - i);
      FloatVector x = Lanes.load(c + 4L * i, n - i).sub(from).fma(scale, from);
      VectorMask<Float> isInside = VectorMask.fromLong(F, Lanes.getInt(members + 4L * (i / COUNT)));
      VectorMask<Float> isCode = F.indexInRange(i, n);
      int j = Lanes.getInt(before + 4L * (i / COUNT));
      x.compress(isInside).intoMemorySegment(MEMORY, in + 4L * j, ORDER);
      x.compress(isCode.andNot(isInside)).intoMemorySegment(MEMORY, out + 4L * (i - j), ORDER);
      max = max.blend(x, x.compare(GT, max, isCode));
      maxInside = maxInside.blend(x, x.compare(GT, maxInside, isInside));
      magnitude = magnitude.max(x.reinterpretAsInts().and(Integer.MAX_VALUE));
    }
    pad(in, inside.size);
    pad(out, n - inside.size);
    Lanes.setInt(lanes, magnitude.reduceLanes(MAX));
    Lanes.set(lanes + 4, maxInside.reduceLanes(MAX));
    return max.reduceLanes(MAX);
  }

  private static void pad(long x, int n) {
    broadcast(F, Float.NEGATIVE_INFINITY).intoMemorySegment(MEMORY, x + 4L * n, ORDER);
  }

  /** Of a padded row. */
  static float largest(long x, int n) {
    FloatVector max = broadcast(F, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector v = fromMemorySegment(F, MEMORY, x + 4L * i, ORDER);
      max = max.blend(v, v.compare(GT, max));
    }
    return max.reduceLanes(MAX);
  }

  /** Divides the padded logits by {@code temperature}. */
  static void cool(long x, int n, float temperature) {
    for (int i = 0; i < n; i += COUNT) {
      fromMemorySegment(F, MEMORY, x + 4L * i, ORDER).div(temperature).intoMemorySegment(MEMORY, x + 4L * i, ORDER);
    }
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

package azulejo.kernels.vector;

import static azulejo.kernels.vector.Lanes.BYTES;
import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.I;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LT;

import azulejo.kernels.AttentionMask;
import azulejo.kernels.Tensor;
import azulejo.kernels.cpu.CpuBuffer;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Fused attention (Dao et al., "FlashAttention", arXiv 2205.14135; the running softmax of Milakov and Gimelshein, arXiv 1805.02867) with the lanes
 * of a vector laid across queries. A panel of two vectors of queries of one head is a task: it walks the keys in blocks, computes the
 * transposed scores [keys, queries], their running softmax lane by lane, and the transposed output [D, queries]. Keys and values are read as single
 * floats where they lie, so nothing but the panel is transposed, no sum runs across lanes, and any D is as good as another.
 */
final class Attention {
  /** Keys whose scores are held at a time: they fit the first-level cache. */
  private static final int BLOCK = 126;

  /** Rows of the register tile: 6 x 2 accumulators suffice to hide the latency of a multiply-add and fit 16 registers. */
  private static final int TILE = 6;

  private static final int PANEL = 2 * COUNT;
  private static final long PANEL_BYTES = 2L * BYTES;

  private static final IntVector LANE = IntVector.zero(I).addIndex(1);

  private Attention() {}

  static void attention(Workers workers, Tensor q, Tensor k, Tensor v, int heads, float scale, AttentionMask mask, Tensor out) {
    int tokens = q.size(1);
    int size = q.size(2) / heads;
    int panels = (tokens + PANEL - 1) / PANEL;
    View queries = View.of(q);
    View keys = View.of(k);
    View values = View.of(v);
    View outputs = View.of(out);
    int count = k.size(1);
    boolean causal = mask == AttentionMask.CAUSAL;
    long scratch = PANEL_BYTES * (2L * size + roundUp(BLOCK) + roundUp(size) + 3) + 4L * BLOCK * size;
    workers.run(q.size(0) * heads * panels, (task, worker) -> {
      int first = task % panels * PANEL;
      int head = task / panels % heads;
      int b = task / panels / heads;
      long column = 4L * head * size;
      panel(queries.at(b, first) + column, queries.row, keys.at(b, 0) + column, keys.row, values.at(b, 0) + column, values.row,
          outputs.at(b, first) + column, outputs.row, first, Math.min(PANEL, tokens - first), count, size, scale, causal,
          workers.scratch(worker, scratch));
    });
  }

  /** A [B, T, C] tensor's address and strides in bytes. */
  private record View(long address, long batch, long row) {
    static View of(Tensor x) {
      return new View(CpuBuffer.data(x).address(), 4 * x.stride(0), 4 * x.stride(1));
    }

    long at(int b, int t) {
      return address + b * batch + t * row;
    }
  }

  private static int roundUp(int n) {
    return (n + TILE - 1) / TILE * TILE;
  }

  /** One head's output for up to PANEL queries, the first of which is number {@code first} of its sequence. */
  private static void panel(long q, long qRow, long k, long kRow, long v, long vRow, long out, long outRow, int first, int queries, int keys,
      int size, float scale, boolean causal, long scratch) {
    long panel = scratch;
    long scores = panel + size * PANEL_BYTES;
    long sums = scores + roundUp(BLOCK) * PANEL_BYTES;
    long part = sums + size * PANEL_BYTES;
    long max = part + roundUp(size) * PANEL_BYTES;
    long total = max + PANEL_BYTES;
    long factor = total + PANEL_BYTES;
    long rows = factor + PANEL_BYTES;
    gatherPanel(q, qRow, queries, size, scale, panel);
    fill(sums, size, 0);
    fill(max, 1, Float.NEGATIVE_INFINITY);
    fill(total, 1, 0);
    int end = causal ? Math.min(keys, first + queries) : keys;
    for (int start = 0; start < end; start += BLOCK) {
      int n = Math.min(BLOCK, end - start);
      for (int i = 0; i < n; i += TILE) {
        tile(size, k + (start + i) * kRow, kRow, Math.min(TILE, n - i) - 1, 4, panel, scores + i * PANEL_BYTES);
      }
      if (causal) {
        hide(scores, n, start - first);
      }
      raise(scores, n, max, factor);
      weigh(scores, n, max, factor, total);
      weigh(scores + BYTES, n, max + BYTES, factor + BYTES, total + BYTES);
      copy(v + start * vRow, vRow, n, size, rows);
      for (int d = 0; d < size; d += TILE) {
        tile(n, rows + 4L * d, 4, Math.min(TILE, size - d) - 1, 4L * size, scores, part + d * PANEL_BYTES);
      }
      join(sums, factor, part, size);
    }
    divide(sums, size, total);
    scatterPanel(sums, queries, size, out, outRow);
  }

  /** Transposes {@code scale * q} to [D, PANEL]; lanes past the last query are 0. */
  private static void gatherPanel(long q, long row, int queries, int size, float scale, long panel) {
    for (int t = 0; t < PANEL; t++) {
      long from = q + t * row;
      long to = panel + 4L * t;
      if (t < queries) {
        for (int d = 0; d < size; d++) {
          Lanes.set(to + d * PANEL_BYTES, scale * Lanes.get(from + 4L * d));
        }
      } else {
        for (int d = 0; d < size; d++) {
          Lanes.set(to + d * PANEL_BYTES, 0);
        }
      }
    }
  }

  private static void scatterPanel(long panel, int queries, int size, long out, long row) {
    for (int t = 0; t < queries; t++) {
      long from = panel + 4L * t;
      long to = out + t * row;
      for (int d = 0; d < size; d++) {
        Lanes.set(to + 4L * d, Lanes.get(from + d * PANEL_BYTES));
      }
    }
  }

  /** Copies a block of values from among the other heads' columns: read column by column, rows a power of two apart would share a few sets of the cache. */
  private static void copy(long x, long row, int rows, int n, long out) {
    for (int r = 0; r < rows; r++) {
      long from = x + r * row;
      long to = out + 4L * r * n;
      int i = 0;
      for (; i <= n - COUNT; i += COUNT) {
        Lanes.store(Lanes.load(from + 4L * i), to + 4L * i);
      }
      if (i < n) {
        Lanes.store(Lanes.load(from + 4L * i, n - i), to + 4L * i, n - i);
      }
    }
  }

  private static void fill(long panel, int rows, float value) {
    FloatVector values = FloatVector.broadcast(F, value);
    for (int i = 0; i < 2 * rows; i++) {
      Lanes.store(values, panel + (long) i * BYTES);
    }
  }

  /** Scores of keys that come after their query become -infinity; {@code offset} is the first key's number less the first query's. */
  private static void hide(long scores, int n, int offset) {
    IntVector lane0 = LANE;
    IntVector lane1 = LANE.add(COUNT);
    for (int i = Math.max(0, 1 - offset); i < n; i++) {
      long row = scores + i * PANEL_BYTES;
      Lanes.store(Lanes.load(row).blend(Float.NEGATIVE_INFINITY, lane0.compare(LT, i + offset).cast(F)), row);
      Lanes.store(Lanes.load(row + BYTES).blend(Float.NEGATIVE_INFINITY, lane1.compare(LT, i + offset).cast(F)), row + BYTES);
    }
  }

  /** Raises {@code max} to the largest of n scores; {@code factor} becomes {@code e^(max before - max after)}. */
  private static void raise(long scores, int n, long max, long factor) {
    FloatVector before0 = Lanes.load(max);
    FloatVector before1 = Lanes.load(max + BYTES);
    FloatVector even0 = before0;
    FloatVector even1 = before1;
    FloatVector odd0 = before0;
    FloatVector odd1 = before1;
    for (int i = 0; i < n; i += 2) {
      long row = scores + i * PANEL_BYTES;
      long next = scores + Math.min(i + 1, n - 1) * PANEL_BYTES;
      even0 = greater(even0, Lanes.load(row));
      even1 = greater(even1, Lanes.load(row + BYTES));
      odd0 = greater(odd0, Lanes.load(next));
      odd1 = greater(odd1, Lanes.load(next + BYTES));
    }
    even0 = greater(even0, odd0);
    even1 = greater(even1, odd1);
    Lanes.store(even0, max);
    Lanes.store(even1, max + BYTES);
    Lanes.store(before0.sub(even0), factor);
    Lanes.store(before1.sub(even1), factor + BYTES);
    exponentiate(factor);
  }

  private static FloatVector greater(FloatVector a, FloatVector b) {
    return a.blend(b, b.compare(GT, a));
  }

  private static void exponentiate(long panel) {
    for (int i = 0; i < 2; i++) {
      Lanes.store(Elementary.exp(Lanes.load(panel + (long) i * BYTES)), panel + (long) i * BYTES);
    }
  }

  /** Turns scores into {@code e^(score - max)}; {@code total} becomes {@code total * factor} plus their sum. */
  private static void weigh(long scores, int n, long max, long factor, long total) {
    FloatVector top = Lanes.load(max);
    FloatVector sum = Lanes.load(total).mul(Lanes.load(factor));
    for (int i = 0; i < n; i++) {
      FloatVector e = Elementary.exp(Lanes.load(scores + i * PANEL_BYTES).sub(top));
      Lanes.store(e, scores + i * PANEL_BYTES);
      sum = sum.add(e);
    }
    Lanes.store(sum, total);
  }

  /** {@code sums = sums * factor + part}. */
  private static void join(long sums, long factor, long part, int rows) {
    FloatVector factor0 = Lanes.load(factor);
    FloatVector factor1 = Lanes.load(factor + BYTES);
    for (int i = 0; i < rows; i++) {
      long row = sums + i * PANEL_BYTES;
      long add = part + i * PANEL_BYTES;
      Lanes.store(Lanes.load(row).fma(factor0, Lanes.load(add)), row);
      Lanes.store(Lanes.load(row + BYTES).fma(factor1, Lanes.load(add + BYTES)), row + BYTES);
    }
  }

  private static void divide(long sums, int rows, long total) {
    FloatVector one = FloatVector.broadcast(F, 1f);
    FloatVector factor0 = one.div(Lanes.load(total));
    FloatVector factor1 = one.div(Lanes.load(total + BYTES));
    for (int i = 0; i < rows; i++) {
      long row = sums + i * PANEL_BYTES;
      Lanes.store(Lanes.load(row).mul(factor0), row);
      Lanes.store(Lanes.load(row + BYTES).mul(factor1), row + BYTES);
    }
  }

  /**
   * {@code c[r] = sum over i < n of a[r][i] * panel[i]} for 6 rows r, where a[r][i] is the float at {@code a + r * row + i * step} and panel[i] and c[r] are
   * PANEL floats. Rows of a past number {@code last} are read as that one, and what they give is of no use. (Sums that
   * start from memory cost a third of the speed at D = 64, so the caller adds.)
   */
  private static void tile(int n, long a, long row, int last, long step, long panel, long c) {
    long a1 = a + Math.min(1, last) * row;
    long a2 = a + Math.min(2, last) * row;
    long a3 = a + Math.min(3, last) * row;
    long a4 = a + Math.min(4, last) * row;
    long a5 = a + Math.min(5, last) * row;
    FloatVector c00 = FloatVector.zero(F);
    FloatVector c01 = c00;
    FloatVector c10 = c00;
    FloatVector c11 = c00;
    FloatVector c20 = c00;
    FloatVector c21 = c00;
    FloatVector c30 = c00;
    FloatVector c31 = c00;
    FloatVector c40 = c00;
    FloatVector c41 = c00;
    FloatVector c50 = c00;
    FloatVector c51 = c00;
    for (int i = 0; i < n; i++) {
      FloatVector b0 = Lanes.load(panel + i * PANEL_BYTES);
      FloatVector b1 = Lanes.load(panel + i * PANEL_BYTES + BYTES);
      long o = i * step;
      FloatVector x = FloatVector.broadcast(F, Lanes.get(a + o));
      c00 = x.fma(b0, c00);
      c01 = x.fma(b1, c01);
      x = FloatVector.broadcast(F, Lanes.get(a1 + o));
      c10 = x.fma(b0, c10);
      c11 = x.fma(b1, c11);
      x = FloatVector.broadcast(F, Lanes.get(a2 + o));
      c20 = x.fma(b0, c20);
      c21 = x.fma(b1, c21);
      x = FloatVector.broadcast(F, Lanes.get(a3 + o));
      c30 = x.fma(b0, c30);
      c31 = x.fma(b1, c31);
      x = FloatVector.broadcast(F, Lanes.get(a4 + o));
      c40 = x.fma(b0, c40);
      c41 = x.fma(b1, c41);
      x = FloatVector.broadcast(F, Lanes.get(a5 + o));
      c50 = x.fma(b0, c50);
      c51 = x.fma(b1, c51);
    }
    Lanes.store(c00, c);
    Lanes.store(c01, c + BYTES);
    Lanes.store(c10, c + 2 * BYTES);
    Lanes.store(c11, c + 3 * BYTES);
    Lanes.store(c20, c + 4 * BYTES);
    Lanes.store(c21, c + 5 * BYTES);
    Lanes.store(c30, c + 6 * BYTES);
    Lanes.store(c31, c + 7 * BYTES);
    Lanes.store(c40, c + 8 * BYTES);
    Lanes.store(c41, c + 9 * BYTES);
    Lanes.store(c50, c + 10 * BYTES);
    Lanes.store(c51, c + 11 * BYTES);
  }
}

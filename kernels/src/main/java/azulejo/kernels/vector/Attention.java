package azulejo.kernels.vector;

import static azulejo.kernels.vector.Lanes.BYTES;
import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static azulejo.kernels.vector.Lanes.I;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LT;

import azulejo.kernels.AttentionMask;
import azulejo.kernels.Backend;
import azulejo.kernels.Tensor;
import azulejo.kernels.cpu.CpuBuffer;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Fused attention (Dao et al., "FlashAttention", arXiv 2205.14135; the running softmax of Milakov and Gimelshein, arXiv 1805.02867) with the lanes
 * of a vector laid across queries: no sum runs across lanes, no query depends on its neighbours, and any D is as good as another.
 *
 * <p>A task has some panels, each two vectors of queries of one head. It walks the keys in blocks: the block's keys and values are copied
 * together, and each panel computes its transposed scores [keys, queries], their running softmax lane by lane, and its transposed sums
 * [D, queries], reading keys and values as single floats. Only queries and outputs are transposed.
 */
final class Attention {
  /** Most keys in a block: their scores fit the first-level cache. */
  private static final int MAX_BLOCK = 126;

  /** Most floats in a block's keys, in its values, and in the queries and sums of a task: together they fit the second-level cache. */
  private static final int MAX_FLOATS = 32 << 10;

  /** Rows of the register tile: 6 x 2 accumulators suffice to hide the latency of a multiply-add and fit 16 registers. */
  private static final int TILE = 6;

  private static final int PANEL = 2 * COUNT;
  private static final long PANEL_BYTES = 2L * BYTES;

  /** Most panels in a task, which share the copies of keys and values. */
  private static final int MAX_PANELS = 4;

  /** Tasks for each worker, so that the last one to finish does not keep the others waiting long. */
  private static final int TASKS_PER_WORKER = 4;

  private static final IntVector LANE = IntVector.zero(I).addIndex(1);

  private Attention() {}

  static void attention(Workers workers, Backend memory, Tensor q, Tensor k, Tensor v, int heads, float scale, AttentionMask mask, Tensor bias, Tensor out) {
    int batch = q.size(0);
    int tokens = q.size(1);
    int size = q.size(2) / heads;
    int keys = k.size(1);
    if (size == 0) {
      return;
    }
    int panels = Math.ceilDiv(tokens, PANEL);
    int most = Math.min(Math.ceilDiv(batch * heads * panels, TASKS_PER_WORKER * workers.threads()), MAX_FLOATS / (2 * size * PANEL));
    int groups = Math.ceilDiv(panels, Math.clamp(most, 1, MAX_PANELS));
    int group = Math.ceilDiv(panels, Math.max(1, groups)) * PANEL;
    View queries = View.of(q);
    View from = View.of(k);
    View values = View.of(v);
    View to = View.of(out);
    Bias biases = Bias.of(bias);
    boolean causal = mask == AttentionMask.CAUSAL;
    if (tokens == 1) {
      OneQuery.attention(workers, memory, queries, from, values, batch, causal ? 1 : keys, heads, size, scale, biases, to);
      return;
    }
    workers.run(batch * heads * groups, (task, worker) -> {
      int first = task % groups * group;
      int head = task / groups % heads;
      int b = task / groups / heads;
      long column = 4L * head * size;
      head(queries.at(b, first) + column, queries.row, from.at(b, 0) + column, from.row, values.at(b, 0) + column, values.row, to.at(b, first) + column,
          to.row, biases.at(b, head, first), biases.row, first, Math.min(group, tokens - first), keys, size, scale, causal, workers, worker);
    });
  }

  /** A [B, T, C] tensor's address and strides in bytes. */
  record View(long address, long batch, long row) {
    static View of(Tensor x) {
      return new View(CpuBuffer.data(x).address(), 4 * x.stride(0), 4 * x.stride(1));
    }

    long at(int b, int t) {
      return address + b * batch + t * row;
    }
  }

  /** A [B, heads, T, S] tensor's address and strides in bytes, 0 for a dimension that repeats. With no bias the address is 0 and stays it. */
  record Bias(long address, long batch, long head, long row) {
    static Bias of(Tensor x) {
      return x == null
          ? new Bias(0, 0, 0, 0)
          : new Bias(CpuBuffer.data(x).address(), x.dim(0) == 1 ? 0 : 4 * x.stride(0), x.dim(1) == 1 ? 0 : 4 * x.stride(1), 4 * x.stride(2));
    }

    long at(int b, int h, int t) {
      return address + b * batch + h * head + t * row;
    }
  }

  private static int roundUp(int n) {
    return (n + TILE - 1) / TILE * TILE;
  }

  /** One head's output for some queries, the first of which is number {@code first} of its sequence. */
  private static void head(long q, long qRow, long k, long kRow, long v, long vRow, long out, long outRow, long bias, long biasRow,
      int first, int queries, int keys, int size, float scale, boolean causal, Workers workers, int worker) {
    // A panel's part of the scratch memory: its queries and sums [D, PANEL], and the largest score, the sum of weights and a factor of each query.
    long each = (2L * size + 3) * PANEL_BYTES;
    long sumsAt = size * PANEL_BYTES;
    long maxAt = 2 * sumsAt;
    long totalAt = maxAt + PANEL_BYTES;
    int panels = Math.ceilDiv(queries, PANEL);
    int block = Math.clamp(MAX_FLOATS / size / TILE * TILE, TILE, MAX_BLOCK);
    long copies = 4L * block * size;
    long panel = workers.scratch(worker, panels * each + (block + roundUp(size)) * PANEL_BYTES + 2 * copies);
    long scores = panel + panels * each;
    long part = scores + block * PANEL_BYTES;
    long keyBlock = part + roundUp(size) * PANEL_BYTES;
    long valueBlock = keyBlock + copies;
    for (int p = 0; p < panels; p++) {
      long at = panel + p * each;
      gather(q + p * PANEL * qRow, qRow, Math.min(PANEL, queries - p * PANEL), size, at);
      fill(at + sumsAt, size, 0);
      // finite, so that its difference from hidden keys' scores is a number
      fill(at + maxAt, 1, -Float.MAX_VALUE);
      fill(at + totalAt, 1, 0);
    }
    int end = causal ? Math.min(keys, first + queries) : keys;
    for (int start = 0; start < end; start += block) {
      int n = Math.min(block, end - start);
      copy(k + start * kRow, kRow, n, size, keyBlock);
      copy(v + start * vRow, vRow, n, size, valueBlock);
      for (int p = 0; p < panels; p++) {
        long at = panel + p * each;
        int before = start - first - p * PANEL;
        if (!causal || before < PANEL) {
          score(keyBlock, n, size, at, scores);
          if (bias != 0) {
            addBias(scores, n, scale, bias + p * PANEL * biasRow + 4L * start, biasRow, Math.min(PANEL, queries - p * PANEL));
          }
          if (causal) {
            hide(scores, n, before);
          }
          soften(scores, n, bias == 0 ? scale : 1, at + maxAt);
          mix(valueBlock, n, size, scores, part);
          join(at + sumsAt, at + maxAt + 2 * PANEL_BYTES, part, size);
        }
      }
    }
    for (int p = 0; p < panels; p++) {
      long at = panel + p * each;
      scatter(at + sumsAt, at + totalAt, Math.min(PANEL, queries - p * PANEL), size, out + p * PANEL * outRow, outRow);
    }
  }

  /** {@code scores[i] = queries . keys[i]}. */
  private static void score(long keys, int n, int size, long queries, long scores) {
    for (int i = 0; i < n; i += TILE) {
      tile(size, keys + 4L * i * size, 4L * size, Math.min(TILE, n - i) - 1, 4, queries, scores + i * PANEL_BYTES);
    }
  }

  /** {@code scores = scores * scale + bias}. */
  private static void addBias(long scores, int n, float scale, long bias, long row, int queries) {
    for (int t = 0; t < queries; t++) {
      long from = bias + t * row;
      long to = scores + 4L * t;
      for (int i = 0; i < n; i++) {
        Lanes.set(to + i * PANEL_BYTES, Math.fma(Lanes.get(to + i * PANEL_BYTES), scale, Lanes.get(from + 4L * i)));
      }
    }
  }

  /** {@code part[d] = sum of weights[i] * values[i][d]}. */
  private static void mix(long values, int n, int size, long weights, long part) {
    for (int d = 0; d < size; d += TILE) {
      tile(n, values + 4L * d, 4, Math.min(TILE, size - d) - 1, 4L * size, weights, part + d * PANEL_BYTES);
    }
  }

  /** Turns a block's scores into weights and updates the panels at {@code max}: the largest score, the sum of weights, and the factor for older sums. */
  private static void soften(long scores, int n, float scale, long max) {
    long total = max + PANEL_BYTES;
    long factor = total + PANEL_BYTES;
    raise(scores, n, scale, max, factor);
    weigh(scores, n, scale, max, factor, total);
    weigh(scores + BYTES, n, scale, max + BYTES, factor + BYTES, total + BYTES);
  }

  /** Transposes queries to [D, PANEL], two at a time as halves of a long; lanes past the last query are 0. */
  private static void gather(long q, long row, int queries, int size, long panel) {
    for (int t = 0; t < PANEL; t += 2) {
      long even = q + t * row;
      long to = panel + 4L * t;
      if (t + 1 < queries) {
        for (int d = 0; d < size; d++) {
          Lanes.setLong(to + d * PANEL_BYTES, Lanes.getInt(even + 4L * d) & 0xFFFFFFFFL | (long) Lanes.getInt(even + row + 4L * d) << 32);
        }
      } else {
        for (int d = 0; d < size; d++) {
          Lanes.setLong(to + d * PANEL_BYTES, t < queries ? Lanes.getInt(even + 4L * d) & 0xFFFFFFFFL : 0);
        }
      }
    }
  }

  /** Writes {@code sums / total}, transposed back. */
  private static void scatter(long sums, long total, int queries, int size, long out, long row) {
    for (int t = 0; t < queries; t++) {
      float factor = 1 / Lanes.get(total + 4L * t);
      long from = sums + 4L * t;
      long to = out + t * row;
      for (int d = 0; d < size; d++) {
        Lanes.set(to + 4L * d, Lanes.get(from + d * PANEL_BYTES) * factor);
      }
    }
  }

  /** Copies a head's columns of some rows: rows a power of two apart share a few sets of the caches, where they would not stay. */
  private static void copy(long x, long row, int rows, int n, long out) {
    for (int r = 0; r < rows; r++) {
      Pointwise.copyRow(x + r * row, out + 4L * r * n, n);
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

  /** Raises {@code max} to the largest of n scores; {@code factor} becomes {@code e^(scale * (max before - max after))}. */
  private static void raise(long scores, int n, float scale, long max, long factor) {
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
    Lanes.store(before0.sub(even0).mul(scale), factor);
    Lanes.store(before1.sub(even1).mul(scale), factor + BYTES);
    exponentiate(factor);
  }

  private static FloatVector greater(FloatVector a, FloatVector b) {
    return a.blend(b, b.compare(GT, a));
  }

  private static void exponentiate(long panel) {
    for (int i = 0; i < 2; i++) {
      Elementary.exp(Lanes.load(panel + (long) i * BYTES)).intoMemorySegment(MEMORY, panel + (long) i * BYTES, ORDER);
    }
  }

  /** Turns scores into {@code e^(scale * (score - max))}; {@code total} becomes {@code total * factor} plus their sum. */
  private static void weigh(long scores, int n, float scale, long max, long factor, long total) {
    FloatVector top = Lanes.load(max);
    FloatVector sum = Lanes.load(total).mul(Lanes.load(factor));
    for (int i = 0; i < n; i++) {
      FloatVector e = Elementary.exp(Lanes.load(scores + i * PANEL_BYTES).sub(top).mul(scale));
      e.intoMemorySegment(MEMORY, scores + i * PANEL_BYTES, ORDER);
      sum = sum.add(e);
    }
    sum.intoMemorySegment(MEMORY, total, ORDER);
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

package azulejo.kernels.vector;


import static azulejo.kernels.vector.Lanes.BYTES;
import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.FLOAT;
import static azulejo.kernels.vector.Lanes.I;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static jdk.incubator.vector.FloatVector.zero;
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

  /** Turns a block's scores into weights and updates a panel's largest score, sum of weights and factor for older sums, which follow each other at {@code max}. */
  private static void soften(long scores, int n, float scale, long max) {
    long total = max + PANEL_BYTES;
    long factor = total + PANEL_BYTES;
    raise(scores, n, max, factor);
    for (int half = 0; half < PANEL_BYTES; half += BYTES) {
      Elementary.weigh(factor + half, BYTES, 1, scale, max + half, 0);
      multiply(total + half, factor + half);
      Elementary.weigh(scores + half, PANEL_BYTES, n, scale, max + half, total + half);
    }
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
    FloatVector values = broadcast(F, value);
    for (int i = 0; i < 2 * rows; i++) {
      values.intoMemorySegment(MEMORY, panel + (long) i * BYTES, ORDER);
    }
  }

  /** Scores of keys that come after their query become -infinity; {@code offset} is the first key's number less the first query's. */
  private static void hide(long scores, int n, int offset) {
    IntVector lane0 = LANE;
    IntVector lane1 = LANE.add(COUNT);
    for (int i = Math.max(0, 1 - offset); i < n; i++) {
      long row = scores + i * PANEL_BYTES;
      FloatVector s0 = fromMemorySegment(F, MEMORY, row, ORDER);
      FloatVector s1 = fromMemorySegment(F, MEMORY, row + BYTES, ORDER);
      s0.blend(Float.NEGATIVE_INFINITY, lane0.compare(LT, i + offset).cast(F)).intoMemorySegment(MEMORY, row, ORDER);
      s1.blend(Float.NEGATIVE_INFINITY, lane1.compare(LT, i + offset).cast(F)).intoMemorySegment(MEMORY, row + BYTES, ORDER);
    }
  }

  /** Raises {@code max} to the largest of n scores; {@code before} becomes what it was. */
  private static void raise(long scores, int n, long max, long before) {
    FloatVector even0 = fromMemorySegment(F, MEMORY, max, ORDER);
    FloatVector even1 = fromMemorySegment(F, MEMORY, max + BYTES, ORDER);
    even0.intoMemorySegment(MEMORY, before, ORDER);
    even1.intoMemorySegment(MEMORY, before + BYTES, ORDER);
    FloatVector odd0 = even0;
    FloatVector odd1 = even1;
    for (int i = 0; i < n; i += 2) {
      long row = scores + i * PANEL_BYTES;
      long next = scores + Math.min(i + 1, n - 1) * PANEL_BYTES;
      FloatVector s0 = fromMemorySegment(F, MEMORY, row, ORDER);
      FloatVector s1 = fromMemorySegment(F, MEMORY, row + BYTES, ORDER);
      FloatVector t0 = fromMemorySegment(F, MEMORY, next, ORDER);
      FloatVector t1 = fromMemorySegment(F, MEMORY, next + BYTES, ORDER);
      even0 = even0.blend(s0, s0.compare(GT, even0));
      even1 = even1.blend(s1, s1.compare(GT, even1));
      odd0 = odd0.blend(t0, t0.compare(GT, odd0));
      odd1 = odd1.blend(t1, t1.compare(GT, odd1));
    }
    even0.blend(odd0, odd0.compare(GT, even0)).intoMemorySegment(MEMORY, max, ORDER);
    even1.blend(odd1, odd1.compare(GT, even1)).intoMemorySegment(MEMORY, max + BYTES, ORDER);
  }

  private static void multiply(long vector, long factor) {
    fromMemorySegment(F, MEMORY, vector, ORDER).mul(fromMemorySegment(F, MEMORY, factor, ORDER)).intoMemorySegment(MEMORY, vector, ORDER);
  }

  /** {@code sums = sums * factor + part}. */
  private static void join(long sums, long factor, long part, int rows) {
    FloatVector factor0 = fromMemorySegment(F, MEMORY, factor, ORDER);
    FloatVector factor1 = fromMemorySegment(F, MEMORY, factor + BYTES, ORDER);
    for (int i = 0; i < rows; i++) {
      long row = sums + i * PANEL_BYTES;
      long add = part + i * PANEL_BYTES;
      FloatVector s0 = fromMemorySegment(F, MEMORY, row, ORDER);
      FloatVector s1 = fromMemorySegment(F, MEMORY, row + BYTES, ORDER);
      s0.fma(factor0, fromMemorySegment(F, MEMORY, add, ORDER)).intoMemorySegment(MEMORY, row, ORDER);
      s1.fma(factor1, fromMemorySegment(F, MEMORY, add + BYTES, ORDER)).intoMemorySegment(MEMORY, row + BYTES, ORDER);
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
    FloatVector c00 = zero(F);
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
      FloatVector b0 = fromMemorySegment(F, MEMORY, panel + i * PANEL_BYTES, ORDER);
      FloatVector b1 = fromMemorySegment(F, MEMORY, panel + i * PANEL_BYTES + BYTES, ORDER);
      long o = i * step;
      FloatVector x = broadcast(F, MEMORY.get(FLOAT, a + o));
      c00 = x.fma(b0, c00);
      c01 = x.fma(b1, c01);
      x = broadcast(F, MEMORY.get(FLOAT, a1 + o));
      c10 = x.fma(b0, c10);
      c11 = x.fma(b1, c11);
      x = broadcast(F, MEMORY.get(FLOAT, a2 + o));
      c20 = x.fma(b0, c20);
      c21 = x.fma(b1, c21);
      x = broadcast(F, MEMORY.get(FLOAT, a3 + o));
      c30 = x.fma(b0, c30);
      c31 = x.fma(b1, c31);
      x = broadcast(F, MEMORY.get(FLOAT, a4 + o));
      c40 = x.fma(b0, c40);
      c41 = x.fma(b1, c41);
      x = broadcast(F, MEMORY.get(FLOAT, a5 + o));
      c50 = x.fma(b0, c50);
      c51 = x.fma(b1, c51);
    }
    c00.intoMemorySegment(MEMORY, c, ORDER);
    c01.intoMemorySegment(MEMORY, c + BYTES, ORDER);
    c10.intoMemorySegment(MEMORY, c + 2 * BYTES, ORDER);
    c11.intoMemorySegment(MEMORY, c + 3 * BYTES, ORDER);
    c20.intoMemorySegment(MEMORY, c + 4 * BYTES, ORDER);
    c21.intoMemorySegment(MEMORY, c + 5 * BYTES, ORDER);
    c30.intoMemorySegment(MEMORY, c + 6 * BYTES, ORDER);
    c31.intoMemorySegment(MEMORY, c + 7 * BYTES, ORDER);
    c40.intoMemorySegment(MEMORY, c + 8 * BYTES, ORDER);
    c41.intoMemorySegment(MEMORY, c + 9 * BYTES, ORDER);
    c50.intoMemorySegment(MEMORY, c + 10 * BYTES, ORDER);
    c51.intoMemorySegment(MEMORY, c + 11 * BYTES, ORDER);
  }
}

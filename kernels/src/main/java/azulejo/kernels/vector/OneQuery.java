package azulejo.kernels.vector;

import static azulejo.kernels.vector.Lanes.BYTES;
import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.MAX;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.vector.Attention.Bias;
import azulejo.kernels.vector.Attention.View;
import jdk.incubator.vector.FloatVector;

/**
 * Attention of one query a batch, as when tokens are decoded one by one. Memory sets the pace, so each key and each value is read once, all its heads
 * together, in the order in which they lie: a task has a stretch of a batch's keys, weighs its values relative to its own largest scores, and the
 * stretches are joined at the end ("Flash-Decoding for long-context inference", Dao et al., 2023).
 */
final class OneQuery {
  /** Keys in a stretch. It is part of the result's definition. */
  private static final int STRETCH = 64;

  /** Rows of values that are added to the sums at a time. */
  private static final int ROWS = 4;

  private OneQuery() {}

  /** {@code keys} counts those that the query sees. */
  static void attention(Workers workers, Backend memory, View q, View k, View v, int batch, int keys, int heads, int size, float scale, Bias bias,
      View out) {
    int stretches = Math.ceilDiv(keys, STRETCH);
    int channels = heads * size;
    // each head's largest score and the sum of its weights, and all heads' mixed values, of each stretch
    int stride = Math.ceilDiv(heads, COUNT) * COUNT;
    try (var _ = memory.scope()) {
      Rows largest = Rows.of(memory.alloc(DType.F32, batch * stretches, stride));
      Rows sums = Rows.of(memory.alloc(DType.F32, batch * stretches, stride));
      Rows mixed = Rows.of(memory.alloc(DType.F32, batch * stretches, channels));
      workers.run(batch * stretches, (task, worker) -> {
        int b = task / stretches;
        int first = task % stretches * STRETCH;
        int n = Math.min(STRETCH, keys - first);
        long weights = workers.scratch(worker, 4L * heads * STRETCH);
        for (int i = 0; i < n; i++) {
          dots(q.at(b, 0), k.at(b, first + i), heads, size, weights + 4L * i);
        }
        for (int h = 0; h < heads; h++) {
          soften(weights + 4L * h * STRETCH, n, scale, bias.at(b, h, 0) == 0 ? 0 : bias.at(b, h, 0) + 4L * first, largest.at(task) + 4L * h,
              sums.at(task) + 4L * h);
        }
        MEMORY.asSlice(mixed.at(task), 4L * channels).fill((byte) 0);
        for (int i = 0; i < n; i += ROWS) {
          mix(weights + 4L * i, v.at(b, first + i), v.row(), Math.min(ROWS, n - i) - 1, heads, size, mixed.at(task));
        }
      });
      for (int b = 0; b < batch; b++) {
        join(largest.at(b * stretches), sums.at(b * stretches), mixed.at(b * stretches), stretches, stride, heads, size, out.at(b, 0));
      }
    }
  }

  /** The product of the query and a key for each head; those of a head are STRETCH floats from the next one's. */
  private static void dots(long q, long k, int heads, int size, long out) {
    int whole = size - size % COUNT;
    for (int h = 0; h < heads; h++) {
      long head = 4L * h * size;
      FloatVector sum = FloatVector.zero(F);
      for (int d = 0; d < whole; d += COUNT) {
        sum = Lanes.load(q + head + 4L * d).fma(Lanes.load(k + head + 4L * d), sum);
      }
      if (whole < size) {
        sum = Lanes.load(q + head + 4L * whole, size - whole).fma(Lanes.load(k + head + 4L * whole, size - whole), sum);
      }
      Lanes.set(out + 4L * h * STRETCH, Elementary.sum(sum));
    }
  }

  /** Turns a head's scores in a stretch into weights, 0 past the last, and writes their largest score and their sum. */
  private static void soften(long scores, int n, float scale, long bias, long largest, long sum) {
    for (int i = 0; i < n; i++) {
      Lanes.set(scores + 4L * i, Math.fma(Lanes.get(scores + 4L * i), scale, bias == 0 ? 0 : Lanes.get(bias + 4L * i)));
    }
    for (int i = n; i % COUNT != 0 || i % ROWS != 0; i++) {
      Lanes.set(scores + 4L * i, Float.NEGATIVE_INFINITY);
    }
    float max = max(scores, n);
    weigh(scores, n, max);
    float total = 0;
    for (int i = 0; i < n; i++) {
      total += Lanes.get(scores + 4L * i);
    }
    Lanes.set(largest, max);
    Lanes.set(sum, total);
  }

  /** The largest of a padded row; finite, so that its difference from hidden keys' scores is a number. */
  private static float max(long x, int n) {
    FloatVector max = FloatVector.broadcast(F, -Float.MAX_VALUE);
    for (int i = 0; i < n; i += COUNT) {
      FloatVector v = Lanes.load(x + 4L * i);
      max = max.blend(v, v.compare(GT, max));
    }
    return max.reduceLanes(MAX);
  }

  private static void weigh(long scores, int n, float max) {
    for (int i = 0; i < n; i += COUNT) {
      Elementary.exp(Lanes.load(scores + 4L * i).sub(max)).intoMemorySegment(MEMORY, scores + 4L * i, ORDER);
    }
  }

  /** Adds ROWS rows of values, weighted by head, to {@code sums}. Rows past number {@code last} are read as that one and weigh nothing. */
  private static void mix(long weights, long v, long row, int last, int heads, int size, long sums) {
    long v1 = v + Math.min(1, last) * row;
    long v2 = v + Math.min(2, last) * row;
    long v3 = v + Math.min(3, last) * row;
    int whole = size - size % COUNT;
    for (int h = 0; h < heads; h++) {
      long weight = weights + 4L * h * STRETCH;
      FloatVector w0 = FloatVector.broadcast(F, Lanes.get(weight));
      FloatVector w1 = FloatVector.broadcast(F, Lanes.get(weight + 4));
      FloatVector w2 = FloatVector.broadcast(F, Lanes.get(weight + 8));
      FloatVector w3 = FloatVector.broadcast(F, Lanes.get(weight + 12));
      long at = 4L * h * size;
      for (int d = 0; d < whole; d += COUNT) {
        FloatVector sum = w0.fma(Lanes.load(v + at), Lanes.load(sums + at));
        sum = w1.fma(Lanes.load(v1 + at), sum);
        sum = w2.fma(Lanes.load(v2 + at), sum);
        w3.fma(Lanes.load(v3 + at), sum).intoMemorySegment(MEMORY, sums + at, ORDER);
        at += BYTES;
      }
      if (whole < size) {
        int n = size - whole;
        FloatVector sum = w0.fma(Lanes.load(v + at, n), Lanes.load(sums + at, n));
        sum = w1.fma(Lanes.load(v1 + at, n), sum);
        sum = w2.fma(Lanes.load(v2 + at, n), sum);
        w3.fma(Lanes.load(v3 + at, n), sum).intoMemorySegment(MEMORY, sums + at, ORDER, F.indexInRange(0, n));
      }
    }
  }

  /** One batch's stretches, relative to their largest score of all. */
  private static void join(long largest, long sums, long mixed, int stretches, int stride, int heads, int size, long out) {
    for (int h = 0; h < heads; h += COUNT) {
      factors(largest + 4L * h, sums + 4L * h, stretches, 4L * stride);
    }
    for (int h = 0; h < heads; h++) {
      for (int d = 0; d < size; d += COUNT) {
        long at = 4L * (h * size + d);
        join(largest + 4L * h, 4L * stride, mixed + at, 4L * heads * size, stretches, Math.min(COUNT, size - d), out + at);
      }
    }
  }

  /** Turns a vector of heads' largest scores into their stretches' factors {@code e^(score - largest score of all) / sum of all weights}. */
  private static void factors(long largest, long sums, int stretches, long stride) {
    FloatVector max = FloatVector.broadcast(F, -Float.MAX_VALUE);
    for (int s = 0; s < stretches; s++) {
      FloatVector v = Lanes.load(largest + s * stride);
      max = max.blend(v, v.compare(GT, max));
    }
    FloatVector total = FloatVector.zero(F);
    for (int s = 0; s < stretches; s++) {
      FloatVector factor = Elementary.exp(Lanes.load(largest + s * stride).sub(max));
      factor.intoMemorySegment(MEMORY, largest + s * stride, ORDER);
      total = factor.fma(Lanes.load(sums + s * stride), total);
    }
    for (int s = 0; s < stretches; s++) {
      Lanes.load(largest + s * stride).div(total).intoMemorySegment(MEMORY, largest + s * stride, ORDER);
    }
  }

  private static void join(long factors, long factorStride, long mixed, long mixedStride, int stretches, int columns, long out) {
    FloatVector sum = FloatVector.zero(F);
    for (int s = 0; s < stretches; s++) {
      sum = FloatVector.broadcast(F, Lanes.get(factors + s * factorStride)).fma(Lanes.load(mixed + s * mixedStride, columns), sum);
    }
    sum.intoMemorySegment(MEMORY, out, ORDER, F.indexInRange(0, columns));
  }
}

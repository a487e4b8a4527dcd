package azulejo.kernels.vector;


import static azulejo.kernels.vector.Lanes.BYTES;
import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static jdk.incubator.vector.FloatVector.zero;

import azulejo.kernels.Activation;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Norm;
import azulejo.kernels.Tensor;
import azulejo.kernels.cpu.CpuBuffer;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/**
 * Normalisations. Each ends in {@code x * factor + offset} with factor and offset per channel, into which weight, bias, modulation and the
 * statistics are folded beforehand. Sums run over parts of fixed size, so they do not depend on the number of threads.
 */
final class Norms {
  /** Elements of an image that group norm takes at a time: twice over them, the second time out of the cache. */
  private static final int PART = 32 << 10;

  /** Elements that go through the affine map and the activation while they are in the first-level cache. */
  private static final int RUN = 4 << 10;

  private Norms() {}

  // ---- over a row ---------------------------------------------------------------------------------------------------------

  static void norm(Workers workers, Norm norm, Tensor x, Tensor weight, Tensor bias, float eps, Tensor scaleShift, Tensor out) {
    Rows from = Rows.of(x);
    Rows to = Rows.of(out);
    Rows modulation = scaleShift == null ? null : Rows.of(scaleShift);
    int n = to.columns();
    int tokens = scaleShift == null ? Math.max(1, to.count()) : x.size(1);
    long w = address(weight);
    long b = address(bias);
    to.forEach(workers, (first, end, worker) -> {
      long factor = workers.scratch(worker, 8L * n);
      long offset = factor + 4L * n;
      for (int i = first; i < end; i++) {
        if (i == first || i % tokens == 0) {
          fold(w, b, modulation == null ? 0 : modulation.at(i / tokens), factor, offset, n);
        }
        float mean = norm == Norm.LAYER ? sum(from.at(i), n) / n : 0;
        float variance = sumOfSquares(from.at(i), mean, n) / n;
        normRow(from.at(i), mean, (float) (1 / Math.sqrt(variance + eps)), factor, offset, to.at(i), n);
      }
    });
  }

  private static long address(Tensor x) {
    return x == null ? 0 : CpuBuffer.data(x).address();
  }

  /** Makes {@code (y * weight + bias) * (1 + scale) + shift} into {@code y * factor + offset}; an address of 0 leaves a part out. */
  private static void fold(long weight, long bias, long scaleShift, long factor, long offset, int n) {
    for (int i = 0; i < n; i++) {
      float w = weight == 0 ? 1 : Lanes.get(weight + 4L * i);
      float b = bias == 0 ? 0 : Lanes.get(bias + 4L * i);
      if (scaleShift != 0) {
        float scale = 1 + Lanes.get(scaleShift + 4L * i);
        w *= scale;
        b = Math.fma(b, scale, Lanes.get(scaleShift + 4L * (n + i)));
      }
      Lanes.set(factor + 4L * i, w);
      Lanes.set(offset + 4L * i, b);
    }
  }

  /** {@code out = (x - mean) * scale * factor + offset}. */
  private static void normRow(long x, float mean, float scale, long factor, long offset, long out, int n) {
    int i = 0;
    for (; i <= n - COUNT; i += COUNT) {
      FloatVector y = fromMemorySegment(F, MEMORY, x + 4L * i, ORDER).sub(mean).mul(scale);
      FloatVector w = fromMemorySegment(F, MEMORY, factor + 4L * i, ORDER);
      y.fma(w, fromMemorySegment(F, MEMORY, offset + 4L * i, ORDER)).intoMemorySegment(MEMORY, out + 4L * i, ORDER);
    }
    if (i < n) {
      FloatVector y = Lanes.load(x + 4L * i, n - i).sub(mean).mul(scale);
      Lanes.store(y.fma(Lanes.load(factor + 4L * i, n - i), Lanes.load(offset + 4L * i, n - i)), out + 4L * i, n - i);
    }
  }

  /** The sum of n floats, in four chains of lanes. */
  static float sum(long x, int n) {
    FloatVector s0 = zero(F);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    int i = 0;
    for (; i <= n - 4 * COUNT; i += 4 * COUNT) {
      s0 = s0.add(fromMemorySegment(F, MEMORY, x + 4L * i, ORDER));
      s1 = s1.add(fromMemorySegment(F, MEMORY, x + 4L * i + BYTES, ORDER));
      s2 = s2.add(fromMemorySegment(F, MEMORY, x + 4L * i + 2 * BYTES, ORDER));
      s3 = s3.add(fromMemorySegment(F, MEMORY, x + 4L * i + 3 * BYTES, ORDER));
    }
    for (; i <= n - COUNT; i += COUNT) {
      s0 = s0.add(fromMemorySegment(F, MEMORY, x + 4L * i, ORDER));
    }
    if (i < n) {
      s1 = s1.add(fromMemorySegment(F, MEMORY, x + 4L * i, ORDER, F.indexInRange(0, n - i)));
    }
    return Elementary.sum(s0.add(s1).add(s2.add(s3)));
  }

  /** The sum of {@code (x - centre)^2} over n floats. */
  static float sumOfSquares(long x, float centre, int n) {
    FloatVector s0 = zero(F);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    int i = 0;
    for (; i <= n - 4 * COUNT; i += 4 * COUNT) {
      FloatVector d0 = fromMemorySegment(F, MEMORY, x + 4L * i, ORDER).sub(centre);
      FloatVector d1 = fromMemorySegment(F, MEMORY, x + 4L * i + BYTES, ORDER).sub(centre);
      FloatVector d2 = fromMemorySegment(F, MEMORY, x + 4L * i + 2 * BYTES, ORDER).sub(centre);
      FloatVector d3 = fromMemorySegment(F, MEMORY, x + 4L * i + 3 * BYTES, ORDER).sub(centre);
      s0 = d0.fma(d0, s0);
      s1 = d1.fma(d1, s1);
      s2 = d2.fma(d2, s2);
      s3 = d3.fma(d3, s3);
    }
    for (; i <= n - COUNT; i += COUNT) {
      FloatVector d = fromMemorySegment(F, MEMORY, x + 4L * i, ORDER).sub(centre);
      s0 = d.fma(d, s0);
    }
    if (i < n) {
      VectorMask<Float> mask = F.indexInRange(0, n - i);
      FloatVector d = zero(F).blend(fromMemorySegment(F, MEMORY, x + 4L * i, ORDER, mask).sub(centre), mask);
      s1 = d.fma(d, s1);
    }
    return Elementary.sum(s0.add(s1).add(s2.add(s3)));
  }

  // ---- over an image, by groups of channels -------------------------------------------------------------------------------

  static void groupNorm(Workers workers, Backend memory, Tensor x, int groups, Tensor weight, Tensor bias, float eps,
      Activation activation, Tensor out) {
    Rows from = Rows.of(x);
    Rows to = Rows.of(out);
    int batch = x.size(0);
    int pixels = x.size(1) * x.size(2);
    int channels = to.columns();
    if (to.count() == 0 || channels == 0) {
      return;
    }
    int each = Math.max(1, PART / channels);
    int parts = (pixels + each - 1) / each;
    try (var _ = memory.scope()) {
      Rows moments = Rows.of(memory.alloc(DType.F64, batch, parts, groups * 2));
      Rows factor = Rows.of(memory.alloc(DType.F32, batch, channels));
      Rows offset = Rows.of(memory.alloc(DType.F32, batch, channels));
      workers.run(batch * parts, (task, worker) -> {
        int first = task % parts * each;
        moments(from.at(task / parts * pixels + first), from.stride(), Math.min(each, pixels - first), channels, groups,
            workers.scratch(worker, 8L * channels), moments.at(task));
      });
      for (int b = 0; b < batch; b++) {
        normalise(moments, b * parts, parts, pixels, each, groups, eps, address(weight), address(bias), factor.at(b), offset.at(b), channels);
      }
      workers.run(batch * parts, (task, worker) -> {
        int b = task / parts;
        int first = task % parts * each;
        int row = b * pixels + first;
        scale(activation, from.at(row), from.stride(), factor.at(b), offset.at(b), to.at(row), to.stride(), Math.min(each, pixels - first),
            channels, workers.scratch(worker, BYTES));
      });
    }
  }

  /** Of each group of n pixels the mean and the sum of squares around it, as doubles. */
  private static void moments(long x, long stride, int n, int channels, int groups, long scratch, long moments) {
    long sums = scratch;
    long centres = scratch + 4L * channels;
    int size = channels / groups;
    channelSums(x, stride, n, channels, sums);
    for (int g = 0; g < groups; g++) {
      double mean = total(sums + 4L * g * size, size) / ((double) n * size);
      Lanes.setDouble(moments + 16L * g, mean);
      for (int c = g * size; c < (g + 1) * size; c++) {
        Lanes.set(centres + 4L * c, (float) mean);
      }
    }
    channelSquares(x, stride, n, channels, centres, sums);
    for (int g = 0; g < groups; g++) {
      double mean = Lanes.getDouble(moments + 16L * g);
      double rounding = mean - (float) mean;
      Lanes.setDouble(moments + 16L * g + 8, total(sums + 4L * g * size, size) - n * size * rounding * rounding);
    }
  }

  /** Joins the moments of an image's parts (Chan, Golub and LeVeque 1983), and folds them with weight and bias. */
  private static void normalise(Rows moments, int first, int parts, int pixels, int each, int groups, float eps, long weight, long bias,
      long factor, long offset, int channels) {
    int size = channels / groups;
    fold(weight, bias, 0, factor, offset, channels);
    for (int g = 0; g < groups; g++) {
      double count = 0;
      double mean = 0;
      double squares = 0;
      for (int part = 0; part < parts; part++) {
        double n = (double) Math.min(each, pixels - part * each) * size;
        double delta = Lanes.getDouble(moments.at(first + part) + 16L * g) - mean;
        mean += delta * (n / (count + n));
        squares += Lanes.getDouble(moments.at(first + part) + 16L * g + 8) + delta * delta * (count * n / (count + n));
        count += n;
      }
      double scale = 1 / Math.sqrt(squares / count + eps);
      for (int c = g * size; c < (g + 1) * size; c++) {
        double w = Lanes.get(factor + 4L * c) * scale;
        Lanes.set(factor + 4L * c, (float) w);
        Lanes.set(offset + 4L * c, (float) (Lanes.get(offset + 4L * c) - mean * w));
      }
    }
  }

  /** {@code out = activation(x * factor + offset)} for n pixels, a cache-sized run of them at a time. */
  private static void scale(Activation activation, long x, long xStride, long factor, long offset, long out, long outStride, int n,
      int channels, long spare) {
    int run = Math.max(1, RUN / channels);
    for (int p = 0; p < n; p += run) {
      int rows = Math.min(run, n - p);
      for (int r = p; r < p + rows; r++) {
        Pointwise.affineRow(x + r * xStride, factor, offset, out + r * outStride, channels);
      }
      if (activation != Activation.NONE && outStride == 4L * channels) {
        Elementary.activate(activation, out + p * outStride, out + p * outStride, rows * channels, spare);
      } else if (activation != Activation.NONE) {
        for (int r = p; r < p + rows; r++) {
          Elementary.activate(activation, out + r * outStride, out + r * outStride, channels, spare);
        }
      }
    }
  }

  // ---- over an image, by channels -----------------------------------------------------------------------------------------

  static void globalResponseNorm(Workers workers, Backend memory, Tensor x, Tensor gamma, Tensor beta, Tensor out) {
    Rows from = Rows.of(x);
    Rows to = Rows.of(out);
    int batch = x.size(0);
    int tokens = x.size(1);
    int channels = to.columns();
    if (to.count() == 0 || channels == 0) {
      return;
    }
    int each = Math.max(1, PART / channels);
    int parts = (tokens + each - 1) / each;
    try (var _ = memory.scope()) {
      Rows squares = Rows.of(memory.alloc(DType.F32, batch, parts, channels));
      Rows factor = Rows.of(memory.alloc(DType.F32, batch, channels));
      Tensor zeros = memory.alloc(DType.F32, channels);
      CpuBuffer.data(zeros).fill((byte) 0);
      workers.run(batch * parts, (task, _) -> {
        int first = task % parts * each;
        channelSquares(from.at(task / parts * tokens + first), from.stride(), Math.min(each, tokens - first), channels, address(zeros),
            squares.at(task));
      });
      for (int b = 0; b < batch; b++) {
        respond(squares, b * parts, parts, address(gamma), factor.at(b), channels);
      }
      to.forEach(workers, (first, end, _) -> {
        for (int i = first; i < end; i++) {
          Pointwise.affineRow(from.at(i), factor.at(i / tokens), address(beta), to.at(i), channels);
        }
      });
    }
  }

  /** The factor {@code 1 + gamma * g / (mean of g + 1e-6)} of each channel, from the sums of squares of an image's parts. */
  private static void respond(Rows squares, int first, int parts, long gamma, long factor, int channels) {
    double sum = 0;
    for (int c = 0; c < channels; c++) {
      double square = 0;
      for (int part = 0; part < parts; part++) {
        square += Lanes.get(squares.at(first + part) + 4L * c);
      }
      double norm = Math.sqrt(square);
      sum += norm;
      Lanes.set(factor + 4L * c, (float) norm);
    }
    double scale = 1 / (sum / channels + 1e-6);
    for (int c = 0; c < channels; c++) {
      Lanes.set(factor + 4L * c, (float) (1 + Lanes.get(gamma + 4L * c) * (Lanes.get(factor + 4L * c) * scale)));
    }
  }

  // ---- sums down the columns of n rows ------------------------------------------------------------------------------------

  /** {@code out[c] = sum of x[i][c] over i}. */
  private static void channelSums(long x, long stride, int n, int channels, long out) {
    int c = 0;
    for (; c <= channels - 4 * COUNT; c += 4 * COUNT) {
      sums4(x + 4L * c, stride, n, out + 4L * c);
    }
    for (; c < channels; c += COUNT) {
      sums1(x + 4L * c, stride, n, Math.min(COUNT, channels - c), out + 4L * c);
    }
  }

  private static void sums4(long x, long stride, int n, long out) {
    FloatVector s0 = zero(F);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    for (int i = 0; i < n; i++) {
      long row = x + i * stride;
      s0 = s0.add(fromMemorySegment(F, MEMORY, row, ORDER));
      s1 = s1.add(fromMemorySegment(F, MEMORY, row + BYTES, ORDER));
      s2 = s2.add(fromMemorySegment(F, MEMORY, row + 2 * BYTES, ORDER));
      s3 = s3.add(fromMemorySegment(F, MEMORY, row + 3 * BYTES, ORDER));
    }
    s0.intoMemorySegment(MEMORY, out, ORDER);
    s1.intoMemorySegment(MEMORY, out + BYTES, ORDER);
    s2.intoMemorySegment(MEMORY, out + 2 * BYTES, ORDER);
    s3.intoMemorySegment(MEMORY, out + 3 * BYTES, ORDER);
  }

  private static void sums1(long x, long stride, int n, int lanes, long out) {
    VectorMask<Float> mask = F.indexInRange(0, lanes);
    FloatVector s = zero(F);
    for (int i = 0; i < n; i++) {
      s = s.add(fromMemorySegment(F, MEMORY, x + i * stride, ORDER, mask));
    }
    s.intoMemorySegment(MEMORY, out, ORDER, mask);
  }

  /** {@code out[c] = sum of (x[i][c] - centre[c])^2 over i}. */
  private static void channelSquares(long x, long stride, int n, int channels, long centre, long out) {
    int c = 0;
    for (; c <= channels - 4 * COUNT; c += 4 * COUNT) {
      squares4(x + 4L * c, stride, n, centre + 4L * c, out + 4L * c);
    }
    for (; c < channels; c += COUNT) {
      squares1(x + 4L * c, stride, n, Math.min(COUNT, channels - c), centre + 4L * c, out + 4L * c);
    }
  }

  private static void squares4(long x, long stride, int n, long centre, long out) {
    FloatVector c0 = fromMemorySegment(F, MEMORY, centre, ORDER);
    FloatVector c1 = fromMemorySegment(F, MEMORY, centre + BYTES, ORDER);
    FloatVector c2 = fromMemorySegment(F, MEMORY, centre + 2 * BYTES, ORDER);
    FloatVector c3 = fromMemorySegment(F, MEMORY, centre + 3 * BYTES, ORDER);
    FloatVector s0 = zero(F);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    for (int i = 0; i < n; i++) {
      long row = x + i * stride;
      FloatVector d0 = fromMemorySegment(F, MEMORY, row, ORDER).sub(c0);
      FloatVector d1 = fromMemorySegment(F, MEMORY, row + BYTES, ORDER).sub(c1);
      FloatVector d2 = fromMemorySegment(F, MEMORY, row + 2 * BYTES, ORDER).sub(c2);
      FloatVector d3 = fromMemorySegment(F, MEMORY, row + 3 * BYTES, ORDER).sub(c3);
      s0 = d0.fma(d0, s0);
      s1 = d1.fma(d1, s1);
      s2 = d2.fma(d2, s2);
      s3 = d3.fma(d3, s3);
    }
    s0.intoMemorySegment(MEMORY, out, ORDER);
    s1.intoMemorySegment(MEMORY, out + BYTES, ORDER);
    s2.intoMemorySegment(MEMORY, out + 2 * BYTES, ORDER);
    s3.intoMemorySegment(MEMORY, out + 3 * BYTES, ORDER);
  }

  private static void squares1(long x, long stride, int n, int lanes, long centre, long out) {
    VectorMask<Float> mask = F.indexInRange(0, lanes);
    FloatVector c = fromMemorySegment(F, MEMORY, centre, ORDER, mask);
    FloatVector s = zero(F);
    for (int i = 0; i < n; i++) {
      FloatVector d = fromMemorySegment(F, MEMORY, x + i * stride, ORDER, mask).sub(c);
      s = d.fma(d, s);
    }
    s.intoMemorySegment(MEMORY, out, ORDER, mask);
  }

  private static double total(long x, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) {
      sum += Lanes.get(x + 4L * i);
    }
    return sum;
  }
}

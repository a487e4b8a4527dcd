package azulejo.kernels.vector;


import static azulejo.kernels.vector.Lanes.BYTES;
import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static jdk.incubator.vector.FloatVector.zero;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Tensor;
import azulejo.kernels.cpu.CpuBuffer;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/**
 * Depthwise convolution: lanes are channels, an output vector is summed over the taps that fall inside the image, rows first. The weights are
 * turned to [KH, KW, C] at each call, a small part of the work for any image of more than a few pixels.
 */
final class DepthwiseConv {
  private DepthwiseConv() {}

  static void depthwiseConv2d(Workers workers, Backend memory, Tensor x, Tensor weight, Tensor bias, Tensor out) {
    Rows from = Rows.of(x);
    Rows to = Rows.of(out);
    int height = x.size(1);
    int width = x.size(2);
    int channels = x.size(3);
    int kh = weight.size(2);
    int kw = weight.size(3);
    try (var _ = memory.scope()) {
      Tensor taps = memory.alloc(DType.F32, (long) kh * kw, channels);
      long w = CpuBuffer.data(taps).address();
      turn(CpuBuffer.data(weight).address(), channels, kh * kw, w);
      long b = bias == null ? 0 : CpuBuffer.data(bias).address();
      to.forEach(workers, (first, end, _) -> {
        for (int i = first; i < end; i++) {
          int column = i % width;
          int row = i / width % height;
          // The taps from (top, left) to before (bottom, right) see the image.
          int top = Math.max(0, kh / 2 - row);
          int left = Math.max(0, kw / 2 - column);
          int bottom = Math.min(kh, height + kh / 2 - row);
          int right = Math.min(kw, width + kw / 2 - column);
          long corner = from.at(i + (top - kh / 2) * width + left - kw / 2);
          pixel(corner, from.stride(), width * from.stride(), w + 4L * (top * kw + left) * channels, 4L * channels, 4L * kw * channels,
              bottom - top, right - left, b, to.at(i), channels);
        }
      });
    }
  }

  /** [C, taps] to [taps, C]. */
  private static void turn(long weight, int channels, int taps, long out) {
    for (int c = 0; c < channels; c++) {
      for (int t = 0; t < taps; t++) {
        Lanes.set(out + 4L * (t * channels + c), Lanes.get(weight + 4L * (c * taps + t)));
      }
    }
  }

  private static void pixel(long x, long xColumn, long xRow, long w, long wColumn, long wRow, int rows, int columns, long bias, long out, int channels) {
    int c = 0;
    for (; c <= channels - 4 * COUNT; c += 4 * COUNT) {
      pixel4(x + 4L * c, xColumn, xRow, w + 4L * c, wColumn, wRow, rows, columns, bias == 0 ? 0 : bias + 4L * c, out + 4L * c);
    }
    for (; c < channels; c += COUNT) {
      pixel1(x + 4L * c, xColumn, xRow, w + 4L * c, wColumn, wRow, rows, columns, bias == 0 ? 0 : bias + 4L * c, out + 4L * c,
          Math.min(COUNT, channels - c));
    }
  }

  private static void pixel4(long x, long xColumn, long xRow, long w, long wColumn, long wRow, int rows, int columns, long bias, long out) {
    FloatVector s0 = zero(F);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    if (bias != 0) {
      s0 = fromMemorySegment(F, MEMORY, bias, ORDER);
      s1 = fromMemorySegment(F, MEMORY, bias + BYTES, ORDER);
      s2 = fromMemorySegment(F, MEMORY, bias + 2 * BYTES, ORDER);
      s3 = fromMemorySegment(F, MEMORY, bias + 3 * BYTES, ORDER);
    }
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        long from = x + row * xRow + column * xColumn;
        long tap = w + row * wRow + column * wColumn;
        s0 = fromMemorySegment(F, MEMORY, from, ORDER).fma(fromMemorySegment(F, MEMORY, tap, ORDER), s0);
        s1 = fromMemorySegment(F, MEMORY, from + BYTES, ORDER).fma(fromMemorySegment(F, MEMORY, tap + BYTES, ORDER), s1);
        s2 = fromMemorySegment(F, MEMORY, from + 2 * BYTES, ORDER).fma(fromMemorySegment(F, MEMORY, tap + 2 * BYTES, ORDER), s2);
        s3 = fromMemorySegment(F, MEMORY, from + 3 * BYTES, ORDER).fma(fromMemorySegment(F, MEMORY, tap + 3 * BYTES, ORDER), s3);
      }
    }
    s0.intoMemorySegment(MEMORY, out, ORDER);
    s1.intoMemorySegment(MEMORY, out + BYTES, ORDER);
    s2.intoMemorySegment(MEMORY, out + 2 * BYTES, ORDER);
    s3.intoMemorySegment(MEMORY, out + 3 * BYTES, ORDER);
  }

  private static void pixel1(long x, long xColumn, long xRow, long w, long wColumn, long wRow, int rows, int columns, long bias, long out, int lanes) {
    VectorMask<Float> mask = F.indexInRange(0, lanes);
    FloatVector s = zero(F);
    if (bias != 0) {
      s = fromMemorySegment(F, MEMORY, bias, ORDER, mask);
    }
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        FloatVector from = fromMemorySegment(F, MEMORY, x + row * xRow + column * xColumn, ORDER, mask);
        s = from.fma(fromMemorySegment(F, MEMORY, w + row * wRow + column * wColumn, ORDER, mask), s);
      }
    }
    s.intoMemorySegment(MEMORY, out, ORDER, mask);
  }
}

package azulejo.kernels.vector;

import static azulejo.kernels.vector.Lanes.BYTES;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import azulejo.kernels.HostTensor;
import azulejo.kernels.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.SegmentAllocator;
import jdk.incubator.vector.FloatVector;

/**
 * 3 x 3 convolution with a quarter of the multiplications: Winograd's F(4 x 4, 3 x 3). (Lavin and Gray, arXiv 1509.09308.)
 *
 * <p>A tile of 4 x 4 outputs needs 6 x 6 inputs d. With the filter g transformed once, {@code U = G g G^T}, and the inputs as
 * {@code V = B^T d B}, the outputs are {@code A^T M A} where each of the 36 elements of M is the sum over channels of U times V: 36 products
 * of a matrix of tiles with a packed weight in place of 144 multiplications for each tile and channel.
 *
 * <p>The transforms evaluate polynomials at 0, +-5/8, +-3/2 and infinity. These points, at which all constants of the data's transforms are exact,
 * lose least: on random data the largest error is about twice that of the plain sum (with the usual 0, +-1, +-2, six times).
 *
 * <p>A tile's place in the image is fixed and its arithmetic is that of {@link Gemm}, so a pixel does not depend on tasks, threads or other
 * images. With a stride the outputs between are computed and dropped, which makes it no slower than the plain sum.
 */
final class Winograd {
  /** Outputs along a tile's side, and inputs under it. */
  private static final int OUT = 4;

  private static final int IN = 6;

  /** Elements of a transformed tile: products to compute. */
  static final int PRODUCTS = IN * IN;

  /** Most tiles in a task: enough for the weights, which every task reads once, to cost less than the arithmetic. */
  private static final int MAX_TILES = 36;

  /** Largest I * O: the packed weight is four times the plain one, and what large ones save at small images is not worth their memory. */
  private static final int MAX_WEIGHTS = 512 * 512;

  private static final double A = 5.0 / 8;
  private static final double B = 3.0 / 2;
  private static final double A2 = A * A;
  private static final double B2 = B * B;
  private static final double NA = 2 * A2 * (A2 - B2);
  private static final double NB = 2 * B2 * (B2 - A2);

  private static final double[][] G = {
    {1 / (A2 * B2), 0, 0},
    {1 / NA, A / NA, A2 / NA},
    {1 / NA, -A / NA, A2 / NA},
    {1 / NB, B / NB, B2 / NB},
    {1 / NB, -B / NB, B2 / NB},
    {0, 0, 1},
  };

  private Winograd() {}

  /** Channels come in whole vectors of any width; outputs may be few, as their packed weight ends in zeros. */
  static boolean suits(int outputs, int inputs, int height, int width) {
    return height == 3 && width == 3 && inputs % 16 == 0 && (long) outputs * inputs <= MAX_WEIGHTS;
  }

  /** Transforms a filter [O, I, 3, 3] into 36 packed weights [O, I]. */
  static Panels[] pack(Workers workers, SegmentAllocator allocator, HostTensor weight) {
    int outputs = weight.shape().size(0);
    int inputs = weight.shape().size(1);
    Panels[] packed = new Panels[PRODUCTS];
    for (int f = 0; f < PRODUCTS; f++) {
      packed[f] = Panels.allocate(allocator, outputs, inputs, WeightFormat.F32);
    }
    try (Arena arena = Arena.ofConfined()) {
      long from = Panels.address(weight, arena);
      workers.run(outputs, (o, worker) -> {
        long row = Panels.floats(weight.dtype(), from, (long) o * inputs * 9, inputs * 9, workers.scratch(worker, (long) inputs * 9 * Float.BYTES));
        double[] g = new double[9];
        double[] half = new double[IN * 3];
        for (int i = 0; i < inputs; i++) {
          for (int t = 0; t < 9; t++) {
            g[t] = Lanes.get(row + (i * 9L + t) * Float.BYTES);
          }
          for (int r = 0; r < IN; r++) {
            for (int c = 0; c < 3; c++) {
              half[r * 3 + c] = G[r][0] * g[c] + G[r][1] * g[3 + c] + G[r][2] * g[6 + c];
            }
          }
          for (int r = 0; r < IN; r++) {
            for (int c = 0; c < IN; c++) {
              double u = half[r * 3] * G[c][0] + half[r * 3 + 1] * G[c][1] + half[r * 3 + 2] * G[c][2];
              packed[r * IN + c].set(o, i, (float) u);
            }
          }
        }
      });
    }
    return packed;
  }

  static void conv2d(Workers workers, Conv2d.Windows x, Panels[] weights, Gemm.Epilogue epilogue) {
    int down = Math.ceilDiv((x.outHeight() - 1) * x.stride() + 1, OUT);
    int across = Math.ceilDiv((x.outWidth() - 1) * x.stride() + 1, OUT);
    int tiles = Math.multiplyExact(Math.multiplyExact(x.batch(), down), across);
    int inputs = weights[0].inputs();
    int panels = weights[0].count();
    int blocks = Math.max(Math.ceilDiv(tiles, MAX_TILES), Math.min(workers.threads(), Math.ceilDiv(tiles, Gemm.TILE)));
    int blockTiles = blocks == 0 ? 0 : Math.ceilDiv(Math.ceilDiv(tiles, blocks), Gemm.TILE) * Gemm.TILE;
    // An odd number of cache lines more, so that the 36 matrices do not compete for the same sets of a cache.
    long inBytes = (long) inputs * Float.BYTES;
    long vBytes = blockTiles * inBytes + 3 * Lanes.ALIGNMENT;
    long outBytes = Gemm.sumsStride(panels);
    long mBytes = Gemm.sumsBytes(blockTiles, weights[0], 0, panels) + 3 * Lanes.ALIGNMENT;
    workers.run(blockTiles == 0 ? 0 : Math.ceilDiv(tiles, blockTiles), (task, worker) -> {
      long v = workers.scratch(worker, PRODUCTS * (vBytes + mBytes) + Math.max((PRODUCTS + 1) * inBytes, (OUT * IN + OUT * OUT) * outBytes));
      long m = v + PRODUCTS * vBytes;
      long buffer = m + PRODUCTS * mBytes;
      int from = task * blockTiles;
      int count = Math.min(blockTiles, tiles - from);
      long zeros = buffer + PRODUCTS * inBytes;
      MEMORY.asSlice(zeros, inBytes).fill((byte) 0);
      for (int t = 0; t < count; t++) {
        int line = (from + t) / across;
        int top = line % down * OUT - x.padding().top();
        int left = (from + t) % across * OUT - x.padding().left();
        transformInputs(x, line / down, top, left, zeros, buffer, v + t * inBytes, vBytes);
      }
      for (int f = 0; f < PRODUCTS; f++) {
        for (int k = 0; k < inputs; k += Gemm.DEPTH) {
          Gemm.multiply(v + f * vBytes + (long) k * Float.BYTES, inBytes, count, false, weights[f], k, 0, panels, m + f * mBytes);
        }
      }
      for (int t = 0; t < count; t++) {
        int line = (from + t) / across;
        transformOutputs(m + t * outBytes, mBytes, buffer, outBytes, weights[0].outputs());
        writeTile(x, line / down, line % down * OUT, (from + t) % across * OUT, buffer + OUT * IN * outBytes, outBytes, weights[0].outputs(), epilogue);
      }
    });
  }

  /** The 36 elements of {@code B^T d B} for the tile whose window starts at (top, left) of an image, all channels, {@code vBytes} apart. */
  private static void transformInputs(Conv2d.Windows x, int image, int top, int left, long zeros, long buffer, long v, long vBytes) {
    long row = (long) x.inputs() * Float.BYTES;
    int vectors = x.inputs() / Lanes.COUNT;
    for (int c = 0; c < IN; c++) {
      forward(x.pixel(image, top, left + c, zeros), x.pixel(image, top + 1, left + c, zeros), x.pixel(image, top + 2, left + c, zeros),
          x.pixel(image, top + 3, left + c, zeros), x.pixel(image, top + 4, left + c, zeros), x.pixel(image, top + 5, left + c, zeros),
          buffer + c * row, IN * row, vectors);
    }
    for (int r = 0; r < IN; r++) {
      long d = buffer + r * IN * row;
      forward(d, d + row, d + 2 * row, d + 3 * row, d + 4 * row, d + 5 * row, v + r * IN * vBytes, vBytes, vectors);
    }
  }

  /** {@code A^T M A} of a tile: its 16 outputs lie behind the 24 intermediate ones in {@code buffer}. */
  private static void transformOutputs(long m, long mBytes, long buffer, long row, int outputs) {
    int vectors = Math.ceilDiv(outputs, Lanes.COUNT);
    for (int c = 0; c < IN; c++) {
      inverse(m + c * mBytes, IN * mBytes, buffer + c * row, IN * row, vectors);
    }
    for (int r = 0; r < OUT; r++) {
      inverse(buffer + r * IN * row, row, buffer + (OUT * IN + r * OUT) * row, row, vectors);
    }
  }

  private static void writeTile(Conv2d.Windows x, int image, int top, int left, long y, long row, int outputs, Gemm.Epilogue epilogue) {
    for (int r = 0; r < OUT; r++) {
      for (int c = 0; c < OUT; c++) {
        int py = (top + r) / x.stride();
        int px = (left + c) / x.stride();
        if ((top + r) % x.stride() == 0 && (left + c) % x.stride() == 0 && py < x.outHeight() && px < x.outWidth()) {
          int pixel = (image * x.outHeight() + py) * x.outWidth() + px;
          epilogue.finish(y + (r * OUT + c) * row, pixel, 0, outputs);
        }
      }
    }
  }

  /** {@code B^T d} for six rows of channels, to six rows {@code stride} bytes apart. */
  private static void forward(long d0, long d1, long d2, long d3, long d4, long d5, long out, long stride, int vectors) {
    FloatVector a = broadcast(F, (float) A);
    FloatVector minusA = broadcast(F, (float) -A);
    FloatVector b = broadcast(F, (float) B);
    FloatVector minusB = broadcast(F, (float) -B);
    FloatVector minusA2 = broadcast(F, (float) -A2);
    FloatVector minusB2 = broadcast(F, (float) -B2);
    FloatVector minusSum = broadcast(F, (float) -(A2 + B2));
    FloatVector product = broadcast(F, (float) (A2 * B2));
    for (long o = 0, end = (long) vectors * BYTES; o != end; o += BYTES) {
      FloatVector x1 = fromMemorySegment(F, MEMORY, d1 + o, ORDER);
      FloatVector x2 = fromMemorySegment(F, MEMORY, d2 + o, ORDER);
      FloatVector x3 = fromMemorySegment(F, MEMORY, d3 + o, ORDER);
      FloatVector x4 = fromMemorySegment(F, MEMORY, d4 + o, ORDER);
      FloatVector evenA = x2.fma(minusB2, x4);
      FloatVector oddA = x1.fma(minusB2, x3);
      FloatVector evenB = x2.fma(minusA2, x4);
      FloatVector oddB = x1.fma(minusA2, x3);
      FloatVector t0 = fromMemorySegment(F, MEMORY, d0 + o, ORDER).fma(product, x2.fma(minusSum, x4));
      FloatVector t5 = x1.fma(product, x3.fma(minusSum, fromMemorySegment(F, MEMORY, d5 + o, ORDER)));
      long to = out + o;
      t0.intoMemorySegment(MEMORY, to, ORDER);
      oddA.fma(a, evenA).intoMemorySegment(MEMORY, to + stride, ORDER);
      oddA.fma(minusA, evenA).intoMemorySegment(MEMORY, to + 2 * stride, ORDER);
      oddB.fma(b, evenB).intoMemorySegment(MEMORY, to + 3 * stride, ORDER);
      oddB.fma(minusB, evenB).intoMemorySegment(MEMORY, to + 4 * stride, ORDER);
      t5.intoMemorySegment(MEMORY, to + 5 * stride, ORDER);
    }
  }

  /** {@code A^T m} for six rows of channels, {@code inStride} bytes apart, to four rows. */
  private static void inverse(long m, long inStride, long out, long outStride, int vectors) {
    FloatVector a = broadcast(F, (float) A);
    FloatVector b = broadcast(F, (float) B);
    FloatVector a2 = broadcast(F, (float) A2);
    FloatVector b2 = broadcast(F, (float) B2);
    FloatVector a3 = broadcast(F, (float) (A2 * A));
    FloatVector b3 = broadcast(F, (float) (B2 * B));
    for (long o = 0, end = (long) vectors * BYTES; o != end; o += BYTES) {
      long from = m + o;
      FloatVector m1 = fromMemorySegment(F, MEMORY, from + inStride, ORDER);
      FloatVector m2 = fromMemorySegment(F, MEMORY, from + 2 * inStride, ORDER);
      FloatVector m3 = fromMemorySegment(F, MEMORY, from + 3 * inStride, ORDER);
      FloatVector m4 = fromMemorySegment(F, MEMORY, from + 4 * inStride, ORDER);
      FloatVector evenA = m1.add(m2);
      FloatVector oddA = m1.sub(m2);
      FloatVector evenB = m3.add(m4);
      FloatVector oddB = m3.sub(m4);
      long to = out + o;
      fromMemorySegment(F, MEMORY, from, ORDER).add(evenA).add(evenB).intoMemorySegment(MEMORY, to, ORDER);
      oddA.fma(a, oddB.mul(b)).intoMemorySegment(MEMORY, to + outStride, ORDER);
      evenA.fma(a2, evenB.mul(b2)).intoMemorySegment(MEMORY, to + 2 * outStride, ORDER);
      oddB.fma(b3, oddA.fma(a3, fromMemorySegment(F, MEMORY, from + 5 * inStride, ORDER))).intoMemorySegment(MEMORY, to + 3 * outStride, ORDER);
    }
  }
}

package azulejo.kernels.vector;

import azulejo.kernels.Filter;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Padding;
import azulejo.kernels.WeightFormat;
import java.lang.foreign.SegmentAllocator;

/**
 * Convolution of channels-last images as a product with packed weights: an output pixel's row of the left matrix is the window of the image
 * under the filter, (tap row, tap column, channel). A task gathers a stretch of {@link Gemm#DEPTH} inputs of its pixels' windows into the worker's
 * scratch memory, which stays in the second-level cache, and multiplies it with all panels of its group; the whole matrix never exists.
 * A 1 x 1 convolution needs no windows and is a plain product.
 *
 * <p>Sums are those of {@link Gemm}, zeros of the padding included, so a pixel does not depend on the task it falls into.
 */
final class Conv2d {
  private Conv2d() {}

  /**
   * A weight [O, I, KH, KW].
   *
   * @param matrices the packed matrix [O, KH * KW * I], or the 36 matrices [O, I] of {@link Winograd}
   */
  record Packed(Panels[] matrices, int inputs, int height, int width) implements Filter {
    @Override
    public int outputs() {
      return matrices[0].outputs();
    }
  }

  static Packed pack(Workers workers, SegmentAllocator allocator, HostTensor weight) {
    if (weight.shape().rank() != 4 || weight.shape().elements() == 0) {
      throw new IllegalArgumentException(weight.name() + " " + weight.shape() + " is not a filter [O, I, KH, KW]");
    }
    int inputs = weight.shape().size(1);
    int height = weight.shape().size(2);
    int width = weight.shape().size(3);
    int outputs = weight.shape().size(0);
    Panels[] matrices = Winograd.suits(outputs, inputs, height, width)
        ? Winograd.pack(workers, allocator, weight)
        : new Panels[] {Panels.pack(workers, allocator, weight, outputs, inputs, Math.multiplyExact(height, width), WeightFormat.F32)};
    return new Packed(matrices, inputs, height, width);
  }

  /**
   * Images [B, H, W, I] and how a filter moves over them.
   *
   * @param address of the first pixel
   * @param pixelStride floats between pixels, rows and images following each other without a gap
   */
  record Windows(long address, long pixelStride, int batch, int height, int width, int inputs, int filterHeight, int filterWidth, int stride,
      Padding padding) {
    int outHeight() {
      return (height + padding.top() + padding.bottom() - filterHeight) / stride + 1;
    }

    int outWidth() {
      return (width + padding.left() + padding.right() - filterWidth) / stride + 1;
    }

    /** Address of a pixel, {@code outside} if the image has none there. */
    long pixel(int image, int row, int column, long outside) {
      return row < 0 || row >= height || column < 0 || column >= width
          ? outside
          : address + (((long) image * height + row) * width + column) * pixelStride * Float.BYTES;
    }

    private boolean isPixelwise() {
      return filterHeight == 1 && filterWidth == 1 && stride == 1 && padding.equals(Padding.NONE);
    }
  }

  /** {@code out = activation(conv(x) + bias) + residual}; the epilogue's rows are the output's pixels. */
  static void conv2d(Workers workers, Windows x, Packed filter, Gemm.Epilogue epilogue) {
    if (filter.matrices.length == Winograd.PRODUCTS) {
      Winograd.conv2d(workers, x, filter.matrices, epilogue);
      return;
    }
    Panels weight = filter.matrices[0];
    int pixels = Math.multiplyExact(Math.multiplyExact(x.batch, x.outHeight()), x.outWidth());
    if (x.isPixelwise()) {
      Gemm.linear(workers, x.address, x.pixelStride, pixels, weight, epilogue);
      return;
    }
    Gemm.Split split = Gemm.Split.of(pixels, weight, workers.threads());
    workers.run(split.tasks(), (task, worker) -> {
      int row = split.row(task);
      int rows = split.rows(task);
      int from = split.panel(task);
      int to = split.panelEnd(task);
      int widest = Math.min(Gemm.DEPTH, weight.inputs());
      long sumsBytes = Gemm.sumsBytes(rows, weight, from, to);
      long sums = workers.scratch(worker, sumsBytes + (long) rows * widest * Float.BYTES);
      long gathered = sums + sumsBytes;
      for (int k = 0; k < weight.inputs(); k += Gemm.DEPTH) {
        int depth = Math.min(Gemm.DEPTH, weight.inputs() - k);
        gather(x, row, rows, k, depth, gathered);
        Gemm.multiply(gathered, (long) depth * Float.BYTES, rows, false, weight, k, from, to, sums);
      }
      Gemm.finish(sums, row, rows, weight, from, to, epilogue);
    });
  }

  /** Writes inputs k to k + depth of the windows of some output pixels to {@code to}, row by row. */
  private static void gather(Windows x, int row, int rows, int k, int depth, long to) {
    int outWidth = x.outWidth();
    int outHeight = x.outHeight();
    for (int r = 0; r < rows; r++) {
      int line = (row + r) / outWidth;
      int top = line % outHeight * x.stride - x.padding.top();
      int left = (row + r) % outWidth * x.stride - x.padding.left();
      long image = (long) (line / outHeight) * x.height * x.width;
      int at = k;
      while (at < k + depth) {
        int end = Math.min(k + depth, at - at % x.inputs + x.inputs);
        int tap = at / x.inputs;
        int py = top + tap / x.filterWidth;
        int px = left + tap % x.filterWidth;
        if (py < 0 || py >= x.height || px < 0 || px >= x.width) {
          clear(to, end - at);
        } else {
          copy(x.address + ((image + (long) py * x.width + px) * x.pixelStride + at % x.inputs) * Float.BYTES, to, end - at);
        }
        to += (long) (end - at) * Float.BYTES;
        at = end;
      }
    }
  }

  private static void copy(long from, long to, int count) {
    int i = 0;
    for (; i <= count - Lanes.COUNT; i += Lanes.COUNT) {
      Lanes.store(Lanes.load(from + 4L * i), to + 4L * i);
    }
    for (; i < count; i++) {
      Lanes.set(to + 4L * i, Lanes.get(from + 4L * i));
    }
  }

  private static void clear(long to, int count) {
    for (int i = 0; i < count; i++) {
      Lanes.set(to + 4L * i, 0);
    }
  }
}

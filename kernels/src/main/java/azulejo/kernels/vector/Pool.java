package azulejo.kernels.vector;

import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import azulejo.kernels.Padding;
import azulejo.kernels.Pooling;
import azulejo.kernels.Tensor;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/** Pooling: lanes are channels, an output vector passes over its window's pixels, rows first. */
final class Pool {
  private Pool() {}

  static void pool2d(Workers workers, Pooling pooling, Tensor x, int height, int width, int stride, Padding padding, Tensor out) {
    Rows from = Rows.of(x);
    Rows to = Rows.of(out);
    int inHeight = x.size(1);
    int inWidth = x.size(2);
    int outHeight = out.size(1);
    int outWidth = out.size(2);
    int each = Rows.perTask(Math.multiplyExact(Math.multiplyExact(height, width), to.columns()));
    workers.run(Math.ceilDiv(to.count(), each), (task, _) -> {
      for (int i = task * each; i < Math.min(to.count(), (task + 1) * each); i++) {
        int top = i / outWidth % outHeight * stride - padding.top();
        int left = i % outWidth * stride - padding.left();
        int firstRow = Math.max(0, top);
        int firstColumn = Math.max(0, left);
        int rows = Math.min(inHeight, top + height) - firstRow;
        int columns = Math.min(inWidth, left + width) - firstColumn;
        long corner = from.at((i / outWidth / outHeight * inHeight + firstRow) * inWidth + firstColumn);
        if (pooling == Pooling.MAX) {
          max(corner, from.stride(), inWidth * from.stride(), rows, columns, to.at(i), to.columns());
        } else {
          mean(corner, from.stride(), inWidth * from.stride(), rows, columns, to.at(i), to.columns());
        }
      }
    });
  }

  private static void max(long x, long xColumn, long xRow, int rows, int columns, long out, int channels) {
    for (int c = 0; c < channels; c += COUNT) {
      VectorMask<Float> mask = F.indexInRange(c, channels);
      FloatVector largest = broadcast(F, Float.NEGATIVE_INFINITY);
      for (int row = 0; row < rows; row++) {
        for (int column = 0; column < columns; column++) {
          largest = largest.max(fromMemorySegment(F, MEMORY, x + 4L * c + row * xRow + column * xColumn, ORDER, mask));
        }
      }
      largest.intoMemorySegment(MEMORY, out + 4L * c, ORDER, mask);
    }
  }

  private static void mean(long x, long xColumn, long xRow, int rows, int columns, long out, int channels) {
    for (int c = 0; c < channels; c += COUNT) {
      VectorMask<Float> mask = F.indexInRange(c, channels);
      FloatVector sum = broadcast(F, 0);
      for (int row = 0; row < rows; row++) {
        for (int column = 0; column < columns; column++) {
          sum = sum.add(fromMemorySegment(F, MEMORY, x + 4L * c + row * xRow + column * xColumn, ORDER, mask));
        }
      }
      sum.div(rows * columns).intoMemorySegment(MEMORY, out + 4L * c, ORDER, mask);
    }
  }
}

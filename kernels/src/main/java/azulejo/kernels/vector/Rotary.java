package azulejo.kernels.vector;

import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;

import azulejo.kernels.Tensor;
import azulejo.kernels.cpu.CpuBuffer;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;

/** Rotary position embedding of interleaved pairs: a vector holds whole pairs, of which shuffles take the parts. */
final class Rotary {
  private static final VectorShuffle<Float> EVEN = VectorShuffle.fromOp(F, i -> i & ~1);
  private static final VectorShuffle<Float> ODD = VectorShuffle.fromOp(F, i -> i | 1);
  private static final VectorShuffle<Float> SWAP = VectorShuffle.fromOp(F, i -> i ^ 1);
  private static final VectorMask<Float> EVEN_LANES = VectorMask.fromLong(F, 0x5555);

  private Rotary() {}

  static void rotary(Workers workers, Tensor x, Tensor table, int heads, Tensor out) {
    int tokens = x.size(1);
    int rows = x.size(0) * tokens;
    int size = x.size(2) / heads;
    long from = CpuBuffer.data(x).address();
    long angles = CpuBuffer.data(table).address();
    long to = CpuBuffer.data(out).address();
    int each = Rows.perTask(x.size(2));
    workers.run((rows + each - 1) / each, (task, _) -> {
      for (int r = task * each; r < Math.min(rows, (task + 1) * each); r++) {
        int b = r / tokens;
        int t = r % tokens;
        long fromRow = from + 4 * (b * x.stride(0) + t * x.stride(1));
        long toRow = to + 4 * (b * out.stride(0) + t * out.stride(1));
        for (int h = 0; h < heads; h++) {
          rotate(fromRow + 4L * h * size, angles + 4L * t * size, toRow + 4L * h * size, size);
        }
      }
    });
  }

  private static void rotate(long x, long angles, long out, int n) {
    int i = 0;
    for (; i <= n - COUNT; i += COUNT) {
      FloatVector v = Lanes.load(x + 4L * i);
      FloatVector a = Lanes.load(angles + 4L * i);
      FloatVector sin = a.rearrange(ODD);
      FloatVector turned = v.rearrange(SWAP).mul(sin.blend(sin.neg(), EVEN_LANES));
      v.fma(a.rearrange(EVEN), turned).intoMemorySegment(MEMORY, out + 4L * i, ORDER);
    }
    if (i < n) {
      FloatVector v = Lanes.load(x + 4L * i, n - i);
      FloatVector a = Lanes.load(angles + 4L * i, n - i);
      FloatVector sin = a.rearrange(ODD);
      FloatVector turned = v.rearrange(SWAP).mul(sin.blend(sin.neg(), EVEN_LANES));
      v.fma(a.rearrange(EVEN), turned).intoMemorySegment(MEMORY, out + 4L * i, ORDER, F.indexInRange(0, n - i));
    }
  }
}

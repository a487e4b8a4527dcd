package azulejo.cli.bench;

import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;

/** What the ops work on: numbers that no kernel can save work on. */
final class Operands {
  private Operands() {}

  /** Uniform in [-1, 1), by Marsaglia's xorshift. */
  static HostTensor uniform(long... dims) {
    float[] values = new float[Math.toIntExact(Shape.of(dims).elements())];
    int state = 1;
    for (int i = 0; i < values.length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      values[i] = state * 0x1p-31f;
    }
    return HostTensor.of("operand", values, dims);
  }

  /** 0, 1, 2, ... in each of {@code rows}. */
  static HostTensor counting(int rows, int columns) {
    int[] values = new int[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = i % columns;
    }
    return HostTensor.of("counting", values, rows, columns);
  }
}

package azulejo.kernels.reference;

import azulejo.kernels.Tensor;
import azulejo.kernels.cpu.CpuBuffer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A tensor as a table: all dimensions but the last flattened into rows. A vector is one row. */
record Rows(MemorySegment data, int rows, int columns, long stride) {
  /** The rows of {@code t}, or null for a parameter left out. */
  static Rows of(Tensor t) {
    return t == null ? null : new Rows(CpuBuffer.data(t), t.rows(), t.columns(), t.rowStride());
  }

  float get(int row, int column) {
    return data.getAtIndex(ValueLayout.JAVA_FLOAT, row * stride + column);
  }

  /** Rounds to f32. */
  void set(int row, int column, double value) {
    data.setAtIndex(ValueLayout.JAVA_FLOAT, row * stride + column, (float) value);
  }

  int getInt(int row, int column) {
    return data.getAtIndex(ValueLayout.JAVA_INT, row * stride + column);
  }

  void setInt(int row, int column, int value) {
    data.setAtIndex(ValueLayout.JAVA_INT, row * stride + column, value);
  }

  long getLong(int row, int column) {
    return data.getAtIndex(ValueLayout.JAVA_LONG, row * stride + column);
  }

  /** Row {@code row} widened to double. */
  double[] row(int row) {
    double[] values = new double[columns];
    for (int c = 0; c < columns; c++) {
      values[c] = get(row, c);
    }
    return values;
  }
}

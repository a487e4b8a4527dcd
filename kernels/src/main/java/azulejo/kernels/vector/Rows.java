package azulejo.kernels.vector;

import azulejo.kernels.Tensor;
import azulejo.kernels.cpu.CpuBuffer;

/**
 * A tensor as evenly spaced rows in memory: what the row-wise kernels walk over.
 *
 * @param address of the first row, in bytes
 * @param count rows
 * @param columns elements of a row
 * @param stride from a row to the next, in bytes
 */
record Rows(long address, int count, int columns, long stride) {
  /** Elements that a task should have so that handing it to another thread costs little beside its work. */
  private static final int GRAIN = 16 << 10;

  static Rows of(Tensor x) {
    int bytes = x.dtype().bytes();
    return new Rows(CpuBuffer.data(x).address(), x.rows(), x.columns(), x.rowStride() * bytes);
  }

  /** The address of a row. */
  long at(int row) {
    return address + row * stride;
  }

  /** A part of the work: rows {@code from} to {@code to - 1}. */
  @FunctionalInterface
  interface Body {
    void run(int from, int to, int worker);
  }

  /** Cuts the rows into tasks of about equal size, the same ones for any number of threads. */
  void forEach(Workers workers, Body body) {
    int each = perTask(columns);
    int rows = count;
    workers.run((rows + each - 1) / each, (task, worker) -> body.run(task * each, Math.min(rows, (task + 1) * each), worker));
  }

  /** How many rows of so many elements make a task. */
  static int perTask(int columns) {
    return Math.max(1, GRAIN / Math.max(1, columns));
  }
}

package azulejo.kernels.vector;


import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import azulejo.kernels.Activation;
import azulejo.kernels.Checks;
import azulejo.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/** Element-wise ops, and those that only move rows. */
final class Pointwise {
  private Pointwise() {}

  // ---- ops ----------------------------------------------------------------------------------------------------------------

  static void gather(Workers workers, Tensor table, Tensor index, Tensor out) {
    Rows from = Rows.of(table);
    Rows indices = Rows.of(index);
    Rows to = Rows.of(out);
    to.forEach(workers, (first, end, _) -> {
      for (int i = first; i < end; i++) {
        int row = Lanes.getInt(indices.at(i / indices.columns()) + 4L * (i % indices.columns()));
        if (row == -1) {
          MEMORY.asSlice(to.at(i), 4L * to.columns()).fill((byte) 0);
        } else {
          copy(from.at(Checks.index("gather", row, from.count())), to.at(i), from.columns());
        }
      }
    });
  }

  static void add(Workers workers, Tensor a, Tensor b, Tensor out) {
    Rows x = Rows.of(a);
    Rows y = Rows.of(b);
    Rows to = Rows.of(out);
    to.forEach(workers, (first, end, _) -> {
      for (int i = first; i < end; i++) {
        addRow(x.at(i), y.at(i % y.count()), to.at(i), to.columns());
      }
    });
  }

  static void activate(Workers workers, Tensor x, Activation activation, Tensor out) {
    Rows from = Rows.of(x);
    Rows to = Rows.of(out);
    to.forEach(workers, (first, end, worker) -> {
      long spare = workers.scratch(worker, Lanes.BYTES);
      for (int i = first; i < end; i++) {
        Elementary.activate(activation, from.at(i), to.at(i), to.columns(), spare);
      }
    });
  }

  static void gate(Workers workers, Tensor x, Activation activation, Tensor out) {
    Rows from = Rows.of(x);
    Rows to = Rows.of(out);
    to.forEach(workers, (first, end, worker) -> {
      long spare = workers.scratch(worker, Lanes.BYTES);
      for (int i = first; i < end; i++) {
        Elementary.activate(activation, from.at(i) + 4L * to.columns(), to.at(i), to.columns(), spare);
        multiplyRow(from.at(i), to.at(i), to.columns());
      }
    });
  }

  static void modulate(Workers workers, Tensor x, Tensor scaleShift, Tensor out) {
    Rows from = Rows.of(x);
    Rows modulation = Rows.of(scaleShift);
    Rows to = Rows.of(out);
    int tokens = x.size(1);
    to.forEach(workers, (first, end, _) -> {
      for (int i = first; i < end; i++) {
        modulateRow(from.at(i), modulation.at(i / tokens), to.at(i), to.columns());
      }
    });
  }

  static void upsample(Workers workers, Tensor x, Tensor out) {
    Rows from = Rows.of(x);
    Rows to = Rows.of(out);
    int width = x.size(2);
    int height = x.size(1);
    to.forEach(workers, (first, end, _) -> {
      for (int i = first; i < end; i++) {
        int column = i % (2 * width) / 2;
        int row = i / (2 * width) % (2 * height) / 2;
        int image = i / (2 * width) / (2 * height);
        copy(from.at((image * height + row) * width + column), to.at(i), to.columns());
      }
    });
  }

  static void depthToSpace(Workers workers, Tensor x, Tensor out) {
    Rows from = Rows.of(x);
    Rows to = Rows.of(out);
    int width = x.size(2);
    int height = x.size(1);
    to.forEach(workers, (first, end, _) -> {
      for (int i = first; i < end; i++) {
        int column = i % (2 * width);
        int row = i / (2 * width) % (2 * height);
        int image = i / (2 * width) / (2 * height);
        int part = row % 2 * 2 + column % 2;
        long cell = from.at((image * height + row / 2) * width + column / 2);
        copy(cell + 4L * part * to.columns(), to.at(i), to.columns());
      }
    });
  }

  // ---- rows: n floats at x (and y) to n floats at out ---------------------------------------------------------------------

  static void copy(long x, long out, int n) {
    if (x != out) {
      MemorySegment.copy(MEMORY, x, MEMORY, out, 4L * n);
    }
  }

  /** Copies n floats, for rows too short for {@link #copy}. */
  static void copyRow(long x, long out, int n) {
    int i = 0;
    for (; i <= n - COUNT; i += COUNT) {
      fromMemorySegment(F, MEMORY, x + 4L * i, ORDER).intoMemorySegment(MEMORY, out + 4L * i, ORDER);
    }
    if (i < n) {
      Lanes.store(Lanes.load(x + 4L * i, n - i), out + 4L * i, n - i);
    }
  }

  private static void addRow(long x, long y, long out, int n) {
    int i = 0;
    for (; i <= n - COUNT; i += COUNT) {
      FloatVector a = fromMemorySegment(F, MEMORY, x + 4L * i, ORDER);
      a.add(fromMemorySegment(F, MEMORY, y + 4L * i, ORDER)).intoMemorySegment(MEMORY, out + 4L * i, ORDER);
    }
    if (i < n) {
      Lanes.store(Lanes.load(x + 4L * i, n - i).add(Lanes.load(y + 4L * i, n - i)), out + 4L * i, n - i);
    }
  }

  private static void multiplyRow(long x, long out, int n) {
    int i = 0;
    for (; i <= n - COUNT; i += COUNT) {
      FloatVector a = fromMemorySegment(F, MEMORY, x + 4L * i, ORDER);
      a.mul(fromMemorySegment(F, MEMORY, out + 4L * i, ORDER)).intoMemorySegment(MEMORY, out + 4L * i, ORDER);
    }
    if (i < n) {
      Lanes.store(Lanes.load(x + 4L * i, n - i).mul(Lanes.load(out + 4L * i, n - i)), out + 4L * i, n - i);
    }
  }

  private static void modulateRow(long x, long scaleShift, long out, int n) {
    long shift = scaleShift + 4L * n;
    int i = 0;
    for (; i <= n - COUNT; i += COUNT) {
      FloatVector scale = fromMemorySegment(F, MEMORY, scaleShift + 4L * i, ORDER).add(1f);
      FloatVector a = fromMemorySegment(F, MEMORY, x + 4L * i, ORDER);
      a.fma(scale, fromMemorySegment(F, MEMORY, shift + 4L * i, ORDER)).intoMemorySegment(MEMORY, out + 4L * i, ORDER);
    }
    if (i < n) {
      FloatVector scale = Lanes.load(scaleShift + 4L * i, n - i).add(1f);
      Lanes.store(Lanes.load(x + 4L * i, n - i).fma(scale, Lanes.load(shift + 4L * i, n - i)), out + 4L * i, n - i);
    }
  }

  /** {@code out = x * factor + offset}, factor and offset n floats; {@code out} may be x. */
  static void affineRow(long x, long factor, long offset, long out, int n) {
    int i = 0;
    for (; i <= n - COUNT; i += COUNT) {
      FloatVector a = fromMemorySegment(F, MEMORY, x + 4L * i, ORDER);
      FloatVector b = fromMemorySegment(F, MEMORY, factor + 4L * i, ORDER);
      a.fma(b, fromMemorySegment(F, MEMORY, offset + 4L * i, ORDER)).intoMemorySegment(MEMORY, out + 4L * i, ORDER);
    }
    if (i < n) {
      FloatVector y = Lanes.load(x + 4L * i, n - i).fma(Lanes.load(factor + 4L * i, n - i), Lanes.load(offset + 4L * i, n - i));
      Lanes.store(y, out + 4L * i, n - i);
    }
  }
}

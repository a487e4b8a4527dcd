package azulejo.kernels.vector;

import static azulejo.kernels.vector.Lanes.BYTES;
import static azulejo.kernels.vector.Lanes.COUNT;

import azulejo.kernels.Activation;
import azulejo.kernels.WeightFormat;
import jdk.incubator.vector.FloatVector;

/**
 * The product of a row-major matrix with a packed weight, {@code out = activation(x * weight^T + bias) + residual}.
 *
 * <p>A tile of 6 rows by one panel of the weight keeps its sums in registers. A task is a block of rows by a group of panels, cut along K so that a
 * stretch of the panel and of the rows stays in the second-level cache; the sums of the stretches add up in the worker's scratch memory, from
 * which the epilogue makes the output.
 *
 * <p>Every output is the same sequence of operations, whatever the tile, the task or the lane width: fused multiply-adds over a stretch of
 * {@link #DEPTH} inputs, starting from zero, and the sum of these stretches in order.
 */
final class Gemm {
  /** Inputs summed in registers before the sum goes to memory. It is part of the result's definition. */
  static final int DEPTH = 512;

  /** Rows in a tile. */
  static final int TILE = 6;

  /** Most rows and panels in a task: 96 x 512 floats of x, 512 x 64 of the weight and 96 x 128 sums are 368 KiB. */
  private static final int MAX_ROWS = 96;

  private static final int MAX_PANELS = 2;

  /** Tasks for each worker, so that the last one to finish does not keep the others waiting long. */
  private static final int TASKS_PER_WORKER = 4;

  /** Multiplications below which a task is not worth its hand-over: some microseconds. */
  private static final double LEAST_WORK = 1 << 17;

  private Gemm() {}

  /**
   * What happens to the sums of a row. Addresses are absolute, 0 for none; strides count floats.
   *
   * @param bias [N]
   * @param residual rows of N, which {@code out} may be
   */
  record Epilogue(long bias, Activation activation, long residual, long residualStride, long out, long outStride) {
    /** Makes outputs n to n + count of a row from their sums, which it may overwrite. */
    void finish(long sums, int row, int n, int count) {
      long b = bias == 0 ? 0 : bias + 4L * n;
      long r = residual == 0 ? 0 : residual + (row * residualStride + n) * 4;
      long to = out + (row * outStride + n) * 4;
      if (activation == Activation.NONE) {
        write(sums, b, r, to, count);
      } else {
        write(sums, b, 0, sums, count);
        Elementary.activate(activation, sums, sums, Math.ceilDiv(count, COUNT) * COUNT, 0);
        write(sums, 0, r, to, count);
      }
    }
  }

  /**
   * {@code out = activation(x * weight^T + bias) + residual} for {@code m} rows of x.
   *
   * @param x address of the first row
   * @param xStride floats between rows
   */
  static void linear(Workers workers, long x, long xStride, int m, Panels weight, Epilogue epilogue) {
    Split split = Split.of(m, weight, workers.threads());
    workers.run(split.tasks(), (task, worker) -> {
      int row = split.row(task);
      int rows = split.rows(task);
      int from = split.panel(task);
      int to = split.panelEnd(task);
      long sums = workers.scratch(worker, sumsBytes(rows, weight, from, to));
      for (int k = 0; k < weight.inputs(); k += DEPTH) {
        multiply(x + (row * xStride + k) * Float.BYTES, xStride * Float.BYTES, rows, m <= 2 * TILE, weight, k, from, to, sums);
      }
      finish(sums, row, rows, weight, from, to, epilogue);
    });
  }

  /** How a product of m rows and some panels is cut into tasks. */
  record Split(int m, int panels, int blockRows, int blockPanels) {
    static Split of(int m, Panels weight, int threads) {
      int panels = weight.count();
      if (m == 0) {
        return new Split(0, panels, TILE, panels);
      }
      int rows = blockRows(m, MAX_ROWS);
      int group = Math.min(panels, MAX_PANELS);
      double worthwhile = (double) m * weight.outputs() * weight.inputs() / LEAST_WORK;
      double wanted = threads == 1 ? 1 : Math.min(threads * TASKS_PER_WORKER, worthwhile);
      while (group > 1 && Math.ceilDiv(m, rows) * Math.ceilDiv(panels, group) < wanted) {
        group = Math.ceilDiv(group, 2);
      }
      while (rows > TILE && Math.ceilDiv(m, rows) * Math.ceilDiv(panels, group) < wanted) {
        rows = blockRows(m, rows - TILE);
      }
      return new Split(m, panels, rows, group);
    }

    /** Equal blocks of whole tiles, none of more than {@code most} rows. */
    private static int blockRows(int m, int most) {
      return Math.ceilDiv(Math.ceilDiv(m, Math.ceilDiv(m, most)), TILE) * TILE;
    }

    private int rowBlocks() {
      return Math.ceilDiv(m, blockRows);
    }

    private int groups() {
      return Math.ceilDiv(panels, blockPanels);
    }

    int tasks() {
      return rowBlocks() * groups();
    }

    /** Neighbouring tasks share the larger operand, which so comes from memory once. */
    private boolean rowsFirst() {
      return panels * Panels.WIDTH > m;
    }

    int row(int task) {
      return (rowsFirst() ? task % rowBlocks() : task / groups()) * blockRows;
    }

    int rows(int task) {
      return Math.min(blockRows, m - row(task));
    }

    int panel(int task) {
      return (rowsFirst() ? task / rowBlocks() : task % groups()) * blockPanels;
    }

    int panelEnd(int task) {
      return Math.min(panel(task) + blockPanels, panels);
    }
  }

  /** Bytes between the sums of two rows. */
  static long sumsStride(int panels) {
    return (long) panels * Panels.WIDTH * Float.BYTES;
  }

  /**
   * Bytes of scratch memory for a block: the sums of its rows, up to a whole number of tiles, {@link #sumsStride} apart; a tile for a stretch's own
   * sums; for a narrow weight a part of a panel widened to f32.
   */
  static long sumsBytes(int rows, Panels weight, int from, int to) {
    return partSums(0, rows, to - from) + TILE * sumsStride(1) + (weight.format() == WeightFormat.F32 ? 0 : DEPTH * sumsStride(1) + 4 * BYTES);
  }

  private static long partSums(long sums, int rows, int panels) {
    return sums + Math.ceilDiv(rows, TILE) * TILE * sumsStride(panels);
  }

  /**
   * Adds the stretch of inputs from k on of a block to its sums (with k = 0 it sets them).
   *
   * @param a address of the first row's input k
   * @param stride bytes between rows
   * @param few whether one or two rows too few for a tile have one of their own, which is worth the JIT's time only in a product of few rows
   */
  static void multiply(long a, long stride, int rows, boolean few, Panels weight, int k, int from, int to, long sums) {
    int depth = Math.min(DEPTH, weight.inputs() - k);
    long sumsStride = sumsStride(to - from);
    long part = partSums(sums, rows, to - from);
    long widened = part + TILE * sumsStride(1);
    // The tiles of narrow weights are four vectors wide.
    boolean widen = weight.format() != WeightFormat.F32 && Panels.VECTORS != 4;
    WeightFormat format = widen ? WeightFormat.F32 : weight.format();
    for (int p = from; p < to; p++) {
      int vectors = weight.vectors(p);
      long b = weight.part(p, k);
      if (widen) {
        weight.widen(p, k, depth, widened);
        b = widened;
      }
      for (int r = 0; r < rows; r += TILE) {
        int tileRows = Math.min(TILE, rows - r);
        long sum = sums + r * sumsStride + (p - from) * sumsStride(1);
        long c = k == 0 ? sum : part;
        long row = k == 0 ? sumsStride : (long) vectors * BYTES;
        tile(format, vectors, tileRows, few, depth, a + r * stride, stride, b, c, row);
        if (k != 0) {
          add(part, tileRows, vectors, sum, sumsStride);
        }
      }
    }
  }

  private static void add(long part, int rows, int vectors, long sums, long sumsStride) {
    for (int i = 0; i < rows * vectors; i++) {
      long c = sums + i / vectors * sumsStride + (long) (i % vectors) * BYTES;
      Lanes.store(Lanes.load(c).add(Lanes.load(part + (long) i * BYTES)), c);
    }
  }

  /** Rows that a tile lacks repeat its last one: their sums are not read. */
  private static void tile(WeightFormat format, int vectors, int rows, boolean few, int depth, long a, long stride, long b, long c, long row) {
    int last = rows - 1;
    long a1 = a + Math.min(1, last) * stride;
    long a2 = a + Math.min(2, last) * stride;
    long a3 = a + Math.min(3, last) * stride;
    long a4 = a + Math.min(4, last) * stride;
    long a5 = a + Math.min(5, last) * stride;
    if (vectors == 1) {
      Tiles.tile6x1(depth, a, a1, a2, a3, a4, a5, b, c, row);
    } else if (vectors == 2) {
      Tiles.tile6x2(depth, a, a1, a2, a3, a4, a5, b, c, row);
    } else if (few && rows == 1) {
      switch (format) {
        case F32 -> Tiles.tile1x4(depth, a, b, c);
        case BF16 -> Tiles.bf16Tile1x4(depth, a, b, c);
        case INT8 -> Tiles.int8Tile1x4(depth, a, b, c);
      }
    } else if (few && rows == 2) {
      switch (format) {
        case F32 -> Tiles.tile2x4(depth, a, a1, b, c, row);
        case BF16 -> Tiles.bf16Tile2x4(depth, a, a1, b, c, row);
        case INT8 -> Tiles.int8Tile2x4(depth, a, a1, b, c, row);
      }
    } else {
      switch (format) {
        case F32 -> Tiles.tile6x4(depth, a, a1, a2, a3, a4, a5, b, c, row);
        case BF16 -> Tiles.bf16Tile6x4(depth, a, a1, a2, a3, a4, a5, b, c, row);
        case INT8 -> Tiles.int8Tile6x4(depth, a, a1, a2, a3, a4, a5, b, c, row);
      }
    }
  }

  /** Turns the sums of a block into its part of the output. */
  static void finish(long sums, int row, int rows, Panels weight, int from, int to, Epilogue epilogue) {
    int n = from * Panels.WIDTH;
    int count = Math.min(to * Panels.WIDTH, weight.outputs()) - n;
    for (int r = 0; r < rows; r++) {
      long of = sums + r * sumsStride(to - from);
      if (weight.format() == WeightFormat.INT8) {
        scale(of, weight.scales(from), count);
      }
      epilogue.finish(of, row + r, n, count);
    }
  }

  /** Multiplies sums of bytes by the scales of their outputs, up to a whole vector. */
  private static void scale(long sums, long scales, int n) {
    for (int i = 0; i < n; i += COUNT) {
      Lanes.store(Lanes.load(sums + 4L * i).mul(Lanes.load(scales + 4L * i)), sums + 4L * i);
    }
  }

  /** {@code out = sums + bias + residual}, {@code n} floats. */
  static void write(long sums, long bias, long residual, long out, int n) {
    int i = 0;
    for (; i <= n - COUNT; i += COUNT) {
      FloatVector v = Lanes.load(sums + 4L * i);
      if (bias != 0) {
        v = v.add(Lanes.load(bias + 4L * i));
      }
      if (residual != 0) {
        v = v.add(Lanes.load(residual + 4L * i));
      }
      Lanes.store(v, out + 4L * i);
    }
    for (; i < n; i++) {
      float v = Lanes.get(sums + 4L * i);
      if (bias != 0) {
        v += Lanes.get(bias + 4L * i);
      }
      if (residual != 0) {
        v += Lanes.get(residual + 4L * i);
      }
      Lanes.set(out + 4L * i, v);
    }
  }
}

package azulejo.kernels.vector;

import static azulejo.kernels.vector.Lanes.BYTES;
import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.FLOAT;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static jdk.incubator.vector.FloatVector.zero;

import azulejo.kernels.Activation;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Matrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import jdk.incubator.vector.FloatVector;

/**
 * The product of a row-major matrix with a packed weight, {@code out = activation(x * weight^T + bias) + residual}.
 *
 * <p>A weight [N, K] is packed into panels of {@link #PANEL} outputs, within a panel k by k, so that the inner loop reads it as one stream. A tile
 * of 6 rows by one panel keeps its sums in registers; a task is a block of rows by a group of panels, cut along K so that a stretch of the
 * panel and of the rows stays in the second-level cache. Sums of a stretch gather in the worker's scratch memory, from which the epilogue
 * makes the output.
 *
 * <p>Every output is the same sequence of operations, whatever the tile, the task or the lane width: fused multiply-adds over a stretch of
 * {@link #DEPTH} inputs, starting from zero, and the sum of these stretches in order.
 */
final class Gemm {
  /** Inputs summed in registers before the sum goes to memory. It is part of the result's definition. */
  static final int DEPTH = 512;

  /** Vectors in a panel: with 32 registers 6 x 4 sums fit, with 16 registers 6 x 2. */
  private static final int WIDE = Lanes.REGISTERS >= 32 ? 4 : 2;

  /** Outputs in a panel. */
  static final int PANEL = WIDE * COUNT;

  /** Rows in a tile. */
  static final int TILE = 6;

  private static final long TILE_BYTES = (long) TILE * WIDE * BYTES;

  /** Most rows and panels in a task: 96 x 512 floats of x and 512 x 64 of the weight are 320 KiB. */
  private static final int MAX_ROWS = 96;

  private static final int MAX_PANELS = 4;

  /** Tasks for each worker, so that the last one to finish does not keep the others waiting long. */
  private static final int TASKS_PER_WORKER = 4;

  private Gemm() {}

  /**
   * A weight [N, K] in panels. The last panel may be narrower; its missing outputs are zeros.
   *
   * @param data F32 [panels, K, panel width]
   */
  record Packed(int outputs, int inputs, MemorySegment data) implements Matrix {
    int panels() {
      return Math.ceilDiv(outputs, PANEL);
    }

    /** Vectors across panel {@code p}: 4, 2 or 1. */
    int vectors(int p) {
      return Gemm.vectors(outputs, p);
    }

    /** Address of panel {@code p}. */
    long panel(int p) {
      return data.address() + (long) p * PANEL * inputs * Float.BYTES;
    }
  }

  private static int vectors(int outputs, int p) {
    int v = Math.min(WIDE, Math.ceilDiv(outputs - p * PANEL, COUNT));
    return v == 3 ? 4 : v;
  }

  /** Packs a weight [N, K] of any float type into memory taken from {@code allocator}, panels in parallel. */
  static Packed pack(Workers workers, SegmentAllocator allocator, HostTensor weight) {
    if (weight.shape().rank() != 2 || weight.shape().elements() == 0) {
      throw new IllegalArgumentException(weight.name() + " " + weight.shape() + " is not a weight [N, K]");
    }
    return pack(workers, allocator, weight, weight.shape().size(0), weight.shape().size(1), 1);
  }

  /**
   * Packs a weight [N, C, S] as the matrix [N, S * C]: a convolution's filter [O, I, KH * KW], whose inputs a channels-last image brings in the
   * order (tap, channel).
   */
  static Packed pack(Workers workers, SegmentAllocator allocator, HostTensor weight, int outputs, int channels, int taps) {
    if (!weight.dtype().isFloat()) {
      throw new IllegalArgumentException(weight.name() + " is " + weight.dtype() + ", not a float type");
    }
    int inputs = Math.multiplyExact(channels, taps);
    int panels = Math.ceilDiv(outputs, PANEL);
    int last = panels - 1;
    long floats = ((long) last * PANEL + (long) vectors(outputs, last) * COUNT) * inputs;
    Packed packed = new Packed(outputs, inputs, allocator.allocate(floats * Float.BYTES, Lanes.ALIGNMENT));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = weight.data();
      long from = data.isNative() ? data.address() : arena.allocate(data.byteSize(), 8).copyFrom(data).address();
      workers.run(panels, (p, worker) -> {
        int width = packed.vectors(p) * COUNT;
        for (int j = 0; j < width; j++) {
          int n = p * PANEL + j;
          long to = packed.panel(p) + (long) j * Float.BYTES;
          if (n >= outputs) {
            clear(inputs, to, width);
            continue;
          }
          for (int tap = 0; tap < taps; tap++) {
            long first = ((long) n * channels) * taps + tap;
            long at = to + (long) tap * channels * width * Float.BYTES;
            switch (weight.dtype()) {
              case F32 -> copyF32(from + first * 4, taps, channels, at, width);
              case F64 -> copyF64(from + first * 8, taps, channels, at, width);
              case F16 -> copyF16(from + first * 2, taps, channels, at, width);
              default -> copyBF16(from + first * 2, taps, channels, at, width);
            }
          }
        }
      });
    }
    return packed;
  }

  private static void clear(int count, long to, int width) {
    for (int i = 0; i < count; i++) {
      Lanes.set(to + (long) i * width * 4, 0);
    }
  }

  private static void copyF32(long from, int stride, int count, long to, int width) {
    for (int i = 0; i < count; i++) {
      Lanes.set(to + (long) i * width * 4, Lanes.get(from + (long) i * stride * 4));
    }
  }

  private static void copyF64(long from, int stride, int count, long to, int width) {
    for (int i = 0; i < count; i++) {
      Lanes.set(to + (long) i * width * 4, (float) Lanes.getDouble(from + (long) i * stride * 8));
    }
  }

  private static void copyF16(long from, int stride, int count, long to, int width) {
    for (int i = 0; i < count; i++) {
      Lanes.set(to + (long) i * width * 4, Float.float16ToFloat(Lanes.getShort(from + (long) i * stride * 2)));
    }
  }

  private static void copyBF16(long from, int stride, int count, long to, int width) {
    for (int i = 0; i < count; i++) {
      Lanes.set(to + (long) i * width * 4, Float.intBitsToFloat(Lanes.getShort(from + (long) i * stride * 2) << 16));
    }
  }

  /**
   * What happens to the sums of a row. Addresses are absolute, 0 for none; strides count floats.
   *
   * @param bias [N]
   * @param residual rows of N, which {@code out} may be
   */
  record Epilogue(long bias, Activation activation, long residual, long residualStride, long out, long outStride) {}

  /**
   * {@code out = activation(x * weight^T + bias) + residual} for {@code m} rows of x.
   *
   * @param x address of the first row
   * @param xStride floats between rows
   */
  static void linear(Workers workers, long x, long xStride, int m, Packed weight, Epilogue epilogue) {
    Split split = Split.of(m, weight.panels(), workers.threads());
    workers.run(split.tasks(), (task, worker) -> {
      int row = split.row(task);
      int rows = split.rows(task);
      int from = split.panel(task);
      int to = split.panelEnd(task);
      long sums = workers.scratch(worker, sumsBytes(rows, to - from));
      for (int k = 0; k < weight.inputs; k += DEPTH) {
        int depth = Math.min(DEPTH, weight.inputs - k);
        multiply(x + (row * xStride + k) * Float.BYTES, xStride * Float.BYTES, rows, depth, weight, k, from, to, sums);
      }
      finish(sums, row, rows, weight.outputs, from, to, epilogue);
    });
  }

  /** How a product of m rows and some panels is cut into tasks. */
  record Split(int m, int panels, int blockRows, int blockPanels) {
    static Split of(int m, int panels, int threads) {
      if (m == 0) {
        return new Split(0, panels, TILE, panels);
      }
      int rows = blockRows(m, MAX_ROWS);
      int group = Math.min(panels, MAX_PANELS);
      int wanted = threads == 1 ? 1 : threads * TASKS_PER_WORKER;
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
      return panels * PANEL > m;
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

  /** Bytes of the sums of a block: panel by panel, tile by tile, 6 rows of the panel's width. */
  static long sumsBytes(int rows, int panels) {
    return panels * Math.ceilDiv(rows, TILE) * TILE_BYTES;
  }

  /**
   * Adds inputs k to k + depth of a block to its sums (with k = 0 it sets them).
   *
   * @param a address of the first row's input k
   * @param stride bytes between rows
   */
  static void multiply(long a, long stride, int rows, int depth, Packed weight, int k, int from, int to, long sums) {
    long c = sums;
    for (int p = from; p < to; p++) {
      int vectors = weight.vectors(p);
      long b = weight.panel(p) + (long) k * vectors * BYTES;
      for (int r = 0; r < rows; r += TILE) {
        tile(vectors, Math.min(TILE, rows - r), depth, a + r * stride, stride, b, c, k == 0);
        c += TILE_BYTES;
      }
    }
  }

  /** Rows that a tile lacks repeat its last one: their sums are not read. */
  private static void tile(int vectors, int rows, int depth, long a, long stride, long b, long c, boolean first) {
    int last = rows - 1;
    long a1 = a + Math.min(1, last) * stride;
    long a2 = a + Math.min(2, last) * stride;
    long a3 = a + Math.min(3, last) * stride;
    long a4 = a + Math.min(4, last) * stride;
    long a5 = a + Math.min(5, last) * stride;
    switch (vectors) {
      case 1 -> tile6x1(depth, a, a1, a2, a3, a4, a5, b, c, first);
      case 2 -> tile6x2(depth, a, a1, a2, a3, a4, a5, b, c, first);
      default -> {
        switch (rows) {
          case 1 -> tile1x4(depth, a, b, c, first);
          case 2 -> tile2x4(depth, a, a1, b, c, first);
          default -> tile6x4(depth, a, a1, a2, a3, a4, a5, b, c, first);
        }
      }
    }
  }

  /** Turns the sums of a block into its part of the output. */
  static void finish(long sums, int row, int rows, int outputs, int from, int to, Epilogue e) {
    long c = sums;
    for (int p = from; p < to; p++) {
      int n = p * PANEL;
      int width = Math.min(PANEL, outputs - n);
      int vectors = vectors(outputs, p);
      long bias = e.bias == 0 ? 0 : e.bias + 4L * n;
      for (int r = 0; r < rows; r++) {
        long at = c + (r / TILE) * TILE_BYTES + (long) (r % TILE) * vectors * BYTES;
        long residual = e.residual == 0 ? 0 : e.residual + ((row + r) * e.residualStride + n) * 4;
        long out = e.out + ((row + r) * e.outStride + n) * 4;
        if (e.activation == Activation.NONE) {
          write(at, bias, residual, out, width);
        } else {
          write(at, bias, 0, at, width);
          Elementary.activate(e.activation, at, at, vectors * COUNT);
          write(at, 0, residual, out, width);
        }
      }
      c += Math.ceilDiv(rows, TILE) * TILE_BYTES;
    }
  }

  /** {@code out = sums + bias + residual}, {@code n} floats. */
  private static void write(long sums, long bias, long residual, long out, int n) {
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

  // The tiles: rows x vectors sums, one step over K an iteration. They are written out, as a vector in an array would live on the heap,
  // and call the Vector API only, as the JIT refuses to inline helpers into a method of this size, which would then box every vector.

  private static void tile6x4(int depth, long a0, long a1, long a2, long a3, long a4, long a5, long b, long c, boolean first) {
    FloatVector c00 = zero(F), c01 = zero(F), c02 = zero(F), c03 = zero(F);
    FloatVector c10 = zero(F), c11 = zero(F), c12 = zero(F), c13 = zero(F);
    FloatVector c20 = zero(F), c21 = zero(F), c22 = zero(F), c23 = zero(F);
    FloatVector c30 = zero(F), c31 = zero(F), c32 = zero(F), c33 = zero(F);
    FloatVector c40 = zero(F), c41 = zero(F), c42 = zero(F), c43 = zero(F);
    FloatVector c50 = zero(F), c51 = zero(F), c52 = zero(F), c53 = zero(F);
    for (int k = 0; k < depth; k++) {
      long p = b + (long) k * (4 * BYTES);
      long o = 4L * k;
      FloatVector b0 = fromMemorySegment(F, MEMORY, p, ORDER);
      FloatVector b1 = fromMemorySegment(F, MEMORY, p + BYTES, ORDER);
      FloatVector b2 = fromMemorySegment(F, MEMORY, p + 2 * BYTES, ORDER);
      FloatVector b3 = fromMemorySegment(F, MEMORY, p + 3 * BYTES, ORDER);
      FloatVector x0 = broadcast(F, MEMORY.get(FLOAT, a0 + o));
      c00 = x0.fma(b0, c00);
      c01 = x0.fma(b1, c01);
      c02 = x0.fma(b2, c02);
      c03 = x0.fma(b3, c03);
      FloatVector x1 = broadcast(F, MEMORY.get(FLOAT, a1 + o));
      c10 = x1.fma(b0, c10);
      c11 = x1.fma(b1, c11);
      c12 = x1.fma(b2, c12);
      c13 = x1.fma(b3, c13);
      FloatVector x2 = broadcast(F, MEMORY.get(FLOAT, a2 + o));
      c20 = x2.fma(b0, c20);
      c21 = x2.fma(b1, c21);
      c22 = x2.fma(b2, c22);
      c23 = x2.fma(b3, c23);
      FloatVector x3 = broadcast(F, MEMORY.get(FLOAT, a3 + o));
      c30 = x3.fma(b0, c30);
      c31 = x3.fma(b1, c31);
      c32 = x3.fma(b2, c32);
      c33 = x3.fma(b3, c33);
      FloatVector x4 = broadcast(F, MEMORY.get(FLOAT, a4 + o));
      c40 = x4.fma(b0, c40);
      c41 = x4.fma(b1, c41);
      c42 = x4.fma(b2, c42);
      c43 = x4.fma(b3, c43);
      FloatVector x5 = broadcast(F, MEMORY.get(FLOAT, a5 + o));
      c50 = x5.fma(b0, c50);
      c51 = x5.fma(b1, c51);
      c52 = x5.fma(b2, c52);
      c53 = x5.fma(b3, c53);
    }
    if (!first) {
      c00 = c00.add(fromMemorySegment(F, MEMORY, c, ORDER));
      c01 = c01.add(fromMemorySegment(F, MEMORY, c + BYTES, ORDER));
      c02 = c02.add(fromMemorySegment(F, MEMORY, c + 2 * BYTES, ORDER));
      c03 = c03.add(fromMemorySegment(F, MEMORY, c + 3 * BYTES, ORDER));
      c10 = c10.add(fromMemorySegment(F, MEMORY, c + 4 * BYTES, ORDER));
      c11 = c11.add(fromMemorySegment(F, MEMORY, c + 5 * BYTES, ORDER));
      c12 = c12.add(fromMemorySegment(F, MEMORY, c + 6 * BYTES, ORDER));
      c13 = c13.add(fromMemorySegment(F, MEMORY, c + 7 * BYTES, ORDER));
      c20 = c20.add(fromMemorySegment(F, MEMORY, c + 8 * BYTES, ORDER));
      c21 = c21.add(fromMemorySegment(F, MEMORY, c + 9 * BYTES, ORDER));
      c22 = c22.add(fromMemorySegment(F, MEMORY, c + 10 * BYTES, ORDER));
      c23 = c23.add(fromMemorySegment(F, MEMORY, c + 11 * BYTES, ORDER));
      c30 = c30.add(fromMemorySegment(F, MEMORY, c + 12 * BYTES, ORDER));
      c31 = c31.add(fromMemorySegment(F, MEMORY, c + 13 * BYTES, ORDER));
      c32 = c32.add(fromMemorySegment(F, MEMORY, c + 14 * BYTES, ORDER));
      c33 = c33.add(fromMemorySegment(F, MEMORY, c + 15 * BYTES, ORDER));
      c40 = c40.add(fromMemorySegment(F, MEMORY, c + 16 * BYTES, ORDER));
      c41 = c41.add(fromMemorySegment(F, MEMORY, c + 17 * BYTES, ORDER));
      c42 = c42.add(fromMemorySegment(F, MEMORY, c + 18 * BYTES, ORDER));
      c43 = c43.add(fromMemorySegment(F, MEMORY, c + 19 * BYTES, ORDER));
      c50 = c50.add(fromMemorySegment(F, MEMORY, c + 20 * BYTES, ORDER));
      c51 = c51.add(fromMemorySegment(F, MEMORY, c + 21 * BYTES, ORDER));
      c52 = c52.add(fromMemorySegment(F, MEMORY, c + 22 * BYTES, ORDER));
      c53 = c53.add(fromMemorySegment(F, MEMORY, c + 23 * BYTES, ORDER));
    }
    c00.intoMemorySegment(MEMORY, c, ORDER);
    c01.intoMemorySegment(MEMORY, c + BYTES, ORDER);
    c02.intoMemorySegment(MEMORY, c + 2 * BYTES, ORDER);
    c03.intoMemorySegment(MEMORY, c + 3 * BYTES, ORDER);
    c10.intoMemorySegment(MEMORY, c + 4 * BYTES, ORDER);
    c11.intoMemorySegment(MEMORY, c + 5 * BYTES, ORDER);
    c12.intoMemorySegment(MEMORY, c + 6 * BYTES, ORDER);
    c13.intoMemorySegment(MEMORY, c + 7 * BYTES, ORDER);
    c20.intoMemorySegment(MEMORY, c + 8 * BYTES, ORDER);
    c21.intoMemorySegment(MEMORY, c + 9 * BYTES, ORDER);
    c22.intoMemorySegment(MEMORY, c + 10 * BYTES, ORDER);
    c23.intoMemorySegment(MEMORY, c + 11 * BYTES, ORDER);
    c30.intoMemorySegment(MEMORY, c + 12 * BYTES, ORDER);
    c31.intoMemorySegment(MEMORY, c + 13 * BYTES, ORDER);
    c32.intoMemorySegment(MEMORY, c + 14 * BYTES, ORDER);
    c33.intoMemorySegment(MEMORY, c + 15 * BYTES, ORDER);
    c40.intoMemorySegment(MEMORY, c + 16 * BYTES, ORDER);
    c41.intoMemorySegment(MEMORY, c + 17 * BYTES, ORDER);
    c42.intoMemorySegment(MEMORY, c + 18 * BYTES, ORDER);
    c43.intoMemorySegment(MEMORY, c + 19 * BYTES, ORDER);
    c50.intoMemorySegment(MEMORY, c + 20 * BYTES, ORDER);
    c51.intoMemorySegment(MEMORY, c + 21 * BYTES, ORDER);
    c52.intoMemorySegment(MEMORY, c + 22 * BYTES, ORDER);
    c53.intoMemorySegment(MEMORY, c + 23 * BYTES, ORDER);
  }

  private static void tile2x4(int depth, long a0, long a1, long b, long c, boolean first) {
    FloatVector c00 = zero(F), c01 = zero(F), c02 = zero(F), c03 = zero(F);
    FloatVector c10 = zero(F), c11 = zero(F), c12 = zero(F), c13 = zero(F);
    for (int k = 0; k < depth; k++) {
      long p = b + (long) k * (4 * BYTES);
      long o = 4L * k;
      FloatVector b0 = fromMemorySegment(F, MEMORY, p, ORDER);
      FloatVector b1 = fromMemorySegment(F, MEMORY, p + BYTES, ORDER);
      FloatVector b2 = fromMemorySegment(F, MEMORY, p + 2 * BYTES, ORDER);
      FloatVector b3 = fromMemorySegment(F, MEMORY, p + 3 * BYTES, ORDER);
      FloatVector x0 = broadcast(F, MEMORY.get(FLOAT, a0 + o));
      c00 = x0.fma(b0, c00);
      c01 = x0.fma(b1, c01);
      c02 = x0.fma(b2, c02);
      c03 = x0.fma(b3, c03);
      FloatVector x1 = broadcast(F, MEMORY.get(FLOAT, a1 + o));
      c10 = x1.fma(b0, c10);
      c11 = x1.fma(b1, c11);
      c12 = x1.fma(b2, c12);
      c13 = x1.fma(b3, c13);
    }
    if (!first) {
      c00 = c00.add(fromMemorySegment(F, MEMORY, c, ORDER));
      c01 = c01.add(fromMemorySegment(F, MEMORY, c + BYTES, ORDER));
      c02 = c02.add(fromMemorySegment(F, MEMORY, c + 2 * BYTES, ORDER));
      c03 = c03.add(fromMemorySegment(F, MEMORY, c + 3 * BYTES, ORDER));
      c10 = c10.add(fromMemorySegment(F, MEMORY, c + 4 * BYTES, ORDER));
      c11 = c11.add(fromMemorySegment(F, MEMORY, c + 5 * BYTES, ORDER));
      c12 = c12.add(fromMemorySegment(F, MEMORY, c + 6 * BYTES, ORDER));
      c13 = c13.add(fromMemorySegment(F, MEMORY, c + 7 * BYTES, ORDER));
    }
    c00.intoMemorySegment(MEMORY, c, ORDER);
    c01.intoMemorySegment(MEMORY, c + BYTES, ORDER);
    c02.intoMemorySegment(MEMORY, c + 2 * BYTES, ORDER);
    c03.intoMemorySegment(MEMORY, c + 3 * BYTES, ORDER);
    c10.intoMemorySegment(MEMORY, c + 4 * BYTES, ORDER);
    c11.intoMemorySegment(MEMORY, c + 5 * BYTES, ORDER);
    c12.intoMemorySegment(MEMORY, c + 6 * BYTES, ORDER);
    c13.intoMemorySegment(MEMORY, c + 7 * BYTES, ORDER);
  }

  private static void tile1x4(int depth, long a0, long b, long c, boolean first) {
    FloatVector c00 = zero(F), c01 = zero(F), c02 = zero(F), c03 = zero(F);
    for (int k = 0; k < depth; k++) {
      long p = b + (long) k * (4 * BYTES);
      long o = 4L * k;
      FloatVector b0 = fromMemorySegment(F, MEMORY, p, ORDER);
      FloatVector b1 = fromMemorySegment(F, MEMORY, p + BYTES, ORDER);
      FloatVector b2 = fromMemorySegment(F, MEMORY, p + 2 * BYTES, ORDER);
      FloatVector b3 = fromMemorySegment(F, MEMORY, p + 3 * BYTES, ORDER);
      FloatVector x0 = broadcast(F, MEMORY.get(FLOAT, a0 + o));
      c00 = x0.fma(b0, c00);
      c01 = x0.fma(b1, c01);
      c02 = x0.fma(b2, c02);
      c03 = x0.fma(b3, c03);
    }
    if (!first) {
      c00 = c00.add(fromMemorySegment(F, MEMORY, c, ORDER));
      c01 = c01.add(fromMemorySegment(F, MEMORY, c + BYTES, ORDER));
      c02 = c02.add(fromMemorySegment(F, MEMORY, c + 2 * BYTES, ORDER));
      c03 = c03.add(fromMemorySegment(F, MEMORY, c + 3 * BYTES, ORDER));
    }
    c00.intoMemorySegment(MEMORY, c, ORDER);
    c01.intoMemorySegment(MEMORY, c + BYTES, ORDER);
    c02.intoMemorySegment(MEMORY, c + 2 * BYTES, ORDER);
    c03.intoMemorySegment(MEMORY, c + 3 * BYTES, ORDER);
  }

  private static void tile6x2(int depth, long a0, long a1, long a2, long a3, long a4, long a5, long b, long c, boolean first) {
    FloatVector c00 = zero(F), c01 = zero(F);
    FloatVector c10 = zero(F), c11 = zero(F);
    FloatVector c20 = zero(F), c21 = zero(F);
    FloatVector c30 = zero(F), c31 = zero(F);
    FloatVector c40 = zero(F), c41 = zero(F);
    FloatVector c50 = zero(F), c51 = zero(F);
    for (int k = 0; k < depth; k++) {
      long p = b + (long) k * (2 * BYTES);
      long o = 4L * k;
      FloatVector b0 = fromMemorySegment(F, MEMORY, p, ORDER);
      FloatVector b1 = fromMemorySegment(F, MEMORY, p + BYTES, ORDER);
      FloatVector x0 = broadcast(F, MEMORY.get(FLOAT, a0 + o));
      c00 = x0.fma(b0, c00);
      c01 = x0.fma(b1, c01);
      FloatVector x1 = broadcast(F, MEMORY.get(FLOAT, a1 + o));
      c10 = x1.fma(b0, c10);
      c11 = x1.fma(b1, c11);
      FloatVector x2 = broadcast(F, MEMORY.get(FLOAT, a2 + o));
      c20 = x2.fma(b0, c20);
      c21 = x2.fma(b1, c21);
      FloatVector x3 = broadcast(F, MEMORY.get(FLOAT, a3 + o));
      c30 = x3.fma(b0, c30);
      c31 = x3.fma(b1, c31);
      FloatVector x4 = broadcast(F, MEMORY.get(FLOAT, a4 + o));
      c40 = x4.fma(b0, c40);
      c41 = x4.fma(b1, c41);
      FloatVector x5 = broadcast(F, MEMORY.get(FLOAT, a5 + o));
      c50 = x5.fma(b0, c50);
      c51 = x5.fma(b1, c51);
    }
    if (!first) {
      c00 = c00.add(fromMemorySegment(F, MEMORY, c, ORDER));
      c01 = c01.add(fromMemorySegment(F, MEMORY, c + BYTES, ORDER));
      c10 = c10.add(fromMemorySegment(F, MEMORY, c + 2 * BYTES, ORDER));
      c11 = c11.add(fromMemorySegment(F, MEMORY, c + 3 * BYTES, ORDER));
      c20 = c20.add(fromMemorySegment(F, MEMORY, c + 4 * BYTES, ORDER));
      c21 = c21.add(fromMemorySegment(F, MEMORY, c + 5 * BYTES, ORDER));
      c30 = c30.add(fromMemorySegment(F, MEMORY, c + 6 * BYTES, ORDER));
      c31 = c31.add(fromMemorySegment(F, MEMORY, c + 7 * BYTES, ORDER));
      c40 = c40.add(fromMemorySegment(F, MEMORY, c + 8 * BYTES, ORDER));
      c41 = c41.add(fromMemorySegment(F, MEMORY, c + 9 * BYTES, ORDER));
      c50 = c50.add(fromMemorySegment(F, MEMORY, c + 10 * BYTES, ORDER));
      c51 = c51.add(fromMemorySegment(F, MEMORY, c + 11 * BYTES, ORDER));
    }
    c00.intoMemorySegment(MEMORY, c, ORDER);
    c01.intoMemorySegment(MEMORY, c + BYTES, ORDER);
    c10.intoMemorySegment(MEMORY, c + 2 * BYTES, ORDER);
    c11.intoMemorySegment(MEMORY, c + 3 * BYTES, ORDER);
    c20.intoMemorySegment(MEMORY, c + 4 * BYTES, ORDER);
    c21.intoMemorySegment(MEMORY, c + 5 * BYTES, ORDER);
    c30.intoMemorySegment(MEMORY, c + 6 * BYTES, ORDER);
    c31.intoMemorySegment(MEMORY, c + 7 * BYTES, ORDER);
    c40.intoMemorySegment(MEMORY, c + 8 * BYTES, ORDER);
    c41.intoMemorySegment(MEMORY, c + 9 * BYTES, ORDER);
    c50.intoMemorySegment(MEMORY, c + 10 * BYTES, ORDER);
    c51.intoMemorySegment(MEMORY, c + 11 * BYTES, ORDER);
  }

  private static void tile6x1(int depth, long a0, long a1, long a2, long a3, long a4, long a5, long b, long c, boolean first) {
    FloatVector c00 = zero(F);
    FloatVector c10 = zero(F);
    FloatVector c20 = zero(F);
    FloatVector c30 = zero(F);
    FloatVector c40 = zero(F);
    FloatVector c50 = zero(F);
    for (int k = 0; k < depth; k++) {
      long p = b + (long) k * (1 * BYTES);
      long o = 4L * k;
      FloatVector b0 = fromMemorySegment(F, MEMORY, p, ORDER);
      FloatVector x0 = broadcast(F, MEMORY.get(FLOAT, a0 + o));
      c00 = x0.fma(b0, c00);
      FloatVector x1 = broadcast(F, MEMORY.get(FLOAT, a1 + o));
      c10 = x1.fma(b0, c10);
      FloatVector x2 = broadcast(F, MEMORY.get(FLOAT, a2 + o));
      c20 = x2.fma(b0, c20);
      FloatVector x3 = broadcast(F, MEMORY.get(FLOAT, a3 + o));
      c30 = x3.fma(b0, c30);
      FloatVector x4 = broadcast(F, MEMORY.get(FLOAT, a4 + o));
      c40 = x4.fma(b0, c40);
      FloatVector x5 = broadcast(F, MEMORY.get(FLOAT, a5 + o));
      c50 = x5.fma(b0, c50);
    }
    if (!first) {
      c00 = c00.add(fromMemorySegment(F, MEMORY, c, ORDER));
      c10 = c10.add(fromMemorySegment(F, MEMORY, c + BYTES, ORDER));
      c20 = c20.add(fromMemorySegment(F, MEMORY, c + 2 * BYTES, ORDER));
      c30 = c30.add(fromMemorySegment(F, MEMORY, c + 3 * BYTES, ORDER));
      c40 = c40.add(fromMemorySegment(F, MEMORY, c + 4 * BYTES, ORDER));
      c50 = c50.add(fromMemorySegment(F, MEMORY, c + 5 * BYTES, ORDER));
    }
    c00.intoMemorySegment(MEMORY, c, ORDER);
    c10.intoMemorySegment(MEMORY, c + BYTES, ORDER);
    c20.intoMemorySegment(MEMORY, c + 2 * BYTES, ORDER);
    c30.intoMemorySegment(MEMORY, c + 3 * BYTES, ORDER);
    c40.intoMemorySegment(MEMORY, c + 4 * BYTES, ORDER);
    c50.intoMemorySegment(MEMORY, c + 5 * BYTES, ORDER);
  }
}

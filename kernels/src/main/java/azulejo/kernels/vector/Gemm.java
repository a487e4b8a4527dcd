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
import azulejo.kernels.DType;
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

    static Packed allocate(SegmentAllocator allocator, int outputs, int inputs) {
      int last = Math.ceilDiv(outputs, PANEL) - 1;
      long floats = ((long) last * PANEL + (long) Gemm.vectors(outputs, last) * COUNT) * inputs;
      return new Packed(outputs, inputs, allocator.allocate(floats * Float.BYTES, Lanes.ALIGNMENT));
    }

    void set(int output, int input, float value) {
      int p = output / PANEL;
      Lanes.set(panel(p) + ((long) input * vectors(p) * COUNT + output % PANEL) * Float.BYTES, value);
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
    Packed packed = Packed.allocate(allocator, outputs, inputs);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = weight.data();
      long from = data.isNative() ? data.address() : arena.allocate(data.byteSize(), 8).copyFrom(data).address();
      workers.run(packed.panels(), (p, worker) -> {
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

  /** Element {@code i} of a tensor of a float type at an address. */
  static float element(DType dtype, long address, long i) {
    return switch (dtype) {
      case F32 -> Lanes.get(address + i * 4);
      case F64 -> (float) Lanes.getDouble(address + i * 8);
      case F16 -> Float.float16ToFloat(Lanes.getShort(address + i * 2));
      default -> Float.intBitsToFloat(Lanes.getShort(address + i * 2) << 16);
    };
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

  /** Bytes of the sums of a block: rows, up to a whole number of tiles, of {@link #sumsStride} bytes; and a tile for a stretch's own sums. */
  static long sumsBytes(int rows, int panels) {
    return Math.ceilDiv(rows, TILE) * TILE * sumsStride(panels) + TILE * sumsStride(1);
  }

  static long sumsStride(int panels) {
    return (long) panels * WIDE * BYTES;
  }

  /**
   * Adds inputs k to k + depth of a block to its sums (with k = 0 it sets them).
   *
   * @param a address of the first row's input k
   * @param stride bytes between rows
   */
  static void multiply(long a, long stride, int rows, int depth, Packed weight, int k, int from, int to, long sums) {
    long sumsStride = sumsStride(to - from);
    long part = sums + Math.ceilDiv(rows, TILE) * TILE * sumsStride;
    for (int p = from; p < to; p++) {
      int vectors = weight.vectors(p);
      long b = weight.panel(p) + (long) k * vectors * BYTES;
      for (int r = 0; r < rows; r += TILE) {
        int tileRows = Math.min(TILE, rows - r);
        long c = sums + r * sumsStride + (long) (p - from) * WIDE * BYTES;
        if (k == 0) {
          tile(vectors, tileRows, depth, a + r * stride, stride, b, c, sumsStride);
        } else {
          tile(vectors, tileRows, depth, a + r * stride, stride, b, part, (long) vectors * BYTES);
          add(part, tileRows, vectors, c, sumsStride);
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
  private static void tile(int vectors, int rows, int depth, long a, long stride, long b, long c, long row) {
    int last = rows - 1;
    long a1 = a + Math.min(1, last) * stride;
    long a2 = a + Math.min(2, last) * stride;
    long a3 = a + Math.min(3, last) * stride;
    long a4 = a + Math.min(4, last) * stride;
    long a5 = a + Math.min(5, last) * stride;
    switch (vectors) {
      case 1 -> tile6x1(depth, a, a1, a2, a3, a4, a5, b, c, row);
      case 2 -> tile6x2(depth, a, a1, a2, a3, a4, a5, b, c, row);
      default -> {
        switch (rows) {
          case 1 -> tile1x4(depth, a, b, c);
          case 2 -> tile2x4(depth, a, a1, b, c, row);
          default -> tile6x4(depth, a, a1, a2, a3, a4, a5, b, c, row);
        }
      }
    }
  }

  /** Turns the sums of a block into its part of the output. */
  static void finish(long sums, int row, int rows, int outputs, int from, int to, Epilogue epilogue) {
    int n = from * PANEL;
    for (int r = 0; r < rows; r++) {
      epilogue.finish(sums + r * sumsStride(to - from), row + r, n, Math.min(to * PANEL, outputs) - n);
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

  // The tiles: rows x vectors sums, one step over K an iteration. They are written out, as a vector in an array would live on the heap,
  // and call the Vector API only, as the JIT refuses to inline helpers into a method of this size, which would then box every vector.

  private static void tile6x4(int depth, long a0, long a1, long a2, long a3, long a4, long a5, long b, long c, long row) {
    FloatVector zero = zero(F);
    FloatVector c00 = zero, c01 = zero, c02 = zero, c03 = zero;
    FloatVector c10 = zero, c11 = zero, c12 = zero, c13 = zero;
    FloatVector c20 = zero, c21 = zero, c22 = zero, c23 = zero;
    FloatVector c30 = zero, c31 = zero, c32 = zero, c33 = zero;
    FloatVector c40 = zero, c41 = zero, c42 = zero, c43 = zero;
    FloatVector c50 = zero, c51 = zero, c52 = zero, c53 = zero;
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
    c00.intoMemorySegment(MEMORY, c, ORDER);
    c01.intoMemorySegment(MEMORY, c + BYTES, ORDER);
    c02.intoMemorySegment(MEMORY, c + 2 * BYTES, ORDER);
    c03.intoMemorySegment(MEMORY, c + 3 * BYTES, ORDER);
    c10.intoMemorySegment(MEMORY, c + row, ORDER);
    c11.intoMemorySegment(MEMORY, c + row + BYTES, ORDER);
    c12.intoMemorySegment(MEMORY, c + row + 2 * BYTES, ORDER);
    c13.intoMemorySegment(MEMORY, c + row + 3 * BYTES, ORDER);
    c20.intoMemorySegment(MEMORY, c + 2 * row, ORDER);
    c21.intoMemorySegment(MEMORY, c + 2 * row + BYTES, ORDER);
    c22.intoMemorySegment(MEMORY, c + 2 * row + 2 * BYTES, ORDER);
    c23.intoMemorySegment(MEMORY, c + 2 * row + 3 * BYTES, ORDER);
    c30.intoMemorySegment(MEMORY, c + 3 * row, ORDER);
    c31.intoMemorySegment(MEMORY, c + 3 * row + BYTES, ORDER);
    c32.intoMemorySegment(MEMORY, c + 3 * row + 2 * BYTES, ORDER);
    c33.intoMemorySegment(MEMORY, c + 3 * row + 3 * BYTES, ORDER);
    c40.intoMemorySegment(MEMORY, c + 4 * row, ORDER);
    c41.intoMemorySegment(MEMORY, c + 4 * row + BYTES, ORDER);
    c42.intoMemorySegment(MEMORY, c + 4 * row + 2 * BYTES, ORDER);
    c43.intoMemorySegment(MEMORY, c + 4 * row + 3 * BYTES, ORDER);
    c50.intoMemorySegment(MEMORY, c + 5 * row, ORDER);
    c51.intoMemorySegment(MEMORY, c + 5 * row + BYTES, ORDER);
    c52.intoMemorySegment(MEMORY, c + 5 * row + 2 * BYTES, ORDER);
    c53.intoMemorySegment(MEMORY, c + 5 * row + 3 * BYTES, ORDER);
  }

  private static void tile2x4(int depth, long a0, long a1, long b, long c, long row) {
    FloatVector zero = zero(F);
    FloatVector c00 = zero, c01 = zero, c02 = zero, c03 = zero;
    FloatVector c10 = zero, c11 = zero, c12 = zero, c13 = zero;
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
    c00.intoMemorySegment(MEMORY, c, ORDER);
    c01.intoMemorySegment(MEMORY, c + BYTES, ORDER);
    c02.intoMemorySegment(MEMORY, c + 2 * BYTES, ORDER);
    c03.intoMemorySegment(MEMORY, c + 3 * BYTES, ORDER);
    c10.intoMemorySegment(MEMORY, c + row, ORDER);
    c11.intoMemorySegment(MEMORY, c + row + BYTES, ORDER);
    c12.intoMemorySegment(MEMORY, c + row + 2 * BYTES, ORDER);
    c13.intoMemorySegment(MEMORY, c + row + 3 * BYTES, ORDER);
  }

  private static void tile1x4(int depth, long a0, long b, long c) {
    FloatVector zero = zero(F);
    FloatVector c00 = zero, c01 = zero, c02 = zero, c03 = zero;
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
    c00.intoMemorySegment(MEMORY, c, ORDER);
    c01.intoMemorySegment(MEMORY, c + BYTES, ORDER);
    c02.intoMemorySegment(MEMORY, c + 2 * BYTES, ORDER);
    c03.intoMemorySegment(MEMORY, c + 3 * BYTES, ORDER);
  }

  private static void tile6x2(int depth, long a0, long a1, long a2, long a3, long a4, long a5, long b, long c, long row) {
    FloatVector zero = zero(F);
    FloatVector c00 = zero, c01 = zero;
    FloatVector c10 = zero, c11 = zero;
    FloatVector c20 = zero, c21 = zero;
    FloatVector c30 = zero, c31 = zero;
    FloatVector c40 = zero, c41 = zero;
    FloatVector c50 = zero, c51 = zero;
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
    c00.intoMemorySegment(MEMORY, c, ORDER);
    c01.intoMemorySegment(MEMORY, c + BYTES, ORDER);
    c10.intoMemorySegment(MEMORY, c + row, ORDER);
    c11.intoMemorySegment(MEMORY, c + row + BYTES, ORDER);
    c20.intoMemorySegment(MEMORY, c + 2 * row, ORDER);
    c21.intoMemorySegment(MEMORY, c + 2 * row + BYTES, ORDER);
    c30.intoMemorySegment(MEMORY, c + 3 * row, ORDER);
    c31.intoMemorySegment(MEMORY, c + 3 * row + BYTES, ORDER);
    c40.intoMemorySegment(MEMORY, c + 4 * row, ORDER);
    c41.intoMemorySegment(MEMORY, c + 4 * row + BYTES, ORDER);
    c50.intoMemorySegment(MEMORY, c + 5 * row, ORDER);
    c51.intoMemorySegment(MEMORY, c + 5 * row + BYTES, ORDER);
  }

  private static void tile6x1(int depth, long a0, long a1, long a2, long a3, long a4, long a5, long b, long c, long row) {
    FloatVector zero = zero(F);
    FloatVector c00 = zero;
    FloatVector c10 = zero;
    FloatVector c20 = zero;
    FloatVector c30 = zero;
    FloatVector c40 = zero;
    FloatVector c50 = zero;
    for (int k = 0; k < depth; k++) {
      long p = b + (long) k * BYTES;
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
    c00.intoMemorySegment(MEMORY, c, ORDER);
    c10.intoMemorySegment(MEMORY, c + row, ORDER);
    c20.intoMemorySegment(MEMORY, c + 2 * row, ORDER);
    c30.intoMemorySegment(MEMORY, c + 3 * row, ORDER);
    c40.intoMemorySegment(MEMORY, c + 4 * row, ORDER);
    c50.intoMemorySegment(MEMORY, c + 5 * row, ORDER);
  }
}

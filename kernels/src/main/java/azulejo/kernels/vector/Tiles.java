package azulejo.kernels.vector;

import static azulejo.kernels.vector.Lanes.BYTES;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.FLOAT;
import static azulejo.kernels.vector.Lanes.I;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static jdk.incubator.vector.FloatVector.zero;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * The inner loops of {@link Gemm}: a tile is the sums of some rows by some vectors of outputs, one input an iteration, kept in registers. All write
 * their sums from zero on to c, rows {@code row} bytes apart.
 *
 * <p>They are written out, as a vector in an array would live on the heap, and call the Vector API only, as C2 refuses to inline helpers into methods of this
 * size, which would then box every vector. Nor may they do more: with some 130 vector operations C1 runs out of registers, skips the method, and
 * the JVM then never hands it to C2. The loops end on {@code !=}, as C2 unrolls a loop that counts and hoists its loads until they spill.
 *
 * <p>a0, a1, ... are the addresses of the rows' first inputs, b is that of the panel's part as {@link Panels} lays it out.
 */
final class Tiles {
  private Tiles() {}

  static void tile6x4(int depth, long a0, long a1, long a2, long a3, long a4, long a5, long b, long c, long row) {
    FloatVector zero = zero(F);
    FloatVector c00 = zero, c01 = zero, c02 = zero, c03 = zero;
    FloatVector c10 = zero, c11 = zero, c12 = zero, c13 = zero;
    FloatVector c20 = zero, c21 = zero, c22 = zero, c23 = zero;
    FloatVector c30 = zero, c31 = zero, c32 = zero, c33 = zero;
    FloatVector c40 = zero, c41 = zero, c42 = zero, c43 = zero;
    FloatVector c50 = zero, c51 = zero, c52 = zero, c53 = zero;
    long o = 0;
    long end = b + (long) depth * (4 * BYTES);
    for (long p = b; p != end; p += 4 * BYTES) {
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
      o += Float.BYTES;
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

  static void tile2x4(int depth, long a0, long a1, long b, long c, long row) {
    FloatVector zero = zero(F);
    FloatVector c00 = zero, c01 = zero, c02 = zero, c03 = zero;
    FloatVector c10 = zero, c11 = zero, c12 = zero, c13 = zero;
    long o = 0;
    long end = b + (long) depth * (4 * BYTES);
    for (long p = b; p != end; p += 4 * BYTES) {
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
      o += Float.BYTES;
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

  static void tile1x4(int depth, long a0, long b, long c) {
    FloatVector zero = zero(F);
    FloatVector c00 = zero, c01 = zero, c02 = zero, c03 = zero;
    long o = 0;
    long end = b + (long) depth * (4 * BYTES);
    for (long p = b; p != end; p += 4 * BYTES) {
      FloatVector b0 = fromMemorySegment(F, MEMORY, p, ORDER);
      FloatVector b1 = fromMemorySegment(F, MEMORY, p + BYTES, ORDER);
      FloatVector b2 = fromMemorySegment(F, MEMORY, p + 2 * BYTES, ORDER);
      FloatVector b3 = fromMemorySegment(F, MEMORY, p + 3 * BYTES, ORDER);
      FloatVector x0 = broadcast(F, MEMORY.get(FLOAT, a0 + o));
      c00 = x0.fma(b0, c00);
      c01 = x0.fma(b1, c01);
      c02 = x0.fma(b2, c02);
      c03 = x0.fma(b3, c03);
      o += Float.BYTES;
    }
    c00.intoMemorySegment(MEMORY, c, ORDER);
    c01.intoMemorySegment(MEMORY, c + BYTES, ORDER);
    c02.intoMemorySegment(MEMORY, c + 2 * BYTES, ORDER);
    c03.intoMemorySegment(MEMORY, c + 3 * BYTES, ORDER);
  }

  static void tile6x2(int depth, long a0, long a1, long a2, long a3, long a4, long a5, long b, long c, long row) {
    FloatVector zero = zero(F);
    FloatVector c00 = zero, c01 = zero;
    FloatVector c10 = zero, c11 = zero;
    FloatVector c20 = zero, c21 = zero;
    FloatVector c30 = zero, c31 = zero;
    FloatVector c40 = zero, c41 = zero;
    FloatVector c50 = zero, c51 = zero;
    long o = 0;
    long end = b + (long) depth * (2 * BYTES);
    for (long p = b; p != end; p += 2 * BYTES) {
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
      o += Float.BYTES;
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

  static void tile6x1(int depth, long a0, long a1, long a2, long a3, long a4, long a5, long b, long c, long row) {
    FloatVector zero = zero(F);
    FloatVector c00 = zero;
    FloatVector c10 = zero;
    FloatVector c20 = zero;
    FloatVector c30 = zero;
    FloatVector c40 = zero;
    FloatVector c50 = zero;
    long o = 0;
    long end = b + (long) depth * BYTES;
    for (long p = b; p != end; p += BYTES) {
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
      o += Float.BYTES;
    }
    c00.intoMemorySegment(MEMORY, c, ORDER);
    c10.intoMemorySegment(MEMORY, c + row, ORDER);
    c20.intoMemorySegment(MEMORY, c + 2 * row, ORDER);
    c30.intoMemorySegment(MEMORY, c + 3 * row, ORDER);
    c40.intoMemorySegment(MEMORY, c + 4 * row, ORDER);
    c50.intoMemorySegment(MEMORY, c + 5 * row, ORDER);
  }

  // Panels of narrow weights, taken apart in registers.

  static void bf16Tile6x4(int depth, long a0, long a1, long a2, long a3, long a4, long a5, long b, long c, long row) {
    FloatVector zero = zero(F);
    FloatVector c00 = zero, c01 = zero, c02 = zero, c03 = zero;
    FloatVector c10 = zero, c11 = zero, c12 = zero, c13 = zero;
    FloatVector c20 = zero, c21 = zero, c22 = zero, c23 = zero;
    FloatVector c30 = zero, c31 = zero, c32 = zero, c33 = zero;
    FloatVector c40 = zero, c41 = zero, c42 = zero, c43 = zero;
    FloatVector c50 = zero, c51 = zero, c52 = zero, c53 = zero;
    long o = 0;
    long end = b + (long) depth * (2 * BYTES);
    for (long p = b; p != end; p += 2 * BYTES) {
      IntVector w0 = IntVector.fromMemorySegment(I, MEMORY, p, ORDER);
      IntVector w1 = IntVector.fromMemorySegment(I, MEMORY, p + BYTES, ORDER);
      FloatVector b0 = w0.lanewise(LSHL, 16).reinterpretAsFloats();
      FloatVector b1 = w0.and(0xFFFF0000).reinterpretAsFloats();
      FloatVector b2 = w1.lanewise(LSHL, 16).reinterpretAsFloats();
      FloatVector b3 = w1.and(0xFFFF0000).reinterpretAsFloats();
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
      o += Float.BYTES;
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

  static void bf16Tile2x4(int depth, long a0, long a1, long b, long c, long row) {
    FloatVector zero = zero(F);
    FloatVector c00 = zero, c01 = zero, c02 = zero, c03 = zero;
    FloatVector c10 = zero, c11 = zero, c12 = zero, c13 = zero;
    long o = 0;
    long end = b + (long) depth * (2 * BYTES);
    for (long p = b; p != end; p += 2 * BYTES) {
      IntVector w0 = IntVector.fromMemorySegment(I, MEMORY, p, ORDER);
      IntVector w1 = IntVector.fromMemorySegment(I, MEMORY, p + BYTES, ORDER);
      FloatVector b0 = w0.lanewise(LSHL, 16).reinterpretAsFloats();
      FloatVector b1 = w0.and(0xFFFF0000).reinterpretAsFloats();
      FloatVector b2 = w1.lanewise(LSHL, 16).reinterpretAsFloats();
      FloatVector b3 = w1.and(0xFFFF0000).reinterpretAsFloats();
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
      o += Float.BYTES;
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

  static void bf16Tile1x4(int depth, long a0, long b, long c) {
    FloatVector zero = zero(F);
    FloatVector c00 = zero, c01 = zero, c02 = zero, c03 = zero;
    long o = 0;
    long end = b + (long) depth * (2 * BYTES);
    for (long p = b; p != end; p += 2 * BYTES) {
      IntVector w0 = IntVector.fromMemorySegment(I, MEMORY, p, ORDER);
      IntVector w1 = IntVector.fromMemorySegment(I, MEMORY, p + BYTES, ORDER);
      FloatVector b0 = w0.lanewise(LSHL, 16).reinterpretAsFloats();
      FloatVector b1 = w0.and(0xFFFF0000).reinterpretAsFloats();
      FloatVector b2 = w1.lanewise(LSHL, 16).reinterpretAsFloats();
      FloatVector b3 = w1.and(0xFFFF0000).reinterpretAsFloats();
      FloatVector x0 = broadcast(F, MEMORY.get(FLOAT, a0 + o));
      c00 = x0.fma(b0, c00);
      c01 = x0.fma(b1, c01);
      c02 = x0.fma(b2, c02);
      c03 = x0.fma(b3, c03);
      o += Float.BYTES;
    }
    c00.intoMemorySegment(MEMORY, c, ORDER);
    c01.intoMemorySegment(MEMORY, c + BYTES, ORDER);
    c02.intoMemorySegment(MEMORY, c + 2 * BYTES, ORDER);
    c03.intoMemorySegment(MEMORY, c + 3 * BYTES, ORDER);
  }

  static void int8Tile6x4(int depth, long a0, long a1, long a2, long a3, long a4, long a5, long b, long c, long row) {
    FloatVector zero = zero(F);
    FloatVector c00 = zero, c01 = zero, c02 = zero, c03 = zero;
    FloatVector c10 = zero, c11 = zero, c12 = zero, c13 = zero;
    FloatVector c20 = zero, c21 = zero, c22 = zero, c23 = zero;
    FloatVector c30 = zero, c31 = zero, c32 = zero, c33 = zero;
    FloatVector c40 = zero, c41 = zero, c42 = zero, c43 = zero;
    FloatVector c50 = zero, c51 = zero, c52 = zero, c53 = zero;
    long o = 0;
    long end = b + (long) depth * BYTES;
    for (long p = b; p != end; p += BYTES) {
      IntVector w = IntVector.fromMemorySegment(I, MEMORY, p, ORDER);
      FloatVector b0 = (FloatVector) w.lanewise(LSHL, 24).lanewise(ASHR, 24).convert(I2F, 0);
      FloatVector b1 = (FloatVector) w.lanewise(LSHL, 16).lanewise(ASHR, 24).convert(I2F, 0);
      FloatVector b2 = (FloatVector) w.lanewise(LSHL, 8).lanewise(ASHR, 24).convert(I2F, 0);
      FloatVector b3 = (FloatVector) w.lanewise(ASHR, 24).convert(I2F, 0);
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
      o += Float.BYTES;
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

  static void int8Tile2x4(int depth, long a0, long a1, long b, long c, long row) {
    FloatVector zero = zero(F);
    FloatVector c00 = zero, c01 = zero, c02 = zero, c03 = zero;
    FloatVector c10 = zero, c11 = zero, c12 = zero, c13 = zero;
    long o = 0;
    long end = b + (long) depth * BYTES;
    for (long p = b; p != end; p += BYTES) {
      IntVector w = IntVector.fromMemorySegment(I, MEMORY, p, ORDER);
      FloatVector b0 = (FloatVector) w.lanewise(LSHL, 24).lanewise(ASHR, 24).convert(I2F, 0);
      FloatVector b1 = (FloatVector) w.lanewise(LSHL, 16).lanewise(ASHR, 24).convert(I2F, 0);
      FloatVector b2 = (FloatVector) w.lanewise(LSHL, 8).lanewise(ASHR, 24).convert(I2F, 0);
      FloatVector b3 = (FloatVector) w.lanewise(ASHR, 24).convert(I2F, 0);
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
      o += Float.BYTES;
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

  static void int8Tile1x4(int depth, long a0, long b, long c) {
    FloatVector zero = zero(F);
    FloatVector c00 = zero, c01 = zero, c02 = zero, c03 = zero;
    long o = 0;
    long end = b + (long) depth * BYTES;
    for (long p = b; p != end; p += BYTES) {
      IntVector w = IntVector.fromMemorySegment(I, MEMORY, p, ORDER);
      FloatVector b0 = (FloatVector) w.lanewise(LSHL, 24).lanewise(ASHR, 24).convert(I2F, 0);
      FloatVector b1 = (FloatVector) w.lanewise(LSHL, 16).lanewise(ASHR, 24).convert(I2F, 0);
      FloatVector b2 = (FloatVector) w.lanewise(LSHL, 8).lanewise(ASHR, 24).convert(I2F, 0);
      FloatVector b3 = (FloatVector) w.lanewise(ASHR, 24).convert(I2F, 0);
      FloatVector x0 = broadcast(F, MEMORY.get(FLOAT, a0 + o));
      c00 = x0.fma(b0, c00);
      c01 = x0.fma(b1, c01);
      c02 = x0.fma(b2, c02);
      c03 = x0.fma(b3, c03);
      o += Float.BYTES;
    }
    c00.intoMemorySegment(MEMORY, c, ORDER);
    c01.intoMemorySegment(MEMORY, c + BYTES, ORDER);
    c02.intoMemorySegment(MEMORY, c + 2 * BYTES, ORDER);
    c03.intoMemorySegment(MEMORY, c + 3 * BYTES, ORDER);
  }
}

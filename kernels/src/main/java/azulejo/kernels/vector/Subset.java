package azulejo.kernels.vector;

import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.I;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.VectorOperators.EQ;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Tensor;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;

/**
 * The codes of a codebook that may be drawn. What belongs to them is packed together, in the order of the codes, so that all that follows has a shorter row
 * and nothing to leave out.
 */
final class Subset {
  /** Whether the JIT compiles {@code compress}: machines of 128 bits, those of NEON and of SSE, have no instruction for it. */
  static final boolean COMPRESSES = F.vectorBitSize() > 128;

  private static final IntVector LANE = IntVector.zero(I).addIndex(1);

  /** How many there are. */
  final int size;

  /** Address of an int for each vector of a row, with bit i for lane i; one more than there are vectors, with none. */
  final long members;

  /** Address of an int for each of these: how many of the codes come before it. */
  final long before;

  private final int vectors;
  private final long codes;

  /** The codes that may not be drawn, where they are packed by lists. */
  private final long others;

  /**
   * A draw's subset, or null if all codes may be drawn.
   *
   * @param memory for what it keeps
   * @param codebook as {@link azulejo.kernels.Draw} has it
   */
  static Subset of(Backend memory, Tensor codebook) {
    Subset subset = codebook == null ? null : new Subset(memory, codebook);
    return subset == null || subset.size == codebook.columns() ? null : subset;
  }

  Subset(Backend memory, Tensor codebook) {
    int n = codebook.columns();
    vectors = Math.ceilDiv(n, COUNT);
    members = ints(memory, vectors + 1);
    before = ints(memory, vectors + 1);
    codes = ints(memory, n + COUNT);
    others = COMPRESSES ? 0 : ints(memory, n + COUNT);
    size = list(Rows.of(codebook).address(), n);
  }

  private static long ints(Backend memory, int n) {
    return Rows.of(memory.alloc(DType.I32, n)).address();
  }

  /** Returns how many there are. */
  private int list(long rule, int n) {
    int count = 0;
    for (int i = 0; i < n; i += COUNT) {
      FloatVector v = i <= n - COUNT ? Lanes.load(rule + 4L * i) : broadcast(F, 1f).blend(Lanes.load(rule + 4L * i, n - i), F.indexInRange(i, n));
      VectorMask<Float> mask = v.compare(EQ, 0f);
      int word = (int) mask.toLong();
      Lanes.setInt(members + 4L * (i / COUNT), word);
      Lanes.setInt(before + 4L * (i / COUNT), count);
      if (COMPRESSES) {
        LANE.add(i).compress(mask.cast(I)).intoMemorySegment(MEMORY, codes + 4L * count, ORDER);
      } else {
        list(i, Math.min(i + COUNT, n), word, count);
      }
      count += Integer.bitCount(word);
    }
    Lanes.setInt(members + 4L * vectors, 0);
    Lanes.setInt(before + 4L * vectors, count);
    return count;
  }

  /** Codes from {@code first} on, of which the bits of {@code word} are members and {@code j} members come before. */
  private void list(int first, int end, int word, int j) {
    for (int i = first; i < end; i++) {
      Lanes.setInt(codes + 4L * j, i);
      Lanes.setInt(others + 4L * (i - j), i);
      j += word >>> i - first & 1;
    }
  }

  /** The code that has this place among them. */
  int code(int place) {
    return Lanes.getInt(codes + 4L * place);
  }

  /** Packs a row of floats or ints in place; what lies behind them is undefined, to the end of the row's last vector. */
  void pack(long row) {
    if (COMPRESSES) {
      compress(row, members, before, vectors);
    } else {
      gather(row, codes, size, row);
    }
  }

  /** Packs the codes' part of a row of n, and in place that of the others. */
  void part(long row, int n, long to) {
    gather(row, codes, size, to);
    gather(row, others, n - size, row);
  }

  /** A vector's ints come to where others were read before, as none moves up. */
  private static void compress(long row, long members, long before, int vectors) {
    for (int i = 0; i < vectors; i++) {
      VectorMask<Integer> mask = VectorMask.fromLong(I, Lanes.getInt(members + 4L * i));
      IntVector v = IntVector.fromMemorySegment(I, MEMORY, row + (long) Lanes.BYTES * i, ORDER);
      v.compress(mask).intoMemorySegment(MEMORY, row + 4L * Lanes.getInt(before + 4L * i), ORDER);
    }
  }

  private static void gather(long from, long index, int n, long to) {
    for (int i = 0; i < n; i++) {
      Lanes.setInt(to + 4L * i, Lanes.getInt(from + 4L * Lanes.getInt(index + 4L * i)));
    }
  }
}

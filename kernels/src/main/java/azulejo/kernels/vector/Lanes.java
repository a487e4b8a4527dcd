package azulejo.kernels.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector width of this JVM and raw access to memory. Kernels work on absolute byte addresses: one constant segment spans the whole
 * address space, so the JIT folds every bounds and liveness check away and sees loads with no base object. Whoever calls a kernel
 * vouches for the addresses.
 *
 * <p>The helpers here suit small loops. C2 inlines the Vector API always, but a helper only until the compiled method has grown by a few dozen
 * vector operations; past that a helper call boxes its vectors and costs a factor of ten. Large kernels call the Vector API with
 * {@link #MEMORY} directly.
 *
 * <p>The width is the hardware's widest unless the system property {@code azulejo.vector.bits} says 128, 256 or 512. It is a constant for the
 * JVM's life because the JIT compiles vector code only for a constant species.
 */
final class Lanes {
  static final VectorSpecies<Float> F = species();
  static final VectorSpecies<Double> D = VectorSpecies.of(double.class, F.vectorShape());
  static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, F.vectorShape());

  /** Floats in a vector. */
  static final int COUNT = F.length();

  /** Vector registers that a machine of this width has: AVX-512 and AArch64 32, AVX2 16. */
  static final int REGISTERS = F.vectorBitSize() == 512 || System.getProperty("os.arch").equals("aarch64") ? 32 : 16;

  /** What memory for vectors is aligned to, in bytes: a cache line, and the widest vector. */
  static final long ALIGNMENT = 64;

  /** Bytes in a vector. */
  static final int BYTES = F.vectorByteSize();

  @SuppressWarnings("restricted")
  static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  static final ByteOrder ORDER = ByteOrder.nativeOrder();
  static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle();

  private Lanes() {}

  private static VectorSpecies<Float> species() {
    Integer bits = Integer.getInteger("azulejo.vector.bits");
    if (bits == null) {
      return FloatVector.SPECIES_PREFERRED;
    }
    if (bits != 128 && bits != 256 && bits != 512) {
      throw new IllegalArgumentException("azulejo.vector.bits is " + bits + ", not 128, 256 or 512");
    }
    return VectorSpecies.of(float.class, VectorShape.forBitSize(bits));
  }

  static FloatVector load(long address) {
    return FloatVector.fromMemorySegment(F, MEMORY, address, ORDER);
  }

  static void store(FloatVector v, long address) {
    v.intoMemorySegment(MEMORY, address, ORDER);
  }

  /** The {@code n} floats at {@code address}, fewer than a vector holds; the other lanes are 0. */
  static FloatVector load(long address, int n) {
    return FloatVector.fromMemorySegment(F, MEMORY, address, ORDER, F.indexInRange(0, n));
  }

  /** Stores the first {@code n} lanes. */
  static void store(FloatVector v, long address, int n) {
    v.intoMemorySegment(MEMORY, address, ORDER, F.indexInRange(0, n));
  }

  static IntVector loadInts(long address) {
    return IntVector.fromMemorySegment(I, MEMORY, address, ORDER);
  }

  static void store(IntVector v, long address) {
    v.intoMemorySegment(MEMORY, address, ORDER);
  }

  static float get(long address) {
    return MEMORY.get(FLOAT, address);
  }

  static void set(long address, float value) {
    MEMORY.set(FLOAT, address, value);
  }

  static int getInt(long address) {
    return MEMORY.get(ValueLayout.JAVA_INT_UNALIGNED, address);
  }

  static void setInt(long address, int value) {
    MEMORY.set(ValueLayout.JAVA_INT_UNALIGNED, address, value);
  }

  /** Adds 1, whoever else does so at the same time. */
  static void increment(long address) {
    INT.getAndAdd(MEMORY, address, 1);
  }

  static long getLong(long address) {
    return MEMORY.get(ValueLayout.JAVA_LONG_UNALIGNED, address);
  }

  static void setLong(long address, long value) {
    MEMORY.set(ValueLayout.JAVA_LONG_UNALIGNED, address, value);
  }

  static double getDouble(long address) {
    return MEMORY.get(ValueLayout.JAVA_DOUBLE_UNALIGNED, address);
  }

  static void setDouble(long address, double value) {
    MEMORY.set(ValueLayout.JAVA_DOUBLE_UNALIGNED, address, value);
  }

  static void setByte(long address, byte value) {
    MEMORY.set(ValueLayout.JAVA_BYTE, address, value);
  }

  static void setShort(long address, short value) {
    MEMORY.set(ValueLayout.JAVA_SHORT_UNALIGNED, address, value);
  }

  static short getShort(long address) {
    return MEMORY.get(ValueLayout.JAVA_SHORT_UNALIGNED, address);
  }
}

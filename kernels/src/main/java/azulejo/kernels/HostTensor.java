package azulejo.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * A dense row-major tensor in host memory: a weight as it lies in the memory-mapped checkpoint, or an input or output of a backend.
 *
 * @param name what an error message calls it
 * @param data little-endian elements, exactly {@code shape.elements() * dtype.bytes()} bytes, of any alignment
 */
public record HostTensor(String name, DType dtype, Shape shape, MemorySegment data) {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  public HostTensor {
    if (data.byteSize() != Math.multiplyExact(shape.elements(), dtype.bytes())) {
      throw new IllegalArgumentException(
          name + ": " + dtype + " " + shape + " does not fill " + data.byteSize() + " bytes");
    }
  }

  public static HostTensor of(String name, float[] values, long... dims) {
    return new HostTensor(name, DType.F32, Shape.of(dims), MemorySegment.ofArray(values));
  }

  public static HostTensor of(String name, int[] values, long... dims) {
    return new HostTensor(name, DType.I32, Shape.of(dims), MemorySegment.ofArray(values));
  }

  public static HostTensor of(String name, long[] values, long... dims) {
    return new HostTensor(name, DType.I64, Shape.of(dims), MemorySegment.ofArray(values));
  }

  /** Element {@code i} in row-major order, widened (or, from f64, rounded) to f32. */
  public float floatAt(long i) {
    return switch (dtype) {
      case F32 -> data.get(FLOAT, i * 4);
      case F64 -> (float) data.get(DOUBLE, i * 8);
      case F16 -> Float.float16ToFloat(data.get(SHORT, i * 2));
      case BF16 -> Float.intBitsToFloat(data.get(SHORT, i * 2) << 16);
      default -> longAt(i);
    };
  }

  /** Element {@code i} in row-major order; an f64 element keeps its precision. */
  public double doubleAt(long i) {
    return dtype == DType.F64 ? data.get(DOUBLE, i * 8) : dtype.isFloat() ? floatAt(i) : longAt(i);
  }

  /** Element {@code i} of an integer tensor in row-major order. */
  public long longAt(long i) {
    return switch (dtype) {
      case I64 -> data.get(LONG, i * 8);
      case I32 -> data.get(INT, i * 4);
      case I16 -> data.get(SHORT, i * 2);
      case I8 -> data.get(ValueLayout.JAVA_BYTE, i);
      case U8, BOOL -> data.get(ValueLayout.JAVA_BYTE, i) & 0xFF;
      default -> throw new IllegalStateException(name + " is " + dtype + ", not an integer tensor");
    };
  }

  /** {@link #longAt}, if it fits. */
  public int intAt(long i) {
    long value = longAt(i);
    if (value != (int) value) {
      throw new IllegalArgumentException(name + ": " + value + " does not fit I32");
    }
    return (int) value;
  }

  public float[] toFloats() {
    float[] out = new float[Math.toIntExact(shape.elements())];
    for (int i = 0; i < out.length; i++) {
      out[i] = floatAt(i);
    }
    return out;
  }

  public int[] toInts() {
    int[] out = new int[Math.toIntExact(shape.elements())];
    for (int i = 0; i < out.length; i++) {
      out[i] = Math.toIntExact(longAt(i));
    }
    return out;
  }
}

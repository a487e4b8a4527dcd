package azulejo.kernels.vector;

import static azulejo.kernels.vector.Lanes.BYTES;
import static azulejo.kernels.vector.Lanes.COUNT;
import static azulejo.kernels.vector.Lanes.F;
import static azulejo.kernels.vector.Lanes.I;
import static azulejo.kernels.vector.Lanes.MEMORY;
import static azulejo.kernels.vector.Lanes.ORDER;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;

import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Matrix;
import azulejo.kernels.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import jdk.incubator.vector.IntVector;

/**
 * A weight [N, K] as the tiles of {@link Gemm} read it, in one stream: panels of {@link #WIDTH} outputs, and in a panel for each input the
 * {@link #VECTORS} vectors of its weights.
 *
 * <p>In f32 the last panel may be narrower. In the narrow formats every panel is full and a stream of vectors v0, v1, v2, ... is folded lane by lane into
 * words of 32 bits: two vectors a word as bf16, v0 in the lower half, or four as bytes, v0 in the lowest. Shifts take them apart at any lane
 * width. Outputs that do not exist are zeros.
 *
 * @param scales for {@link WeightFormat#INT8}: F32 [panels * WIDTH], else null
 */
record Panels(int outputs, int inputs, WeightFormat format, MemorySegment data, MemorySegment scales) implements Matrix {
  /** Vectors in a panel: with 32 registers a tile of 6 x 4 sums fits, with 16 registers one of 6 x 2. */
  static final int VECTORS = Lanes.REGISTERS >= 32 ? 4 : 2;

  /** Outputs in a panel. */
  static final int WIDTH = VECTORS * COUNT;

  /** How many vectors a vector of words holds. */
  private static int folded(WeightFormat format) {
    return switch (format) {
      case F32 -> 1;
      case BF16 -> 2;
      case INT8 -> 4;
      case F16 -> throw new IllegalArgumentException("the vector backend does not keep weights as f16: take bf16, which is as small");
    };
  }

  /** Room for a weight, undefined. */
  static Panels allocate(SegmentAllocator allocator, int outputs, int inputs, WeightFormat format) {
    int panels = Math.ceilDiv(outputs, WIDTH);
    Panels shape = new Panels(outputs, inputs, format, MemorySegment.NULL, MemorySegment.NULL);
    long bytes = shape.panel(panels - 1) + (long) Math.ceilDiv(inputs * shape.vectors(panels - 1), folded(format)) * BYTES;
    return new Panels(outputs, inputs, format, allocator.allocate(bytes, Lanes.ALIGNMENT),
        format == WeightFormat.INT8 ? allocator.allocate((long) panels * WIDTH * Float.BYTES, Lanes.ALIGNMENT) : null);
  }

  /** Packs a weight [N, K] of any float type, panels in parallel. */
  static Panels pack(Workers workers, SegmentAllocator allocator, HostTensor weight, WeightFormat format) {
    return pack(workers, allocator, weight, weight.shape().size(0), weight.shape().size(1), 1, format);
  }

  /**
   * Packs a weight [N, C, S] as the matrix [N, S * C]: a convolution's filter [O, I, KH * KW], whose inputs a channels-last image brings in the
   * order (tap, channel).
   */
  static Panels pack(Workers workers, SegmentAllocator allocator, HostTensor weight, int outputs, int channels, int taps, WeightFormat format) {
    int inputs = Math.multiplyExact(channels, taps);
    Panels panels = allocate(allocator, outputs, inputs, format);
    try (Arena arena = Arena.ofConfined()) {
      long from = address(weight, arena);
      workers.run(panels.count(), (p, worker) -> {
        long buffer = workers.scratch(worker, (long) inputs * Float.BYTES);
        for (int j = 0; j < panels.vectors(p) * COUNT; j++) {
          int n = p * WIDTH + j;
          long row = n < outputs ? floats(weight.dtype(), from, (long) n * inputs, inputs, buffer) : zeros(inputs, buffer);
          float scale = format == WeightFormat.INT8 ? panels.setScale(n, row) : 1;
          for (int tap = 0; tap < taps; tap++) {
            long source = row + (long) tap * Float.BYTES;
            switch (format) {
              case F32 -> panels.putFloats(source, taps, channels, p, j, tap * channels);
              case BF16 -> panels.putBf16(source, taps, channels, p, j, tap * channels);
              default -> panels.putBytes(source, taps, channels, p, j, tap * channels, scale);
            }
          }
        }
      });
    }
    return panels;
  }

  /** Where the elements of a tensor of a float type lie, off the heap; {@code arena} holds a copy if need be. */
  static long address(HostTensor tensor, Arena arena) {
    if (!tensor.dtype().isFloat()) {
      throw new IllegalArgumentException(tensor.name() + " is " + tensor.dtype() + ", not a float type");
    }
    MemorySegment data = tensor.data();
    return data.isNative() ? data.address() : arena.allocate(data.byteSize(), 8).copyFrom(data).address();
  }

  /** Address of elements first to first + count as floats: in the tensor itself, or widened into {@code buffer}. */
  static long floats(DType dtype, long tensor, long first, int count, long buffer) {
    long from = tensor + first * dtype.bytes();
    switch (dtype) {
      case F32 -> {
        return from;
      }
      case F64 -> {
        for (int i = 0; i < count; i++) {
          Lanes.set(buffer + 4L * i, (float) Lanes.getDouble(from + 8L * i));
        }
      }
      case F16 -> {
        for (int i = 0; i < count; i++) {
          Lanes.set(buffer + 4L * i, Float.float16ToFloat(Lanes.getShort(from + 2L * i)));
        }
      }
      default -> {
        for (int i = 0; i < count; i++) {
          Lanes.set(buffer + 4L * i, WeightFormat.bf16ToFloat(Lanes.getShort(from + 2L * i)));
        }
      }
    }
    return buffer;
  }

  private static long zeros(int count, long buffer) {
    MEMORY.asSlice(buffer, (long) count * Float.BYTES).fill((byte) 0);
    return buffer;
  }

  /** Sets one weight, in f32. */
  void set(int output, int input, float value) {
    int p = output / WIDTH;
    Lanes.set(panel(p) + ((long) input * vectors(p) * COUNT + output % WIDTH) * Float.BYTES, value);
  }

  /** {@code count} floats {@code stride} apart become the weights of output j of panel p from input k on. */
  private void putFloats(long from, int stride, int count, int p, int j, int k) {
    long step = (long) vectors(p) * BYTES;
    long to = part(p, k) + (long) j * Float.BYTES;
    for (int i = 0; i < count; i++) {
      Lanes.set(to + i * step, Lanes.get(from + (long) i * stride * Float.BYTES));
    }
  }

  private void putBf16(long from, int stride, int count, int p, int j, int k) {
    long to = panel(p) + (long) (j % COUNT) * Integer.BYTES;
    for (int i = 0; i < count; i++) {
      int v = (k + i) * VECTORS + j / COUNT;
      Lanes.setShort(to + (long) (v / 2) * BYTES + v % 2 * Short.BYTES, WeightFormat.floatToBf16(Lanes.get(from + (long) i * stride * Float.BYTES)));
    }
  }

  private void putBytes(long from, int stride, int count, int p, int j, int k, float scale) {
    long to = panel(p) + (long) (j % COUNT) * Integer.BYTES;
    for (int i = 0; i < count; i++) {
      int v = (k + i) * VECTORS + j / COUNT;
      Lanes.setByte(to + (long) (v / 4) * BYTES + v % 4, WeightFormat.floatToByte(Lanes.get(from + (long) i * stride * Float.BYTES), scale));
    }
  }

  private float setScale(int n, long row) {
    float largest = 0;
    for (int i = 0; i < inputs; i++) {
      largest = Math.max(largest, Math.abs(Lanes.get(row + 4L * i)));
    }
    scales.setAtIndex(Lanes.FLOAT, n, WeightFormat.scale(largest));
    return WeightFormat.scale(largest);
  }

  /** Panels. */
  int count() {
    return Math.ceilDiv(outputs, WIDTH);
  }

  /** Vectors across panel {@code p}: 4, 2 or 1. */
  int vectors(int p) {
    int v = format == WeightFormat.F32 ? Math.min(VECTORS, Math.ceilDiv(outputs - p * WIDTH, COUNT)) : VECTORS;
    return v == 3 ? 4 : v;
  }

  /** Address of panel {@code p}. */
  private long panel(int p) {
    return data.address() + p * ((long) Math.ceilDiv(inputs * VECTORS, folded(format)) * BYTES);
  }

  /** Address of input {@code k} of panel {@code p}; k is a multiple of 4. */
  long part(int p, int k) {
    return panel(p) + (long) k * vectors(p) / folded(format) * BYTES;
  }

  /** Address of the scales of the outputs from panel {@code p} on, 0 for a format without. */
  long scales(int p) {
    return scales == null ? 0 : scales.address() + (long) p * WIDTH * Float.BYTES;
  }

  /** Writes inputs k to k + depth of panel {@code p} as f32 to memory, for up to four vectors more than that. */
  void widen(int p, int k, int depth, long to) {
    int words = Math.ceilDiv(depth * VECTORS, folded(format));
    if (format == WeightFormat.BF16) {
      widenBf16(part(p, k), words, to);
    } else {
      widenBytes(part(p, k), words, to);
    }
  }

  private static void widenBf16(long from, int words, long to) {
    for (int i = 0; i < words; i++) {
      IntVector w = IntVector.fromMemorySegment(I, MEMORY, from + (long) i * BYTES, ORDER);
      long out = to + (long) i * (2 * BYTES);
      w.lanewise(LSHL, 16).reinterpretAsFloats().intoMemorySegment(MEMORY, out, ORDER);
      w.and(0xFFFF0000).reinterpretAsFloats().intoMemorySegment(MEMORY, out + BYTES, ORDER);
    }
  }

  private static void widenBytes(long from, int words, long to) {
    for (int i = 0; i < words; i++) {
      IntVector w = IntVector.fromMemorySegment(I, MEMORY, from + (long) i * BYTES, ORDER);
      long out = to + (long) i * (4 * BYTES);
      w.lanewise(LSHL, 24).lanewise(ASHR, 24).convert(I2F, 0).intoMemorySegment(MEMORY, out, ORDER);
      w.lanewise(LSHL, 16).lanewise(ASHR, 24).convert(I2F, 0).intoMemorySegment(MEMORY, out + BYTES, ORDER);
      w.lanewise(LSHL, 8).lanewise(ASHR, 24).convert(I2F, 0).intoMemorySegment(MEMORY, out + 2 * BYTES, ORDER);
      w.lanewise(ASHR, 24).convert(I2F, 0).intoMemorySegment(MEMORY, out + 3 * BYTES, ORDER);
    }
  }
}

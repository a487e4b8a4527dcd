package azulejo.kernels;

import java.util.Locale;

/** How a linear layer's weight is kept. A narrower one is read from memory in less time; products are still summed in f32. */
public enum WeightFormat {
  F32,
  /** Rounded to the nearest bf16, ties to even. */
  BF16,
  /** Rounded to the nearest f16, ties to even; none may be beyond {@link #LARGEST_F16}. */
  F16,
  /**
   * A signed byte for each weight and an f32 scale for each output: {@code weight = scale * byte}, scale = largest magnitude of the row / 127 and byte the
   * integer nearest to weight / scale, ties to even.
   */
  INT8;

  /** The largest number of f16. */
  public static final float LARGEST_F16 = 65504;

  /** As options, configurations and descriptions name it: {@code f32}, {@code bf16}, ... */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * What is kept of {@code weight} [N, K], as floats.
   *
   * @throws IllegalArgumentException see {@link #check}
   */
  public HostTensor rounded(HostTensor weight) {
    check(weight);
    if (this == F32) {
      return weight;
    }
    float[] values = weight.toFloats();
    int inputs = weight.shape().size(1);
    for (int from = 0; from < values.length; from += inputs) {
      float scale = scale(values, from, inputs);
      for (int i = from; i < from + inputs; i++) {
        values[i] = switch (this) {
          case BF16 -> bf16ToFloat(floatToBf16(values[i]));
          case F16 -> Float.float16ToFloat(Float.floatToFloat16(values[i]));
          default -> scale * floatToByte(values[i], scale);
        };
      }
    }
    return HostTensor.of(weight.name(), values, weight.shape().toArray());
  }

  /**
   * Refuses a weight that this format cannot hold.
   *
   * @throws IllegalArgumentException for {@link #F16} and a number beyond its largest, in a sentence for the user that names the tensor
   */
  public void check(HostTensor weight) {
    if (this != F16 || weight.dtype() == DType.F16) {
      return;
    }
    for (long i = 0; i < weight.shape().elements(); i++) {
      if (Math.abs(weight.floatAt(i)) > LARGEST_F16) {
        throw new IllegalArgumentException("tensor \"" + weight.name() + "\" holds " + weight.floatAt(i) + ", but the largest f16 is 65504: keep the weights as bf16");
      }
    }
  }

  /** The nearest bf16, ties to even; NaN stays NaN. */
  public static short floatToBf16(float x) {
    int bits = Float.floatToIntBits(x);
    return (short) (Float.isNaN(x) ? bits >>> 16 : bits + 0x7FFF + (bits >>> 16 & 1) >>> 16);
  }

  public static float bf16ToFloat(short x) {
    return Float.intBitsToFloat(x << 16);
  }

  /** The scale that {@link #INT8} gives a row; not finite if one of its weights is not. */
  public static float scale(float[] values, int from, int count) {
    float largest = 0;
    for (int i = from; i < from + count; i++) {
      largest = Math.max(largest, Math.abs(values[i]));
    }
    return scale(largest);
  }

  /** The scale of a row whose largest magnitude this is. */
  public static float scale(float largest) {
    return largest / 127;
  }

  /** The byte of {@link #INT8}; 0 in a row of zeros. */
  public static byte floatToByte(float x, float scale) {
    return (byte) Math.clamp(Math.rint(x / scale), -127, 127);
  }
}

package azulejo.runtime.checkpoint;

import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;

/**
 * A linear layer's weight that takes a quarter of its room in a checkpoint: under its own name an I8 tensor of its shape, [N, K] or [N, K, 1, 1], and under
 * that name with {@link #SCALE} an F32 tensor [N], {@code weight = scale * byte}, as {@link azulejo.kernels.WeightFormat#INT8} makes them.
 */
public final class Quantised {
  /** What follows the name of a weight in the name of its scales. */
  public static final String SCALE = ".scale";

  private Quantised() {}

  /**
   * The weight in F32.
   *
   * @param bytes [N, K] or [N, K, 1, 1]
   * @param scales [N]
   */
  public static HostTensor widened(HostTensor bytes, HostTensor scales) {
    if (bytes.dtype() != DType.I8) {
      throw new IllegalArgumentException(bytes.name() + " is " + bytes.dtype() + ", not I8");
    }
    float[] values = bytes.toFloats();
    int rows = Math.toIntExact(scales.shape().elements());
    int inputs = rows == 0 ? 0 : values.length / rows;
    for (int row = 0; row < rows; row++) {
      float scale = scales.floatAt(row);
      for (int i = row * inputs; i < (row + 1) * inputs; i++) {
        values[i] *= scale;
      }
    }
    return HostTensor.of(bytes.name(), values, bytes.shape().toArray());
  }
}

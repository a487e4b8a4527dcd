package azulejo.runtime.walk;

/**
 * How many cells stay masked after each step of a masked walk, and how random the choice of them is.
 *
 * <p>Follows diffusers' {@code schedulers/scheduling_amused.py}; every operation is in float32 as there, because floors are taken: after 8 of 12
 * steps the cosine is 0.49999997, so 127 of 256 cells stay masked and not 128.
 *
 * @param steps n, at least 1; steps are counted from 0
 * @param temperatureFrom of the first step
 * @param temperatureTo of the last step
 */
public record MaskSchedule(Curve curve, int steps, float temperatureFrom, float temperatureTo) {
  /** What remains masked when a fraction r of the steps is done. */
  public enum Curve {
    /** {@code cos(r pi / 2)} */
    COSINE,
    /** {@code 1 - r} */
    LINEAR
  }

  /** The last temperature where a single one is given: the official scheduler's rule for a number in place of a pair. */
  public static final float SINGLE_TEMPERATURE_END = 0.01f;

  public MaskSchedule {
    if (steps < 1) {
      throw new IllegalArgumentException(steps + " steps");
    }
  }

  /** The fraction of cells that stay masked after {@code step}; slightly negative after the last step of a cosine. */
  public float maskRatio(int step) {
    float done = (float) (step + 1) / steps;
    return switch (curve) {
      case COSINE -> (float) Math.cos(done * (float) Math.PI / 2);
      case LINEAR -> 1 - done;
    };
  }

  /**
   * The number of {@code cells} that stay masked after {@code step}, before the walk's own bounds (at least one, fewer than before).
   *
   * @param startRatio the fraction that was masked at the start
   */
  public int maskLength(int step, int cells, float startRatio) {
    return (int) Math.floor(cells * (startRatio * maskRatio(step)));
  }

  /**
   * {@code torch.linspace(temperatureFrom, temperatureTo, steps)[step]}, from either end to the middle. Bit for bit as PyTorch's AVX2 build has it: whole
   * blocks of 16 are computed as vectors of 8, of which each takes its first element and adds multiples of the stride.
   */
  public float temperature(int step) {
    if (steps == 1) {
      return temperatureFrom;
    }
    float stride = (temperatureTo - temperatureFrom) / (steps - 1);
    int lane = step / 16 < steps / 16 ? step % 8 : 0;
    int first = step - lane;
    float base = first < steps / 2 ? Math.fma(stride, first, temperatureFrom) : Math.fma(-stride, steps - 1 - first, temperatureTo);
    return base + stride * lane;
  }

  /** The start of an image-to-image walk at {@code step}: a copy of {@code grid} with each cell masked whose uniform variate is below {@link #maskRatio}. */
  public int[] addNoise(int[] grid, int step, float[] uniform, int maskId) {
    int[] noisy = grid.clone();
    for (int i = 0; i < noisy.length; i++) {
      if (uniform[i] < maskRatio(step)) {
        noisy[i] = maskId;
      }
    }
    return noisy;
  }
}

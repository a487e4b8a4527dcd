package azulejo.models.perceptual;

/** PyTorch's {@code F.interpolate}. */
final class Resize {
  private Resize() {}

  /**
   * {@code mode="bilinear", align_corners=False} without antialiasing, in f32 as ATen's {@code native/cpu/UpSampleKernel.cpp} has it.
   *
   * @param x [H, W, C]
   * @return [height, width, C]
   */
  static float[] bilinear(float[] x, int fromHeight, int fromWidth, int channels, int height, int width) {
    Axis down = Axis.of(fromHeight, height);
    Axis across = Axis.of(fromWidth, width);
    float[] out = new float[height * width * channels];
    for (int row = 0, to = 0; row < height; row++) {
      int top = down.low[row] * fromWidth;
      int bottom = down.high[row] * fromWidth;
      float below = down.share[row];
      for (int column = 0; column < width; column++) {
        int left = across.low[column];
        int right = across.high[column];
        float aside = across.share[column];
        for (int c = 0; c < channels; c++, to++) {
          float upper = (1 - aside) * x[(top + left) * channels + c] + aside * x[(top + right) * channels + c];
          float lower = (1 - aside) * x[(bottom + left) * channels + c] + aside * x[(bottom + right) * channels + c];
          out[to] = (1 - below) * upper + below * lower;
        }
      }
    }
    return out;
  }

  /**
   * Which two neighbours each new place lies between.
   *
   * @param share of the higher one
   */
  private record Axis(int[] low, int[] high, float[] share) {
    static Axis of(int from, int to) {
      Axis axis = new Axis(new int[to], new int[to], new float[to]);
      float scale = (float) from / to;
      for (int i = 0; i < to; i++) {
        float place = Math.max(0, scale * (i + 0.5f) - 0.5f);
        axis.low[i] = Math.min((int) place, from - 1);
        axis.high[i] = Math.min(axis.low[i] + 1, from - 1);
        axis.share[i] = Math.clamp(place - axis.low[i], 0f, 1f);
      }
      return axis;
    }
  }
}

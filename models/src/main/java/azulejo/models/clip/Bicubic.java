package azulejo.models.clip;

import azulejo.models.Image;

/**
 * Pillow's bicubic resizing of 8-bit images, {@code Image.resize(size, Image.BICUBIC)}, bit for bit: the filter is stretched when an image shrinks, weights are
 * fixed-point numbers, and each of the two passes, along rows and along columns, rounds to levels. Follows Pillow's {@code src/libImaging/Resample.c}.
 */
final class Bicubic {
  /** Bits of a weight behind the point. */
  private static final int PRECISION = 32 - 8 - 2;
  private static final double A = -0.5;
  private static final double SUPPORT = 2;

  private Bicubic() {}

  static Image resize(Image image, int width, int height) {
    byte[] rgb = image.rgb();
    if (width != image.width()) {
      rgb = resample(rgb, image.height(), 3 * image.width(), 3 * width, 3, Weights.of(image.width(), width));
    }
    if (height != image.height()) {
      rgb = resample(rgb, 1, rgb.length, 3 * width * height, 3 * width, Weights.of(image.height(), height));
    }
    return new Image(width, height, rgb.clone());
  }

  /** Each of some lines, along which neighbours lie {@code step} bytes apart, side by side with {@code step} of their kind. */
  private static byte[] resample(byte[] in, int lines, int inLine, int outLine, int step, Weights weights) {
    byte[] out = new byte[lines * outLine];
    for (int line = 0; line < lines; line++) {
      for (int to = 0; to < outLine; to++) {
        int place = to / step;
        int from = line * inLine + weights.first[place] * step + to % step;
        int sum = 1 << PRECISION - 1;
        for (int weight : weights.fixed[place]) {
          sum += (in[from] & 0xFF) * weight;
          from += step;
        }
        out[line * outLine + to] = (byte) Math.clamp(sum >> PRECISION, 0, 255);
      }
    }
    return out;
  }

  /**
   * What each new place is a mean of.
   *
   * @param first the old place of its first weight
   */
  private record Weights(int[] first, int[][] fixed) {
    static Weights of(int from, int to) {
      Weights weights = new Weights(new int[to], new int[to][]);
      double scale = (double) from / to;
      double stretch = Math.max(scale, 1);
      double support = SUPPORT * stretch;
      for (int place = 0; place < to; place++) {
        double centre = (place + 0.5) * scale;
        int first = Math.max(0, (int) (centre - support + 0.5));
        int end = Math.min(from, (int) (centre + support + 0.5));
        double[] exact = new double[end - first];
        double sum = 0;
        for (int i = 0; i < exact.length; i++) {
          exact[i] = cubic((i + first - centre + 0.5) * (1 / stretch));
          sum += exact[i];
        }
        weights.first[place] = first;
        weights.fixed[place] = new int[exact.length];
        for (int i = 0; i < exact.length; i++) {
          double weight = exact[i] / sum * (1 << PRECISION);
          weights.fixed[place][i] = (int) (weight < 0 ? weight - 0.5 : weight + 0.5);
        }
      }
      return weights;
    }

    private static double cubic(double x) {
      double d = Math.abs(x);
      if (d < 1) {
        return ((A + 2) * d - (A + 3)) * d * d + 1;
      }
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * A : 0;
    }
  }
}

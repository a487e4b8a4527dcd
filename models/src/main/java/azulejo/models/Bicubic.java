package azulejo.models;

/**
 * Pillow's bicubic resizing of 8-bit images, {@code Image.resize(size, Image.BICUBIC)}, bit for bit: the filter is stretched when an image shrinks, weights are
 * fixed-point numbers, and each of the two passes, along rows and along columns, rounds to levels. Follows Pillow's {@code src/libImaging/Resample.c}.
 */
public final class Bicubic {
  /** Bits of a weight behind the point. */
  private static final int PRECISION = 32 - 8 - 2;
  private static final double A = -0.5;
  private static final double SUPPORT = 2;

  private Bicubic() {}

  /** A square picture of the middle: the shorter side becomes {@code side}, and the longer one loses what sticks out, as much on either end. */
  public static Image square(Image image, int side) {
    Image resized = resizeShorter(image, side);
    return crop(resized, side, side);
  }

  /** The shorter side becomes {@code side}, the longer one is rounded down. */
  public static Image resizeShorter(Image image, int side) {
    int shorter = Math.min(image.width(), image.height());
    int longer = (int) ((double) side * Math.max(image.width(), image.height()) / shorter);
    return image.width() <= image.height() ? resize(image, side, longer) : resize(image, longer, side);
  }

  /** The middle, as far up and to the left as whole pixels allow. */
  public static Image crop(Image image, int width, int height) {
    int top = (image.height() - height) / 2;
    int left = (image.width() - width) / 2;
    byte[] rgb = new byte[3 * height * width];
    for (int row = 0; row < height; row++) {
      System.arraycopy(image.rgb(), 3 * ((top + row) * image.width() + left), rgb, 3 * row * width, 3 * width);
    }
    return new Image(width, height, rgb);
  }

  public static Image resize(Image image, int width, int height) {
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

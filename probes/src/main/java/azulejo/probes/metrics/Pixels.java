package azulejo.probes.metrics;

import azulejo.models.Image;

/**
 * An image as one vector, all pixels' levels in a row.
 *
 * @param levels 0 to 255
 * @param mean what is subtracted from each of them
 * @param square of the length of what is left
 */
public record Pixels(byte[] levels, double mean, double square) {
  /** As it is: images of ordinary brightness all point much the same way. */
  public static Pixels raw(Image image) {
    return of(image.rgb(), 0);
  }

  /** Less its own mean level, over all pixels and colours. */
  public static Pixels centred(Image image) {
    long sum = 0;
    for (byte level : image.rgb()) {
      sum += level & 0xFF;
    }
    return of(image.rgb(), (double) sum / image.rgb().length);
  }

  private static Pixels of(byte[] levels, double mean) {
    return new Pixels(levels, mean, product(levels, mean, levels, mean));
  }

  /** {@code sum (a - meanA) (b - meanB)}: the products of levels are summed exactly. */
  private static double product(byte[] a, double meanA, byte[] b, double meanB) {
    long sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (a[i] & 0xFF) * (b[i] & 0xFF);
    }
    return sum - a.length * meanA * meanB;
  }

  /**
   * {@code 1 - cosine} of the angle between two images, from 0 to 2: scipy's {@code cosine} for raw ones, its {@code correlation} for centred ones. An
   * image without any length (all black, or, centred, of one level) is at the distance 0 from another such and 1 from the rest.
   */
  public static double cosineDistance(Pixels x, Pixels y) {
    if (x.square <= 0 || y.square <= 0) {
      return x.square <= 0 && y.square <= 0 ? 0 : 1;
    }
    return 1 - product(x.levels, x.mean, y.levels, y.mean) / Math.sqrt(x.square * y.square);
  }

  /** The mean squared difference of levels. */
  public static double meanSquaredError(Pixels x, Pixels y) {
    long sum = 0;
    for (int i = 0; i < x.levels.length; i++) {
      long difference = (x.levels[i] & 0xFF) - (y.levels[i] & 0xFF);
      sum += difference * difference;
    }
    return (double) sum / x.levels.length;
  }

  /** The peak signal-to-noise ratio in decibels, infinite for equal images. */
  public static double psnr(Pixels x, Pixels y) {
    return 10 * Math.log10(255 * 255 / meanSquaredError(x, y));
  }
}

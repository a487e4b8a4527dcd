package azulejo.probes.metrics;

import azulejo.models.Image;
import azulejo.runtime.OptionException;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The structural similarity of two images, 1 for equal ones: means, variances and covariance under a sliding window, averaged over the pixels whose window
 * lies inside the image and over the three colours.
 *
 * <p>Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity" (2004). Follows skimage 0.19's {@code
 * metrics/_structural_similarity.py} and torchmetrics 1.4's {@code functional/image/ssim.py}, in double.
 *
 * @param window weights along either axis, odd in number
 * @param covarianceScale what variances and the covariance are multiplied by
 * @param range of the levels, the fixed one (255), or {@link Range#SEEN}
 */
public record Ssim(double[] window, double covarianceScale, Range range) {
  /** What the stabilising constants are relative to. */
  public enum Range {
    /** All levels that a byte has. */
    ALL,
    /** torchmetrics' {@code data_range=None}: the largest range of levels in either image; all where both have one level only, of which it makes NaN. */
    SEEN
  }

  private static final double K1 = 0.01;
  private static final double K2 = 0.03;
  private static final double SIGMA = 1.5;
  private static final int RADIUS = 5;

  /** The window of the paper, 11 x 11: skimage with {@code gaussian_weights=True, sigma=1.5, use_sample_covariance=False}, and torchmetrics. */
  public static Ssim gaussian(Range range) {
    double[] weights = IntStream.rangeClosed(-RADIUS, RADIUS).mapToDouble(i -> Math.exp(-0.5 * i * i / (SIGMA * SIGMA))).toArray();
    double sum = Arrays.stream(weights).sum();
    return new Ssim(Arrays.stream(weights).map(w -> w / sum).toArray(), 1, range);
  }

  /** skimage's defaults: 7 x 7 equal weights, sample covariance. */
  public static Ssim uniform() {
    double[] weights = new double[7];
    Arrays.fill(weights, 1.0 / 7);
    return new Ssim(weights, 49.0 / 48, Range.ALL);
  }

  /**
   * What one image brings to all its pairs.
   *
   * @param levels [3][H * W], of one colour each
   * @param means under the window, like all that follow
   * @param spread the largest level less the smallest
   */
  public record Moments(int width, int height, double[][] levels, double[][] means, double[][] variances, double spread) {}

  /** @throws OptionException when the image is smaller than the window */
  public Moments moments(Image image) {
    int width = image.width();
    int height = image.height();
    if (Math.min(width, height) < window.length) {
      throw new OptionException("an image of " + width + "x" + height + " pixels is smaller than the window of SSIM, " + window.length + "x" + window.length);
    }
    double[][] levels = new double[3][width * height];
    int darkest = 255;
    int lightest = 0;
    for (int i = 0; i < image.rgb().length; i++) {
      int level = image.rgb()[i] & 0xFF;
      levels[i % 3][i / 3] = level;
      darkest = Math.min(darkest, level);
      lightest = Math.max(lightest, level);
    }
    double[][] means = new double[3][];
    double[][] variances = new double[3][];
    for (int c = 0; c < 3; c++) {
      means[c] = filter(levels[c], width, height);
      variances[c] = covariances(levels[c], means[c], levels[c], means[c], width, height);
    }
    return new Moments(width, height, levels, means, variances, lightest - darkest);
  }

  private double[] covariances(double[] x, double[] meanX, double[] y, double[] meanY, int width, int height) {
    double[] products = new double[x.length];
    for (int i = 0; i < products.length; i++) {
      products[i] = x[i] * y[i];
    }
    double[] covariances = filter(products, width, height);
    for (int i = 0; i < products.length; i++) {
      covariances[i] = covarianceScale * (covariances[i] - meanX[i] * meanY[i]);
    }
    return covariances;
  }

  /** The mean similarity. */
  public double similarity(Moments x, Moments y) {
    int border = window.length / 2;
    double sum = 0;
    for (double[] map : map(x, y)) {
      for (int row = border; row < x.height - border; row++) {
        for (int column = border; column < x.width - border; column++) {
          sum += map[row * x.width + column];
        }
      }
    }
    return sum / (3.0 * (x.height - 2 * border) * (x.width - 2 * border));
  }

  /** The similarity at each pixel, [3][H * W]; beyond the border images go on as their own mirror image, the border's pixels repeated. */
  public List<double[]> map(Moments x, Moments y) {
    double seen = Math.max(x.spread, y.spread);
    double levels = range == Range.SEEN && seen > 0 ? seen : 255;
    double c1 = K1 * levels * K1 * levels;
    double c2 = K2 * levels * K2 * levels;
    return IntStream.range(0, 3).mapToObj(c -> {
      double[] similarity = covariances(x.levels[c], x.means[c], y.levels[c], y.means[c], x.width, x.height);
      for (int i = 0; i < similarity.length; i++) {
        double a = x.means[c][i];
        double b = y.means[c][i];
        similarity[i] = (2 * a * b + c1) * (2 * similarity[i] + c2) / ((a * a + b * b + c1) * (x.variances[c][i] + y.variances[c][i] + c2));
      }
      return similarity;
    }).toList();
  }

  /** The weighted mean under the window around each pixel, along rows and then along columns. */
  private double[] filter(double[] x, int width, int height) {
    double[] across = new double[x.length];
    double[] out = new double[x.length];
    int radius = window.length / 2;
    for (int k = -radius; k <= radius; k++) {
      double weight = window[k + radius];
      for (int row = 0; row < height; row++) {
        for (int column = 0; column < width; column++) {
          across[row * width + column] += weight * x[row * width + mirrored(column + k, width)];
        }
      }
    }
    for (int k = -radius; k <= radius; k++) {
      double weight = window[k + radius];
      for (int row = 0; row < height; row++) {
        int from = mirrored(row + k, height) * width;
        int to = row * width;
        for (int column = 0; column < width; column++) {
          out[to + column] += weight * across[from + column];
        }
      }
    }
    return out;
  }

  private static int mirrored(int i, int size) {
    return i < 0 ? -i - 1 : i >= size ? 2 * size - i - 1 : i;
  }
}

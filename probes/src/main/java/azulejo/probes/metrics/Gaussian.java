package azulejo.probes.metrics;

import java.util.List;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;

/**
 * The normal distribution that FID takes a collection's features for.
 *
 * @param mean [D]
 * @param factor A [D, K] with {@code A A^T} the covariance, K at most the smaller of D and the number of images
 */
public record Gaussian(double[] mean, DMatrixRMaj factor) {
  /** Of vectors of one length; at least two. The covariance is that of a sample, over n - 1. */
  public static Gaussian of(List<float[]> features) {
    int n = features.size();
    int d = features.getFirst().length;
    double[] mean = new double[d];
    for (float[] vector : features) {
      for (int i = 0; i < d; i++) {
        mean[i] += vector[i];
      }
    }
    for (int i = 0; i < d; i++) {
      mean[i] /= n;
    }
    if (n <= d) {
      DMatrixRMaj centred = new DMatrixRMaj(d, n);
      for (int j = 0; j < n; j++) {
        for (int i = 0; i < d; i++) {
          centred.set(i, j, (features.get(j)[i] - mean[i]) / Math.sqrt(n - 1));
        }
      }
      return new Gaussian(mean, centred);
    }
    return new Gaussian(mean, Spectra.factor(covariance(features, mean)));
  }

  private static DMatrixRMaj covariance(List<float[]> features, double[] mean) {
    int d = mean.length;
    DMatrixRMaj covariance = new DMatrixRMaj(d, d);
    double[] sums = covariance.data;
    double[] centred = new double[d];
    for (float[] vector : features) {
      for (int i = 0; i < d; i++) {
        centred[i] = vector[i] - mean[i];
      }
      for (int i = 0; i < d; i++) {
        double x = centred[i];
        int row = i * d;
        for (int j = 0; j <= i; j++) {
          sums[row + j] += x * centred[j];
        }
      }
    }
    for (int i = 0; i < d; i++) {
      for (int j = 0; j <= i; j++) {
        sums[i * d + j] /= features.size() - 1;
        sums[j * d + i] = sums[i * d + j];
      }
    }
    return covariance;
  }

  /** [D, D]. */
  public DMatrixRMaj covariance() {
    DMatrixRMaj covariance = new DMatrixRMaj(mean.length, mean.length);
    CommonOps_DDRM.multTransB(factor, factor, covariance);
    return covariance;
  }

  /**
   * The Frechet distance to another, {@code |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))}. The trace of the root is the sum of the singular values of
   * {@code A1^T A2}: no root of a product that may be singular is taken, and no digits are lost to one.
   */
  public double distance(Gaussian other) {
    double sum = 0;
    for (int i = 0; i < mean.length; i++) {
      sum += (mean[i] - other.mean[i]) * (mean[i] - other.mean[i]);
    }
    DMatrixRMaj product = new DMatrixRMaj(factor.numCols, other.factor.numCols);
    CommonOps_DDRM.multTransA(factor, other.factor, product);
    // of equal distributions rounding may leave a little less than nothing
    return Math.max(0, sum + trace() + other.trace() - 2 * Spectra.nuclearNorm(product));
  }

  private double trace() {
    double sum = 0;
    for (int i = 0; i < factor.getNumElements(); i++) {
      sum += factor.get(i) * factor.get(i);
    }
    return sum;
  }
}

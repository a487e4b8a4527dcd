package azulejo.probes.metrics;

import java.util.Arrays;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.EigenDecomposition_F64;
import org.ejml.interfaces.decomposition.SingularValueDecomposition_F64;

/** Eigenvalues and singular values of dense matrices, in double. */
final class Spectra {
  private Spectra() {}

  /** Of a symmetric positive semi-definite matrix, which is overwritten: rounding may leave values a little below zero, which become 0. */
  static double[] eigenvalues(DMatrixRMaj symmetric) {
    EigenDecomposition_F64<DMatrixRMaj> eigen = DecompositionFactory_DDRM.eig(symmetric.numRows, false, true);
    if (!eigen.decompose(symmetric)) {
      throw new ArithmeticException("the eigenvalues of a " + symmetric.numRows + "x" + symmetric.numRows + " matrix did not converge");
    }
    double[] values = new double[symmetric.numRows];
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.max(0, eigen.getEigenvalue(i).real);
    }
    return values;
  }

  /**
   * A [N, K] with {@code A A^T} the symmetric positive semi-definite matrix [N, N], by Cholesky's method with pivots: K is its rank as far as rounding shows
   * it. It takes a quarter of the time of eigenvectors.
   */
  static DMatrixRMaj factor(DMatrixRMaj symmetric) {
    int n = symmetric.numRows;
    DMatrixRMaj factor = new DMatrixRMaj(n, n);
    double[] left = new double[n];
    for (int i = 0; i < n; i++) {
      left[i] = symmetric.get(i, i);
    }
    double nothing = n * 0x1p-52 * Arrays.stream(left).max().orElse(0);
    int rank = 0;
    for (; rank < n; rank++) {
      int pivot = 0;
      for (int i = 1; i < n; i++) {
        pivot = left[i] > left[pivot] ? i : pivot;
      }
      if (left[pivot] <= nothing) {
        break;
      }
      double root = Math.sqrt(left[pivot]);
      for (int i = 0; i < n; i++) {
        double value = left[i] == 0 ? 0 : (symmetric.get(i, pivot) - Vectors.dot(factor.data, i * n, factor.data, pivot * n, rank)) / root;
        factor.set(i, rank, value);
        left[i] = i == pivot ? 0 : Math.max(0, left[i] - value * value);
      }
    }
    return CommonOps_DDRM.extract(factor, 0, n, 0, Math.max(1, rank));
  }

  /** The sum of the singular values of a matrix, which is overwritten. */
  static double nuclearNorm(DMatrixRMaj matrix) {
    SingularValueDecomposition_F64<DMatrixRMaj> svd = DecompositionFactory_DDRM.svd(matrix.numRows, matrix.numCols, false, false, true);
    if (!svd.decompose(matrix)) {
      throw new ArithmeticException("the singular values of a " + matrix.numRows + "x" + matrix.numCols + " matrix did not converge");
    }
    double sum = 0;
    for (int i = 0; i < svd.numberOfSingularValues(); i++) {
      sum += svd.getSingularValues()[i];
    }
    return sum;
  }

  /** {@code -sum p log p} of the eigenvalues of a matrix of trace 1, which is overwritten, in nats. */
  static double entropy(DMatrixRMaj density) {
    double entropy = 0;
    for (double p : eigenvalues(density)) {
      entropy -= p == 0 ? 0 : p * Math.log(p);
    }
    return entropy;
  }
}

package azulejo.probes.metrics;

import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.EigenDecomposition_F64;
import org.ejml.interfaces.decomposition.SingularValueDecomposition_F64;

/** Eigenvalues and singular values of dense matrices, in double. */
final class Spectra {
  private Spectra() {}

  /** Of a symmetric positive semi-definite matrix, which is overwritten: rounding may leave values a little below zero, which become 0. */
  static double[] eigenvalues(DMatrixRMaj symmetric) {
    EigenDecomposition_F64<DMatrixRMaj> eigen = decomposed(symmetric, false);
    double[] values = new double[symmetric.numRows];
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.max(0, eigen.getEigenvalue(i).real);
    }
    return values;
  }

  /** A with {@code A A^T} the symmetric positive semi-definite matrix, which is overwritten. */
  static DMatrixRMaj factor(DMatrixRMaj symmetric) {
    int n = symmetric.numRows;
    EigenDecomposition_F64<DMatrixRMaj> eigen = decomposed(symmetric, true);
    DMatrixRMaj factor = new DMatrixRMaj(n, n);
    for (int i = 0; i < n; i++) {
      double root = Math.sqrt(Math.max(0, eigen.getEigenvalue(i).real));
      DMatrixRMaj vector = eigen.getEigenVector(i);
      for (int row = 0; row < n; row++) {
        factor.set(row, i, root * vector.get(row));
      }
    }
    return factor;
  }

  private static EigenDecomposition_F64<DMatrixRMaj> decomposed(DMatrixRMaj symmetric, boolean vectors) {
    EigenDecomposition_F64<DMatrixRMaj> eigen = DecompositionFactory_DDRM.eig(symmetric.numRows, vectors, true);
    if (!eigen.decompose(symmetric)) {
      throw new ArithmeticException("the eigenvalues of a " + symmetric.numRows + "x" + symmetric.numRows + " matrix did not converge");
    }
    return eigen;
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

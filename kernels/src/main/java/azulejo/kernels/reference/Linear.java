package azulejo.kernels.reference;

import azulejo.kernels.Activation;
import azulejo.kernels.Matrix;

/** The linear layer. */
final class Linear {
  private Linear() {}

  /** A weight as the checkpoint has it, a row for each output. */
  record Weight(Rows rows) implements Matrix {
    static Weight of(Matrix matrix) {
      if (matrix instanceof Weight weight) {
        return weight;
      }
      throw new IllegalArgumentException("the matrix belongs to another backend");
    }

    @Override
    public int outputs() {
      return rows.rows();
    }

    @Override
    public int inputs() {
      return rows.columns();
    }
  }

  static void linear(Rows x, Weight weight, Rows bias, Activation activation, Rows residual, Rows out) {
    for (int r = 0; r < out.rows(); r++) {
      double[] input = x.row(r);
      for (int n = 0; n < out.columns(); n++) {
        double sum = bias == null ? 0 : bias.get(0, n);
        for (int k = 0; k < input.length; k++) {
          sum += input[k] * weight.rows.get(n, k);
        }
        double y = Pointwise.activation(activation, sum);
        out.set(r, n, residual == null ? y : y + residual.get(r, n));
      }
    }
  }
}

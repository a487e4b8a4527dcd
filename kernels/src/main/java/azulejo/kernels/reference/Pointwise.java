package azulejo.kernels.reference;

import azulejo.kernels.Activation;
import azulejo.kernels.Checks;

/** Ops that treat each element, or each row, by itself. */
final class Pointwise {
  private Pointwise() {}

  static void gather(Rows table, Rows index, Rows out) {
    for (int r = 0; r < out.rows(); r++) {
      int i = index.getInt(r / index.columns(), r % index.columns());
      if (i != -1) {
        Checks.index("gather", i, table.rows());
      }
      for (int c = 0; c < out.columns(); c++) {
        out.set(r, c, i == -1 ? 0 : table.get(i, c));
      }
    }
  }

  static void add(Rows a, Rows b, Rows out) {
    for (int r = 0; r < out.rows(); r++) {
      for (int c = 0; c < out.columns(); c++) {
        out.set(r, c, (double) a.get(r, c) + b.get(r % b.rows(), c));
      }
    }
  }

  static void activate(Rows x, Activation activation, Rows out) {
    for (int r = 0; r < out.rows(); r++) {
      for (int c = 0; c < out.columns(); c++) {
        out.set(r, c, activation(activation, x.get(r, c)));
      }
    }
  }

  static void gate(Rows x, Activation activation, Rows out) {
    for (int r = 0; r < out.rows(); r++) {
      for (int c = 0; c < out.columns(); c++) {
        out.set(r, c, x.get(r, c) * activation(activation, x.get(r, out.columns() + c)));
      }
    }
  }

  static void modulate(Rows x, Rows scaleShift, Rows out) {
    for (int r = 0; r < out.rows(); r++) {
      int b = r / (out.rows() / scaleShift.rows());
      for (int c = 0; c < out.columns(); c++) {
        out.set(r, c, modulate(x.get(r, c), scaleShift, b, c));
      }
    }
  }

  static double modulate(double x, Rows scaleShift, int b, int c) {
    int channels = scaleShift.columns() / 2;
    return x * (1.0 + scaleShift.get(b, c)) + scaleShift.get(b, channels + c);
  }

  static double activation(Activation activation, double x) {
    return switch (activation) {
      case NONE -> x;
      case RELU -> Math.max(x, 0);
      case SILU -> x / (1 + StrictMath.exp(-x));
      case GELU -> x * normalCdf(x);
      case GELU_TANH -> x / (1 + StrictMath.exp(-2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
      case QUICK_GELU -> x / (1 + StrictMath.exp(-1.702 * x));
    };
  }

  /**
   * Phi(x), the area under the bell curve left of x: around the middle by the series of Marsaglia, "Evaluating the normal distribution" (2004),
   * in the tails by Laplace's continued fraction; the relative error is below 1e-11.
   */
  static double normalCdf(double x) {
    double density = StrictMath.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
    if (Math.abs(x) < 4) {
      double term = x;
      double sum = x;
      for (int i = 3; Math.abs(term) > 1e-18; i += 2) {
        term *= x * x / i;
        sum += term;
      }
      return 0.5 + density * sum;
    }
    double fraction = Math.abs(x);
    for (int i = 60; i >= 1; i--) {
      fraction = Math.abs(x) + i / fraction;
    }
    double tail = density / fraction;
    return x < 0 ? tail : 1 - tail;
  }
}

package azulejo.kernels.reference;

import azulejo.kernels.Activation;
import azulejo.kernels.Norm;

/** Normalisations. */
final class Norms {
  private Norms() {}

  static void norm(Norm norm, Rows x, Rows weight, Rows bias, float eps, Rows scaleShift, Rows out) {
    int channels = x.columns();
    for (int r = 0; r < x.rows(); r++) {
      double[] row = x.row(r);
      double mean = 0;
      if (norm == Norm.LAYER) {
        for (double value : row) {
          mean += value / channels;
        }
      }
      double variance = 0;
      for (double value : row) {
        variance += (value - mean) * (value - mean) / channels;
      }
      double deviation = Math.sqrt(variance + eps);
      for (int c = 0; c < channels; c++) {
        double y = affine((row[c] - mean) / deviation, weight, bias, c);
        if (scaleShift != null) {
          y = Pointwise.modulate(y, scaleShift, r / (x.rows() / scaleShift.rows()), c);
        }
        out.set(r, c, y);
      }
    }
  }

  private static double affine(double x, Rows weight, Rows bias, int c) {
    double y = weight == null ? x : x * weight.get(0, c);
    return bias == null ? y : y + bias.get(0, c);
  }

  /** A row is a pixel. */
  static void groupNorm(Rows x, int batch, int groups, Rows weight, Rows bias, float eps, Activation activation, Rows out) {
    int pixels = batch == 0 ? 0 : x.rows() / batch;
    int size = x.columns() / groups;
    double count = (double) pixels * size;
    for (int b = 0; b < batch; b++) {
      for (int group = 0; group < groups; group++) {
        int from = group * size;
        double mean = 0;
        for (int r = b * pixels; r < (b + 1) * pixels; r++) {
          for (int c = from; c < from + size; c++) {
            mean += x.get(r, c) / count;
          }
        }
        double variance = 0;
        for (int r = b * pixels; r < (b + 1) * pixels; r++) {
          for (int c = from; c < from + size; c++) {
            variance += (x.get(r, c) - mean) * (x.get(r, c) - mean) / count;
          }
        }
        double deviation = Math.sqrt(variance + eps);
        for (int r = b * pixels; r < (b + 1) * pixels; r++) {
          for (int c = from; c < from + size; c++) {
            out.set(r, c, Pointwise.activation(activation, affine((x.get(r, c) - mean) / deviation, weight, bias, c)));
          }
        }
      }
    }
  }

  /** A row is a token. */
  static void globalResponseNorm(Rows x, int batch, Rows gamma, Rows beta, Rows out) {
    int tokens = batch == 0 ? 0 : x.rows() / batch;
    int channels = x.columns();
    for (int b = 0; b < batch; b++) {
      double[] length = new double[channels];
      double mean = 0;
      for (int c = 0; c < channels; c++) {
        for (int r = b * tokens; r < (b + 1) * tokens; r++) {
          length[c] += (double) x.get(r, c) * x.get(r, c);
        }
        length[c] = Math.sqrt(length[c]);
        mean += length[c] / channels;
      }
      for (int r = b * tokens; r < (b + 1) * tokens; r++) {
        for (int c = 0; c < channels; c++) {
          double n = length[c] / (mean + 1e-6);
          out.set(r, c, gamma.get(0, c) * (x.get(r, c) * n) + beta.get(0, c) + x.get(r, c));
        }
      }
    }
  }
}

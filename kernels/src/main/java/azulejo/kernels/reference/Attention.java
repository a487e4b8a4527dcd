package azulejo.kernels.reference;

import azulejo.kernels.AttentionMask;

/** Attention and the position embedding of its queries and keys. */
final class Attention {
  private Attention() {}

  /** One head of one batch: q, out [T, D]; k, v [S, D]; bias null or [T, S]. */
  static void attention(Rows q, Rows k, Rows v, float scale, AttentionMask mask, Rows bias, Rows out) {
    for (int t = 0; t < q.rows(); t++) {
      int visible = mask == AttentionMask.CAUSAL ? Math.min(t + 1, k.rows()) : k.rows();
      double[] weights = new double[visible];
      for (int s = 0; s < visible; s++) {
        for (int d = 0; d < q.columns(); d++) {
          weights[s] += (double) q.get(t, d) * k.get(s, d);
        }
        weights[s] = weights[s] * scale + (bias == null ? 0 : bias.get(t, s));
      }
      softmax(weights);
      for (int d = 0; d < v.columns(); d++) {
        double sum = 0;
        for (int s = 0; s < visible; s++) {
          sum += weights[s] * v.get(s, d);
        }
        out.set(t, d, sum);
      }
    }
  }

  /** One head of one batch: x, out [T, D]; a row of the table is (cos, sin) of a token's pair. */
  static void rotary(Rows x, Rows table, Rows out) {
    int pairs = x.columns() / 2;
    for (int t = 0; t < x.rows(); t++) {
      for (int i = 0; i < pairs; i++) {
        double cos = table.get(t * pairs + i, 0);
        double sin = table.get(t * pairs + i, 1);
        double even = x.get(t, 2 * i);
        double odd = x.get(t, 2 * i + 1);
        out.set(t, 2 * i, even * cos - odd * sin);
        out.set(t, 2 * i + 1, odd * cos + even * sin);
      }
    }
  }

  private static void softmax(double[] x) {
    double max = Double.NEGATIVE_INFINITY;
    for (double value : x) {
      max = Math.max(max, value);
    }
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      x[i] = StrictMath.exp(x[i] - max);
      sum += x[i];
    }
    for (int i = 0; i < x.length; i++) {
      x[i] /= sum;
    }
  }
}

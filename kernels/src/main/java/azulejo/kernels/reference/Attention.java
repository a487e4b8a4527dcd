package azulejo.kernels.reference;

import azulejo.kernels.AttentionMask;

/** Multi-head attention. */
final class Attention {
  private Attention() {}

  /** One batch: q, out [T, heads * D]; k, v [S, heads * D]. */
  static void attention(Rows q, Rows k, Rows v, int heads, float scale, AttentionMask mask, Rows out) {
    int size = q.columns() / heads;
    for (int head = 0; head < heads; head++) {
      int from = head * size;
      for (int t = 0; t < q.rows(); t++) {
        int visible = mask == AttentionMask.CAUSAL ? Math.min(t + 1, k.rows()) : k.rows();
        double[] weights = new double[visible];
        for (int s = 0; s < visible; s++) {
          for (int d = from; d < from + size; d++) {
            weights[s] += (double) q.get(t, d) * k.get(s, d);
          }
          weights[s] *= scale;
        }
        softmax(weights);
        for (int d = from; d < from + size; d++) {
          double sum = 0;
          for (int s = 0; s < visible; s++) {
            sum += weights[s] * v.get(s, d);
          }
          out.set(t, d, sum);
        }
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

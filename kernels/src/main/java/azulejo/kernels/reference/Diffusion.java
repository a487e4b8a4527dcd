package azulejo.kernels.reference;

import azulejo.kernels.Checks;
import azulejo.kernels.Draw;
import azulejo.kernels.Ledger;
import azulejo.kernels.Transition;

/**
 * A mask-and-replace diffusion's step, with the roundings of diffusers' {@code scheduling_vq_diffusion.py} and VQ-Diffusion pipeline, because
 * they decide classes.
 */
final class Diffusion {
  /** log of the probability 1e-30 that stands for 0. */
  private static final float LOG_ZERO = log(1e-30f);

  private Diffusion() {}

  static void startDistribution(Rows logits, Draw draw, Rows step, Rows logStart, Rows ledger, Rows fault) {
    int rows = logStart.rows();
    boolean guided = logits.rows() == 2 * rows;
    Rows codebook = Rows.of(draw.codebook());
    for (int r = 0; r < rows; r++) {
      float[] p = minus(logits.row(r), logSumExp(logits.row(r)));
      if (guided) {
        float[] conditional = minus(logits.row(rows + r), logSumExp(logits.row(rows + r)));
        double[] mixed = new double[p.length];
        for (int v = 0; v < p.length; v++) {
          mixed[v] = Math.fma(draw.guidance(), conditional[v] - p[v], p[v]);
        }
        p = minus(mixed, logSumExp(mixed));
      }
      boolean finite = true;
      for (float value : p) {
        finite &= Float.isFinite(value);
      }
      if (!finite) {
        Sampling.fault(fault, step);
        Sampling.writeDown(ledger, r, new double[Ledger.Drawn.COLUMNS]);
        for (int v = 0; v < p.length; v++) {
          logStart.set(r, v, -70);
        }
        continue;
      }
      double guidedEntropy = Sampling.entropy(p);
      double kept = 1;
      if (codebook != null) {
        double[] inside = new double[p.length];
        for (int v = 0; v < p.length; v++) {
          inside[v] = p[v] + codebook.get(0, v);
        }
        double total = logSumExp(inside);
        kept = StrictMath.exp(total);
        p = minus(inside, total);
      }
      double subsetEntropy = Sampling.entropy(p);
      truncate(p, draw.topP());
      double truncatedEntropy = Sampling.entropy(p);
      if (draw.greedy()) {
        int likeliest = Sampling.descending(p)[0];
        for (int v = 0; v < p.length; v++) {
          p[v] = v == likeliest ? 0 : Float.NEGATIVE_INFINITY;
        }
      }
      for (int v = 0; v < p.length; v++) {
        boolean outside = codebook != null && codebook.get(0, v) == Float.NEGATIVE_INFINITY;
        logStart.set(r, v, outside ? Float.NEGATIVE_INFINITY : Math.max(p[v], -70));
      }
      Sampling.writeDown(ledger, r, guidedEntropy, subsetEntropy, subsetEntropy, truncatedEntropy, kept, 0);
    }
  }

  private static void truncate(float[] p, float rate) {
    double before = 0;
    int[] order = Sampling.descending(p);
    for (int i = 0; i < p.length && rate <= 1; i++) {
      float probability = (float) StrictMath.exp(p[order[i]]);
      if (i > 0 && !((float) before < rate)) {
        p[order[i]] = Float.NEGATIVE_INFINITY;
      }
      before += probability;
    }
  }

  static void diffuse(Rows logStart, Transition transition, boolean argmax, Rows grid, Sampling.Variates noise, Sampling.Variates path, Rows step,
      Rows posterior, Rows ledger) {
    int codes = logStart.columns();
    for (int r = 0; r < logStart.rows(); r++) {
      int b = r / grid.columns();
      int cell = r % grid.columns();
      int now = step.getInt(0, 0);
      int x = grid.getInt(b, cell);
      float[] p = new float[codes + (transition.last() ? 0 : 1)];
      if (transition.last()) {
        for (int v = 0; v < codes; v++) {
          p[v] = logStart.get(r, v);
        }
      } else {
        posterior(logStart.row(r), transition, Checks.index("diffuse", x, codes + 1), p);
      }
      for (int v = 0; v < p.length; v++) {
        if (v < codes && logStart.get(r, v) == Float.NEGATIVE_INFINITY) {
          p[v] = Float.NEGATIVE_INFINITY;
        }
        if (posterior != null) {
          posterior.set(r, v, p[v]);
        }
      }
      double total = logSumExp(p);
      boolean split = !transition.last();
      double stay = split ? StrictMath.exp(p[x] - total) : 0;
      int winner;
      if (!argmax && split && path != null && path.uniform(b, now, cell) < stay) {
        winner = x;
      } else {
        winner = -1;
        float best = Float.NEGATIVE_INFINITY;
        for (int v = 0; v < p.length; v++) {
          float score = p[v];
          if (!argmax) {
            float u = noise.uniform(b, now, cell, v);
            score += -log(-log(u + 1e-30f) + 1e-30f);
          }
          boolean left = !argmax && split && path != null && v == x;
          if (!left && (winner == -1 || score > best)) {
            best = score;
            winner = v;
          }
        }
      }
      grid.setInt(b, cell, winner);
      if (argmax) {
        Sampling.writeDown(ledger, r, new double[Ledger.Moved.COLUMNS]);
      } else {
        double stayed = winner == x ? stay : 1 - stay;
        Sampling.writeDown(ledger, r, Sampling.entropy(p), total - p[winner], split ? binaryEntropy(stay) : 0, split ? -StrictMath.log(stayed) : 0);
      }
    }
  }

  /** In nats. */
  private static double binaryEntropy(double p) {
    return p <= 0 || p >= 1 ? 0 : -p * StrictMath.log(p) - (1 - p) * StrictMath.log1p(-p);
  }

  /**
   * Log q(x_(t-1) | x_t, x_0 ~ logStart) for the codes and the mask. Summed over x_0, with q the start's share of x_t:
   * q(x_t | x_(t-1)) * (cumulative_(t-1) applied to q), where q = p(x_0) / q(x_t | x_0).
   */
  private static void posterior(double[] logStart, Transition transition, int x, float[] p) {
    int codes = logStart.length;
    Transition.Logs before = transition.cumulativeBefore();
    double[] share = new double[codes];
    for (int v = 0; v < codes; v++) {
      share[v] = (float) logStart[v] - reach(transition.cumulative(), v, x, codes);
    }
    float total = (float) logSumExp(share);
    for (int v = 0; v < codes; v++) {
      float q = logAddExp((float) share[v] - total + before.a(), before.b());
      p[v] = q + reach(transition.step(), v, x, codes) + total;
    }
    p[codes] = before.c() + (x == codes ? 0 : LOG_ZERO) + total;
  }

  /** The log probability of coming from a code to class x. */
  private static float reach(Transition.Logs logs, int code, int x, int codes) {
    return x == codes ? logs.c() : logAddExp((code == x ? 0 : LOG_ZERO) + logs.a(), logs.b());
  }

  private static float logAddExp(float a, float b) {
    float difference = (float) StrictMath.exp(-Math.abs(a - b));
    return Math.max(a, b) + (float) StrictMath.log1p(difference);
  }

  private static double logSumExp(float[] x) {
    double[] values = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      values[i] = x[i];
    }
    return logSumExp(values);
  }

  private static double logSumExp(double[] x) {
    double max = Double.NEGATIVE_INFINITY;
    for (double value : x) {
      max = Math.max(max, value);
    }
    double sum = 0;
    for (double value : x) {
      sum += StrictMath.exp(value - max);
    }
    return max + StrictMath.log(sum);
  }

  private static float[] minus(double[] x, double y) {
    float[] difference = new float[x.length];
    for (int i = 0; i < x.length; i++) {
      difference[i] = (float) (x[i] - y);
    }
    return difference;
  }

  private static float log(float x) {
    return (float) StrictMath.log(x);
  }
}

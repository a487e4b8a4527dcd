package azulejo.kernels.reference;

import azulejo.kernels.Checks;
import azulejo.kernels.Noise;
import azulejo.kernels.Philox;
import azulejo.kernels.Stream;
import java.util.Arrays;

/**
 * The draw and the masked walk's path. A guided logit and a confidence are rounded to f32 operation by operation, as PyTorch does, because
 * comparisons between them decide tokens and masks; a race's scores are compared in double.
 */
final class Sampling {
  private Sampling() {}

  /** Random numbers by image b, step, position and code. */
  sealed interface Variates {
    /** Exp(1). */
    float exponential(int b, int step, int position, int code);

    /** U[0, 1). */
    float uniform(int b, int step, int position);

    static Variates of(Noise noise) {
      return switch (noise) {
        case Noise.Counter(var keys, var stream) -> new Counted(Rows.of(keys), stream);
        case Noise.Given(var values) -> new Given(Rows.of(values), values.size(1));
      };
    }
  }

  private record Counted(Rows keys, Stream stream) implements Variates {
    @Override
    public float exponential(int b, int step, int position, int code) {
      return Philox.exponential(Philox.word(keys.getLong(b, 0), stream, keys.getLong(b, 1), step, position, code));
    }

    @Override
    public float uniform(int b, int step, int position) {
      return Philox.uniform(Philox.word(keys.getLong(b, 0), stream, keys.getLong(b, 1), step, position, 0));
    }
  }

  /** A draw's values are [B, L, V], so a row is a position; a path's are [B, L], so a row is an image. */
  private record Given(Rows values, int positions) implements Variates {
    @Override
    public float exponential(int b, int step, int position, int code) {
      return values.get(b * positions + Checks.index("noise", position, positions), code);
    }

    @Override
    public float uniform(int b, int step, int position) {
      return values.get(b, position);
    }
  }

  static void openCells(Rows grid, int maskId, Rows open, Rows count) {
    for (int b = 0; b < grid.rows(); b++) {
      int found = 0;
      for (int cell = 0; cell < grid.columns() && found < open.columns(); cell++) {
        if (grid.getInt(b, cell) == maskId) {
          open.setInt(b, found++, cell);
        }
      }
      count.setInt(0, b, found);
      for (int p = found; p < open.columns(); p++) {
        open.setInt(b, p, -1);
      }
    }
  }

  /** With the largest guided logit m, code v scores {@code exp(l_v - m) / q_v}; the highest score wins, the lowest code on a tie. */
  static void draw(Rows logits, float guidance, Rows open, Variates noise, Rows step, Rows tokens, Rows probability, Rows fault) {
    int codes = logits.columns();
    int rows = open.rows() * open.columns();
    boolean guided = logits.rows() == 2 * rows;
    for (int r = 0; r < rows; r++) {
      int b = r / open.columns();
      int p = r % open.columns();
      int position = open.getInt(b, p);
      if (position == -1) {
        tokens.setInt(b, p, -1);
        probability.set(b, p, 0);
        continue;
      }
      float[] l = new float[codes];
      float max = Float.NEGATIVE_INFINITY;
      boolean finite = true;
      for (int v = 0; v < codes; v++) {
        float unconditional = logits.get(r, v);
        l[v] = guided ? Math.fma(guidance, logits.get(rows + r, v) - unconditional, unconditional) : unconditional;
        max = Math.max(max, l[v]);
        finite &= Float.isFinite(l[v]);
      }
      if (!finite && fault.getInt(0, 0) == 0) {
        fault.setInt(0, 0, step.getInt(0, 0) + 1);
      }
      int winner = 0;
      double best = -1;
      double won = 0;
      double sum = 0;
      for (int v = 0; v < codes; v++) {
        double weight = StrictMath.exp((double) l[v] - max);
        double score = weight / noise.exponential(b, step.getInt(0, 0), position, v);
        sum += weight;
        if (score > best) {
          best = score;
          won = weight;
          winner = v;
        }
      }
      tokens.setInt(b, p, winner);
      probability.set(b, p, won / sum);
    }
  }

  static void reveal(Rows grid, Rows open, Rows tokens) {
    for (int b = 0; b < open.rows(); b++) {
      for (int p = 0; p < open.columns(); p++) {
        int cell = open.getInt(b, p);
        if (cell != -1) {
          grid.setInt(b, Checks.index("reveal", cell, grid.columns()), tokens.getInt(b, p));
        }
      }
    }
  }

  static void remask(Rows grid, Rows open, Rows count, Rows probability, int maskLength, float temperature, int maskId, Variates noise,
      Rows step, Rows confidence) {
    int cells = grid.columns();
    for (int b = 0; b < grid.rows(); b++) {
      float[] p = new float[cells];
      Arrays.fill(p, Float.MAX_VALUE);
      for (int i = 0; i < open.columns(); i++) {
        if (open.getInt(b, i) != -1) {
          p[Checks.index("remask", open.getInt(b, i), cells)] = probability.get(b, i);
        }
      }
      float[] c = new float[cells];
      for (int cell = 0; cell < cells; cell++) {
        float u = noise.uniform(b, step.getInt(0, 0), cell);
        float gumbel = -log(Math.max(-log(Math.max(u, 1e-20f)), 1e-20f));
        c[cell] = log(Math.max(p[cell], 1e-20f)) + temperature * gumbel;
        confidence.set(b, cell, c[cell]);
      }
      Arrays.sort(c);
      int n = Math.max(1, Math.min(count.getInt(0, b) - 1, maskLength));
      float cut = c[n];
      for (int cell = 0; cell < cells; cell++) {
        if (confidence.get(b, cell) < cut) {
          grid.setInt(b, cell, maskId);
        }
      }
    }
  }

  private static float log(float x) {
    return (float) StrictMath.log(x);
  }
}

package azulejo.kernels.reference;

import azulejo.kernels.Checks;
import azulejo.kernels.Draw;
import azulejo.kernels.Ledger;
import azulejo.kernels.Noise;
import azulejo.kernels.PathSurprisal;
import azulejo.kernels.Philox;
import azulejo.kernels.Stream;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * The draw and the masked walk's path. A logit and a confidence are rounded to f32 operation by operation, as PyTorch does, because
 * comparisons between them decide tokens and masks; a race's scores are compared in double.
 */
final class Sampling {
  private Sampling() {}

  /** Random numbers by image b, step, position and code. */
  sealed interface Variates {
    /** Exp(1). */
    float exponential(int b, int step, int position, int code);

    /** U[0, 1). */
    float uniform(int b, int step, int position, int code);

    /** A path's U[0, 1). */
    default float uniform(int b, int step, int position) {
      return uniform(b, step, position, 0);
    }

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
    public float uniform(int b, int step, int position, int code) {
      return Philox.uniform(Philox.word(keys.getLong(b, 0), stream, keys.getLong(b, 1), step, position, code));
    }
  }

  /** Values for codes are [B, L, V], so a row is a position; a path's are [B, L], so a row is an image. */
  private record Given(Rows values, int positions) implements Variates {
    @Override
    public float exponential(int b, int step, int position, int code) {
      return values.get(b * positions + Checks.index("noise", position, positions), code);
    }

    @Override
    public float uniform(int b, int step, int position, int code) {
      return exponential(b, step, position, code);
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

  /** With the largest logit m, code v scores {@code exp(l_v - m) / q_v}; the highest score wins, the lowest code on a tie. */
  static void draw(Rows logits, Draw draw, Rows open, Variates noise, Rows step, Rows tokens, Rows probability, Rows ledger, Rows usage, Rows fault) {
    int codes = logits.columns();
    int rows = open.rows() * open.columns();
    boolean guided = logits.rows() == 2 * rows;
    Rows codebook = Rows.of(draw.codebook());
    float temperature = Math.max(draw.temperature(), Draw.LOWEST_TEMPERATURE);
    for (int r = 0; r < rows; r++) {
      int b = r / open.columns();
      int p = r % open.columns();
      int position = open.getInt(b, p);
      float[] l = new float[codes];
      boolean finite = position != -1;
      for (int v = 0; v < codes && position != -1; v++) {
        float unconditional = logits.get(r, v);
        l[v] = guided ? Math.fma(draw.guidance(), logits.get(rows + r, v) - unconditional, unconditional) : unconditional;
        finite &= Float.isFinite(l[v] / temperature);
      }
      if (!finite) {
        if (position != -1) {
          fault(fault, step);
        }
        tokens.setInt(b, p, position == -1 ? -1 : 0);
        probability.set(b, p, 0);
        writeDown(ledger, r, new double[Ledger.Drawn.COLUMNS]);
        continue;
      }
      double guidedEntropy = entropy(l);
      double total = logSumExp(l);
      for (int v = 0; v < codes && codebook != null; v++) {
        l[v] += codebook.get(0, v);
      }
      double subsetEntropy = entropy(l);
      double kept = StrictMath.exp(logSumExp(l) - total);
      for (int v = 0; v < codes; v++) {
        l[v] /= temperature;
      }
      double temperedEntropy = entropy(l);
      keepTopK(l, draw.topK());
      keepTopP(l, draw.topP());
      double truncatedEntropy = entropy(l);
      int winner = likeliest(l);
      double largest = l[winner];
      double best = -1;
      for (int v = 0; v < codes && !draw.greedy(); v++) {
        double score = StrictMath.exp(l[v] - largest) / noise.exponential(b, step.getInt(0, 0), position, v);
        if (score > best) {
          best = score;
          winner = v;
        }
      }
      double surprisal = logSumExp(l) - l[winner];
      tokens.setInt(b, p, winner);
      probability.set(b, p, StrictMath.exp(-surprisal));
      writeDown(ledger, r, guidedEntropy, subsetEntropy, temperedEntropy, truncatedEntropy, kept, draw.greedy() ? 0 : surprisal);
      if (usage != null) {
        usage.setInt(0, winner, usage.getInt(0, winner) + 1);
      }
    }
  }

  /** In the order of the ledger's columns. */
  static void writeDown(Rows ledger, int row, double... values) {
    for (int i = 0; i < values.length && ledger != null; i++) {
      ledger.set(row, i, values[i]);
    }
  }

  private static int likeliest(float[] l) {
    int likeliest = 0;
    for (int v = 1; v < l.length; v++) {
      likeliest = l[v] > l[likeliest] ? v : likeliest;
    }
    return likeliest;
  }

  private static double logSumExp(float[] l) {
    double max = l[likeliest(l)];
    double sum = 0;
    for (float value : l) {
      sum += StrictMath.exp(value - max);
    }
    return max + StrictMath.log(sum);
  }

  /** Of the softmax, in nats. */
  static double entropy(float[] l) {
    double total = logSumExp(l);
    double sum = 0;
    for (float value : l) {
      sum += value == Float.NEGATIVE_INFINITY ? 0 : StrictMath.exp(value - total) * (total - value);
    }
    return sum;
  }

  /** The first fault stays. */
  static void fault(Rows fault, Rows step) {
    if (fault.getInt(0, 0) == 0) {
      fault.setInt(0, 0, step.getInt(0, 0) + 1);
    }
  }

  private static void keepTopK(float[] l, int k) {
    if (k > 0 && k < l.length) {
      float last = l[descending(l)[k - 1]];
      for (int v = 0; v < l.length; v++) {
        l[v] = l[v] < last ? Float.NEGATIVE_INFINITY : l[v];
      }
    }
  }

  private static void keepTopP(float[] l, float p) {
    if (p < 1) {
      int[] order = descending(l);
      double[] weights = new double[l.length];
      for (int i = 0; i < l.length; i++) {
        weights[i] = StrictMath.exp((double) l[order[i]] - l[order[0]]);
      }
      double total = Arrays.stream(weights).sum();
      double before = weights[0] / total;
      for (int i = 1; i < l.length; i++) {
        l[order[i]] = (float) before > p ? Float.NEGATIVE_INFINITY : l[order[i]];
        before += weights[i] / total;
      }
    }
  }

  /** The codes by descending value, those of one value in ascending order. */
  static int[] descending(float[] values) {
    return IntStream.range(0, values.length).boxed().sorted(Comparator.comparingDouble(v -> 0.0 - values[v])).mapToInt(v -> v).toArray();
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
      Rows step, Rows confidence, Rows surprisal) {
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
      if (surprisal != null) {
        surprisal.set(0, b, temperature == 0 ? 0 : surprisal(open, probability, confidence, b, cut, temperature));
      }
    }
  }

  /** The choice was between the open cells. */
  private static double surprisal(Rows open, Rows probability, Rows confidence, int b, float cut, float temperature) {
    int[] chosen = IntStream.range(0, open.columns()).filter(i -> open.getInt(b, i) != -1).toArray();
    double[] logRates = new double[chosen.length];
    boolean[] kept = new boolean[chosen.length];
    for (int i = 0; i < chosen.length; i++) {
      logRates[i] = PathSurprisal.logRate(probability.get(b, chosen[i]), temperature);
      kept[i] = !(confidence.get(b, open.getInt(b, chosen[i])) < cut);
    }
    return PathSurprisal.of(logRates, kept);
  }

  private static float log(float x) {
    return (float) StrictMath.log(x);
  }
}

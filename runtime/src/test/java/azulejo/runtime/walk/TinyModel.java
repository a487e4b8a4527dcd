package azulejo.runtime.walk;

import azulejo.kernels.Backend;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import java.util.Arrays;

/**
 * A model that looks at the whole grid, or as a {@link NextToken} at the tokens so far: logits from a hash of them, so that every grid has distributions of
 * its own and all of them can be told without a backend. What a grid holds beside codes does not matter.
 */
public final class TinyModel implements Denoiser, NextToken {
  private final Backend b;
  private final int codes;
  private final float spread;
  /** Of each image, in raster order. */
  private int[][] tokens;

  /** @param spread logits lie between it and its negative */
  public TinyModel(Backend b, int codes, float spread) {
    this.b = b;
    this.codes = codes;
    this.spread = spread;
  }

  @Override
  public int codes() {
    return codes;
  }

  @Override
  public int branches() {
    return 1;
  }

  /** Of the codes of a cell, which follows the grid where that holds the tokens before it alone. */
  public float[] logits(int[] grid, int cell) {
    float[] logits = new float[codes];
    for (int code = 0; code < codes; code++) {
      long hash = 31L * (31L * Arrays.hashCode(grid) + cell) + code;
      hash = (hash ^ hash >>> 31) * 0x9E3779B97F4A7C15L;
      hash = (hash ^ hash >>> 29) * 0xBF58476D1CE4E5B9L;
      logits[code] = ((hash >>> 40) * 0x1p-23f - 1) * spread;
    }
    return logits;
  }

  /** Their softmax. */
  public double[] probabilities(int[] grid, int cell) {
    float[] logits = logits(grid, cell);
    double[] p = new double[codes];
    double sum = 0;
    for (int code = 0; code < codes; code++) {
      p[code] = Math.exp(logits[code]);
      sum += p[code];
    }
    for (int code = 0; code < codes; code++) {
      p[code] /= sum;
    }
    return p;
  }

  @Override
  public void logits(int step, Tensor grid, Tensor open, Tensor logits) {
    int[] cells = b.download(grid).toInts();
    int[] at = b.download(open).toInts();
    int length = grid.size(1);
    int positions = open.size(1);
    float[] out = new float[at.length * codes];
    for (int i = 0; i < at.length; i++) {
      if (at[i] >= 0) {
        int image = i / positions;
        int[] own = Arrays.copyOfRange(cells, image * length, (image + 1) * length);
        System.arraycopy(logits(own, at[i]), 0, out, i * codes, codes);
      }
    }
    b.upload(HostTensor.of("logits", out, logits.shape().toArray()), logits);
  }

  @Override
  public void first(Tensor logits) {
    tokens = new int[logits.size(1)][0];
    predict(logits);
  }

  @Override
  public void next(Tensor drawn, Tensor logits) {
    int[] last = b.download(drawn).toInts();
    for (int image = 0; image < tokens.length; image++) {
      tokens[image] = Arrays.copyOf(tokens[image], tokens[image].length + 1);
      tokens[image][tokens[image].length - 1] = last[image];
    }
    predict(logits);
  }

  private void predict(Tensor logits) {
    float[] out = new float[tokens.length * codes];
    for (int image = 0; image < tokens.length; image++) {
      System.arraycopy(logits(tokens[image], tokens[image].length), 0, out, image * codes, codes);
    }
    b.upload(HostTensor.of("logits", out, logits.shape().toArray()), logits);
  }
}

package azulejo.cli.parity;

import azulejo.kernels.HostTensor;

/**
 * How far the random choices of a step were from falling otherwise: the goldens record it to show that rounding cannot have decided them.
 * The draw's margin is the least logarithm of the ratio between the best and the second best p / q of an open cell; the path's is the least
 * gap between the confidence of the last masked cell and that of the first kept one.
 */
final class Margins {
  /** What stands for "no such choice was made". */
  private static final double NONE = 1e9;

  private double draw = NONE;
  private double path = NONE;

  /**
   * @param logits [N, codes], guided
   * @param exponential [M, codes] the race's times of all cells
   * @param cells the row of {@code exponential}, and of {@code logits} if there are as many, for each open cell
   */
  void draw(HostTensor logits, HostTensor exponential, int codes, int[] cells) {
    boolean all = logits.shape().elements() == exponential.shape().elements();
    for (int n = 0; n < cells.length; n++) {
      long row = (long) (all ? cells[n] : n) * codes;
      double best = Double.NEGATIVE_INFINITY;
      double second = Double.NEGATIVE_INFINITY;
      for (int code = 0; code < codes; code++) {
        double score = logits.floatAt(row + code) - Math.log(exponential.floatAt((long) cells[n] * codes + code));
        second = Math.max(second, Math.min(best, score));
        best = Math.max(best, score);
      }
      draw = Math.min(draw, best - second);
    }
  }

  /** @param confidence [B, L] of the cells of {@code after}, of which those with {@code maskId} were masked */
  void path(HostTensor confidence, int[] after, int maskId) {
    int cells = confidence.shape().size(1);
    for (int from = 0; from < after.length; from += cells) {
      double masked = Double.NEGATIVE_INFINITY;
      double kept = Double.POSITIVE_INFINITY;
      for (int i = from; i < from + cells; i++) {
        if (after[i] == maskId) {
          masked = Math.max(masked, confidence.floatAt(i));
        } else {
          kept = Math.min(kept, confidence.floatAt(i));
        }
      }
      path = Math.min(path, kept - masked);
    }
  }

  HostTensor toTensor() {
    return HostTensor.of("margins", new float[] {(float) draw, (float) path}, 2);
  }
}

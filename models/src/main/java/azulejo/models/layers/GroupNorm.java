package azulejo.models.layers;

import azulejo.kernels.Activation;
import azulejo.kernels.Backend;
import azulejo.kernels.Tensor;
import azulejo.runtime.checkpoint.Weights;

/**
 * Group norm with the epsilon of the VQ models, 1e-6.
 *
 * @param weight [C]
 * @param bias [C]
 */
public record GroupNorm(int groups, Tensor weight, Tensor bias) {
  private static final float EPS = 1e-6f;

  public static GroupNorm load(Weights w, String name, int groups, int channels) {
    return new GroupNorm(groups, w.tensor(name + ".weight", channels), w.tensor(name + ".bias", channels));
  }

  /** x, out [B, H, W, C]; {@code out} may be x. */
  public void apply(Backend b, Tensor x, Activation activation, Tensor out) {
    b.groupNorm(x, groups, weight, bias, EPS, activation, out);
  }
}

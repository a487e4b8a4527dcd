package azulejo.models.layers;

import azulejo.kernels.Backend;
import azulejo.kernels.Norm;
import azulejo.kernels.Tensor;

/** @param weight [C], or null */
public record RmsNorm(Tensor weight, float eps) {
  /** x, out [..., C]; {@code out} may be x. */
  public void apply(Backend b, Tensor x, Tensor out) {
    b.norm(Norm.RMS, x, weight, null, eps, null, out);
  }
}

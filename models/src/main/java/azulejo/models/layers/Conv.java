package azulejo.models.layers;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Filter;
import azulejo.kernels.Padding;
import azulejo.kernels.Tensor;
import azulejo.runtime.checkpoint.Weights;

/**
 * A convolution with bias on channels-last images.
 *
 * @param filter [O, I, K, K]
 * @param bias [O]
 */
public record Conv(Filter filter, Tensor bias) {
  /** {@code name.weight} and {@code name.bias}. */
  public static Conv load(Weights w, String name, int outputs, int inputs, int size) {
    return new Conv(w.filter(name + ".weight", outputs, inputs, size, size), w.tensor(name + ".bias", outputs));
  }

  /** Stride 1, the image's size kept: x [B, H, W, I], residual (or null) and out [B, H, W, O]; {@code out} may be the residual. */
  public void same(Backend b, Tensor x, Tensor residual, Tensor out) {
    b.conv2d(x, filter, bias, 1, Padding.same(filter.height() / 2), residual, out);
  }

  /** {@link #same} without a residual, into a new tensor of the innermost scope. */
  public Tensor same(Backend b, Tensor x) {
    Tensor out = b.alloc(DType.F32, x.dim(0), x.dim(1), x.dim(2), filter.outputs());
    same(b, x, null, out);
    return out;
  }
}

package azulejo.models.layers;

import azulejo.kernels.Activation;
import azulejo.kernels.Backend;
import azulejo.kernels.Matrix;
import azulejo.kernels.Tensor;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Weights;

/**
 * A linear layer, or a 1x1 convolution on channels-last data, which is the same.
 *
 * @param weight [N, K]
 * @param bias [N], or null
 */
public record Linear(Matrix weight, Tensor bias) {
  /** {@code name.weight} and, where {@code biased}, {@code name.bias}. */
  public static Linear load(Weights w, String name, int outputs, int inputs, boolean biased) {
    return new Linear(w.matrix(name + ".weight", outputs, inputs), biased ? w.tensor(name + ".bias", outputs) : null);
  }

  /** x [..., K], out [..., N]. */
  public void apply(Backend b, Tensor x, Tensor out) {
    b.linear(x, weight, bias, Activation.NONE, null, out);
  }

  public void apply(Backend b, Tensor x, Activation activation, Tensor out) {
    b.linear(x, weight, bias, activation, null, out);
  }

  /** {@code stream += layer(x)}: the end of a residual branch. The tap sees the summand as {@code name}, which costs a pass of its own. */
  public void addTo(Backend b, Tensor x, Tensor stream, Tap tap, String name) {
    if (!tap.listens()) {
      b.linear(x, weight, bias, Activation.NONE, stream, stream);
      return;
    }
    try (Backend.Scope _ = b.scope()) {
      Tensor summand = b.alloc(stream.dtype(), stream.shape().toArray());
      apply(b, x, summand);
      tap.accept(name, summand);
      b.add(stream, summand, stream);
    }
  }
}

package azulejo.runtime.checkpoint;

import azulejo.kernels.Backend;
import azulejo.kernels.Filter;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Matrix;
import azulejo.kernels.Tensor;

/**
 * The tensors of a checkpoint below a name prefix, placed on a backend: a model asks for each by the name that it has in the file, with the shape that
 * the configuration implies. {@code weights.at("transformer_layers").at(3).matrix("attn1.to_q.weight", n, k)}.
 *
 * <p>All methods throw {@link azulejo.runtime.CheckpointException} naming the file, the tensor and the mismatch.
 */
public interface Weights {
  /** The tensors below {@code name + "."}. */
  Weights at(String name);

  default Weights at(int index) {
    return at(Integer.toString(index));
  }

  /** Whether the tensor is in the checkpoint. */
  boolean has(String name);

  /** A norm's weight, a bias, an embedding table, ... */
  Tensor tensor(String name, long... shape);

  /** {@link #tensor}, or null where the checkpoint has no such tensor. */
  default Tensor tensorIfPresent(String name, long... shape) {
    return has(name) ? tensor(name, shape) : null;
  }

  /** A linear layer's weight [outputs, inputs]; a 1x1 convolution's [outputs, inputs, 1, 1] is accepted as the same thing. */
  Matrix matrix(String name, long outputs, long inputs);

  /** A convolution's weight [outputs, inputs, height, width]. */
  Filter filter(String name, long outputs, long inputs, long height, long width);

  /** The tensor as it lies in the file, for the rare weight that must be rearranged before it goes to the backend. */
  HostTensor host(String name, long... shape);

  Backend backend();
}

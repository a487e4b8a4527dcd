package azulejo.runtime.checkpoint;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Filter;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Matrix;
import azulejo.kernels.Shape;
import azulejo.kernels.Tensor;
import azulejo.kernels.WeightFormat;
import azulejo.runtime.CheckpointException;
import java.util.Arrays;

/**
 * The tensors of a checkpoint below a name prefix, placed on a backend: a model asks for each by the name that it has in the file, with the shape that
 * the configuration implies. {@code weights.at("transformer_layers").at(3).matrix("attn1.to_q.weight", n, k)}.
 *
 * <p>All methods throw {@link CheckpointException} naming the file, the tensor and the mismatch. What they return is valid until the
 * {@link Checkpoint} is closed, for a backend may compute on the mapped file itself.
 */
public sealed class Weights permits Audit.Recorder {
  final Checkpoint checkpoint;
  final String prefix;
  private final Backend backend;
  private final WeightFormat format;

  Weights(Checkpoint checkpoint, Backend backend, WeightFormat format, String prefix) {
    this.checkpoint = checkpoint;
    this.backend = backend;
    this.format = format;
    this.prefix = prefix;
  }

  /** The tensors below {@code name + "."}. */
  public Weights at(String name) {
    return new Weights(checkpoint, backend, format, prefix + name + ".");
  }

  public Weights at(int index) {
    return at(Integer.toString(index));
  }

  /** The same tensors with every matrix in F32, for the linear layers that are no part of what a format is asked for. */
  public Weights inFull() {
    return new Weights(checkpoint, backend, WeightFormat.F32, prefix);
  }

  /** Whether the tensor is in the checkpoint. */
  public boolean has(String name) {
    return checkpoint.has(prefix + name);
  }

  /** A norm's weight, a bias, an embedding table, ...: of any float type, F32 on the backend. */
  public Tensor tensor(String name, long... shape) {
    return backend.weight(floats(name, implied(name, shape)));
  }

  /** {@link #tensor}, or null where the checkpoint has no such tensor. */
  public Tensor tensorIfPresent(String name, long... shape) {
    return has(name) ? tensor(name, shape) : null;
  }

  /**
   * A linear layer's weight [outputs, inputs], kept in the format asked for; a 1x1 convolution's [outputs, inputs, 1, 1] is accepted as the same thing, and
   * so is one that lies in the file as {@link Quantised} bytes.
   */
  public Matrix matrix(String name, long outputs, long inputs) {
    HostTensor checked = linear(name, outputs, inputs);
    HostTensor weight = checked.dtype() == DType.I8 ? Quantised.widened(checked, scales(name, outputs)) : checked;
    try {
      return backend.matrix(weight, format);
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(checkpoint.place(prefix + name).file() + ": " + e.getMessage(), e);
    }
  }

  /** A convolution's weight [outputs, inputs, height, width]. */
  public Filter filter(String name, long outputs, long inputs, long height, long width) {
    return backend.filter(floats(name, implied(name, outputs, inputs, height, width)));
  }

  /** The tensor as it lies in the file, of any type, for the rare weight that must be rearranged before it goes to the backend. */
  public HostTensor host(String name, long... shape) {
    return checked(name, implied(name, shape));
  }

  public Backend backend() {
    return backend;
  }

  /** A linear layer's weight as it lies in the file, [outputs, inputs]: of a float type, or I8 with {@link #scales}. */
  final HostTensor linear(String name, long outputs, long inputs) {
    Shape asMatrix = implied(name, outputs, inputs);
    Shape asConvolution = Shape.of(outputs, inputs, 1, 1);
    HostTensor found = checkpoint.tensor(prefix + name);
    Shape expected = found.shape().equals(asConvolution) ? asConvolution : asMatrix;
    HostTensor checked = found.dtype() == DType.I8 ? checked(name, expected) : floats(name, expected);
    return new HostTensor(checked.name(), checked.dtype(), asMatrix, checked.data());
  }

  final HostTensor scales(String name, long outputs) {
    return floats(name + Quantised.SCALE, Shape.of(outputs));
  }

  /** A shape out of a configuration, which may hold any number. */
  final Shape implied(String name, long... dims) {
    try {
      Shape shape = Shape.of(dims);
      for (int i = 0; i < dims.length; i++) {
        shape.size(i);
      }
      return shape;
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new CheckpointException(checkpoint.path() + ": the configuration implies the impossible shape " + Arrays.toString(dims) + " for tensor \""
          + prefix + name + "\"", e);
    }
  }

  final HostTensor floats(String name, Shape expected) {
    HostTensor tensor = checked(name, expected);
    if (!tensor.dtype().isFloat()) {
      throw fault(name, "is " + tensor.dtype() + ", but a weight must be a float type");
    }
    return tensor;
  }

  final HostTensor checked(String name, Shape expected) {
    HostTensor tensor = checkpoint.tensor(prefix + name);
    if (!tensor.shape().equals(expected)) {
      throw fault(name, "has the shape " + tensor.shape() + ", but the configuration implies " + expected);
    }
    return tensor;
  }

  private CheckpointException fault(String name, String what) {
    return new CheckpointException(checkpoint.place(prefix + name).file() + ": tensor \"" + prefix + name + "\" " + what);
  }
}

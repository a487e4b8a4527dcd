package azulejo.weights;

import azulejo.kernels.Shape;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Collects the tensors of a module and its children under the names of PyTorch's {@code state_dict}, sorted by name as in the published files.
 * Every weight is scaled so that an input of unit variance gives an output of unit variance, and every norm is near the identity:
 * activations stay of order one however deep the model.
 */
final class Parameters {
  private final SortedMap<String, Parameter> all;
  private final String prefix;

  private Parameters(SortedMap<String, Parameter> all, String prefix) {
    this.all = all;
    this.prefix = prefix;
  }

  Parameters() {
    this(new TreeMap<>(), "");
  }

  Parameters at(String name) {
    return new Parameters(all, prefix + name + ".");
  }

  Parameters at(int index) {
    return at(Integer.toString(index));
  }

  List<Parameter> list() {
    return new ArrayList<>(all.values());
  }

  static long count(Collection<Parameter> parameters) {
    return parameters.stream().mapToLong(p -> p.shape().elements()).sum();
  }

  /** A linear layer's weight [outputs, inputs]. */
  Parameters linear(String name, long outputs, long inputs) {
    return weight(name, 1, inputs, outputs, inputs);
  }

  /** The linear layer of a conditioned scale and shift, small as in a trained model, so that many of them in a row neither blow up nor silence the signal. */
  Parameters modulation(String name, long outputs, long inputs) {
    return weight(name, 0.1, inputs, outputs, inputs);
  }

  /** A convolution's weight [outputs, inputs, size, size]. */
  Parameters conv(String name, long outputs, long inputs, long size) {
    return weight(name, 1, inputs * size * size, outputs, inputs, size, size);
  }

  /** A depthwise convolution's weight [channels, 1, size, size]. */
  Parameters depthwise(String name, long channels, long size) {
    return weight(name, 1, size * size, channels, 1, size, size);
  }

  /** A transposed convolution's weight [inputs, outputs, size, size], its stride equal to its size. */
  Parameters transposedConv(String name, long inputs, long outputs, long size) {
    return weight(name, 1, inputs, inputs, outputs, size, size);
  }

  /** A table of row vectors [rows, width]. */
  Parameters embedding(String name, long rows, long width) {
    return weight(name, 1, 1, rows, width);
  }

  /** A norm's weight [channels]. */
  Parameters norm(String name, long channels) {
    return add(name + ".weight", 1, 0.05, channels);
  }

  Parameters bias(String name, long channels) {
    return add(name + ".bias", 0, 0.05, channels);
  }

  /** A parameter that is no layer's weight or bias, near zero. */
  Parameters free(String name, long... shape) {
    return add(name, 0, 0.05, shape);
  }

  private Parameters weight(String name, double gain, long fanIn, long... shape) {
    return add(name + ".weight", 0, gain / Math.sqrt(fanIn), shape);
  }

  private Parameters add(String name, double mean, double deviation, long... shape) {
    Parameter old = all.put(prefix + name, new Parameter(prefix + name, Shape.of(shape), (float) mean, (float) deviation));
    if (old != null) {
      throw new IllegalArgumentException("two parameters named " + old.name());
    }
    return this;
  }
}

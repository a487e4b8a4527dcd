package azulejo.runtime;

import azulejo.kernels.Tensor;

/**
 * Sees values inside a forward pass or a walk, each under the name of the official implementation's module or variable, so that they can be compared
 * with the official ones. A value may be looked at during the call only; images are channels-last.
 */
@FunctionalInterface
public interface Tap {
  /** Sees nothing. */
  Tap NONE = (name, value) -> {};

  void accept(String name, Tensor value);

  /** Whether anyone listens: a value that would have to be computed for the tap alone is left out otherwise. */
  default boolean listens() {
    return this != NONE;
  }

  /** What lies below {@code module}: its names get that prefix. */
  default Tap at(String module) {
    return listens() ? (name, value) -> accept(module + "." + name, value) : NONE;
  }

  default Tap at(int index) {
    return listens() ? at(Integer.toString(index)) : NONE;
  }
}

package azulejo.runtime.checkpoint.pickle;

import azulejo.kernels.DType;

/** A storage that a pickle names: {@code elements} values of one type under a key; the container knows where its bytes lie. */
record StorageRef(String key, DType dtype, long elements) {
  long bytes() {
    return elements * dtype.bytes();
  }
}

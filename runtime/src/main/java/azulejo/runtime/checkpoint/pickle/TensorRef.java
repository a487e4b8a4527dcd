package azulejo.runtime.checkpoint.pickle;

import azulejo.kernels.DType;
import azulejo.kernels.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A tensor that a pickle describes: a strided view of a storage, all numbers in elements.
 *
 * <p>Source: torch/_utils.py {@code _rebuild_tensor_v2}.
 */
record TensorRef(StorageRef storage, long offset, long[] sizes, long[] strides) {
  /** A view may repeat the elements of its storage (a stride of 0) up to this number of elements; beyond, a few bytes could claim terabytes. */
  private static final long MAX_REPEATED_ELEMENTS = 1 << 20;

  DType dtype() {
    return storage.dtype();
  }

  Shape shape() {
    return Shape.of(sizes);
  }

  /** @throws Refusal when the view is malformed or reaches outside of its storage */
  void check(String name) {
    if (strides.length != sizes.length) {
      throw refusal(name, "has " + sizes.length + " sizes but " + strides.length + " strides");
    }
    long elements = 1;
    long last = offset;
    try {
      for (int i = 0; i < sizes.length; i++) {
        if (sizes[i] < 0 || strides[i] < 0) {
          throw refusal(name, "has a negative size or stride");
        }
        elements = Math.multiplyExact(elements, sizes[i]);
        last = Math.addExact(last, Math.multiplyExact(Math.max(0, sizes[i] - 1), strides[i]));
      }
      Math.multiplyExact(elements, dtype().bytes());
    } catch (ArithmeticException e) {
      throw refusal(name, "is too large: its size does not fit 63 bits");
    }
    if (offset < 0 || (elements == 0 ? offset > storage.elements() : last >= storage.elements())) {
      throw refusal(name, "reaches outside of its storage of " + storage.elements() + " elements");
    }
    if (elements > Math.max(storage.elements(), MAX_REPEATED_ELEMENTS)) {
      throw refusal(name, "claims " + elements + " elements out of a storage of " + storage.elements());
    }
  }

  /** Whether the elements lie in row-major order without gaps. */
  boolean isDense() {
    long expected = 1;
    for (int i = sizes.length - 1; i >= 0; i--) {
      if (sizes[i] != 1 && strides[i] != expected) {
        return Arrays.stream(sizes).anyMatch(size -> size == 0);
      }
      expected *= sizes[i];
    }
    return true;
  }

  /** The elements in row-major order: a slice of the storage's bytes where they lie so, else a copy in {@code arena}. */
  MemorySegment read(MemorySegment storageBytes, Arena arena) {
    long width = dtype().bytes();
    long elements = shape().elements();
    if (isDense()) {
      return storageBytes.asSlice(elements == 0 ? 0 : offset * width, elements * width);
    }
    MemorySegment copy = arena.allocate(elements * width, 64);
    gather(storageBytes, offset * width, copy, 0, 0);
    return copy;
  }

  /** Copies dimensions {@code d} and further; returns where the copy ends. */
  private long gather(MemorySegment from, long source, MemorySegment to, long target, int d) {
    long width = dtype().bytes();
    if (d == sizes.length || d == sizes.length - 1 && strides[d] == 1) {
      long run = d == sizes.length ? width : sizes[d] * width;
      MemorySegment.copy(from, source, to, target, run);
      return target + run;
    }
    for (long i = 0; i < sizes[d]; i++) {
      target = gather(from, source + i * strides[d] * width, to, target, d + 1);
    }
    return target;
  }

  private static Refusal refusal(String name, String what) {
    return new Refusal("tensor " + Refusal.quote(name) + " " + what);
  }
}

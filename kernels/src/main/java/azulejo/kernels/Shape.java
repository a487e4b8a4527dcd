package azulejo.kernels;

import java.util.Arrays;

/** The sizes of a tensor's dimensions, outermost first; rank 0 is a scalar, a size of 0 an empty tensor. */
public final class Shape {
  private final long[] dims;
  private final long elements;

  private Shape(long[] dims) {
    this.dims = dims;
    long n = 1;
    for (long d : dims) {
      if (d < 0) {
        throw new IllegalArgumentException("negative size in shape " + Arrays.toString(dims));
      }
      n = Math.multiplyExact(n, d);
    }
    this.elements = n;
  }

  public static Shape of(long... dims) {
    return new Shape(dims.clone());
  }

  public int rank() {
    return dims.length;
  }

  /** Size of dimension {@code i}; negative counts from the end, so -1 is the innermost. */
  public long dim(int i) {
    return dims[i < 0 ? dims.length + i : i];
  }

  /** {@link #dim} as an int, for the sizes that a loop counts. */
  public int size(int i) {
    return Math.toIntExact(dim(i));
  }

  public long elements() {
    return elements;
  }

  public long[] toArray() {
    return dims.clone();
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Shape s && Arrays.equals(dims, s.dims);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(dims);
  }

  @Override
  public String toString() {
    return Arrays.toString(dims);
  }
}

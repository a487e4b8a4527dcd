package azulejo.kernels;

import java.util.Arrays;

/**
 * A view of a backend's buffer: shape, strides, dtype. Views (slices, reshapes) share the buffer and cost nothing.
 *
 * <p>Shapes are written with fixed letters: B batch, T or S tokens, C channels, H and W height and width, V vocabulary, D head size.
 * Images and activations are channels-last, [B, H, W, C], which is [B, T, C] with T = H * W.
 * The innermost dimension always has stride 1.
 */
public final class Tensor {
  private final Buffer buffer;
  private final long offset;
  private final DType dtype;
  private final Shape shape;
  private final long[] strides;

  private Tensor(Buffer buffer, long offset, DType dtype, Shape shape, long[] strides) {
    this.buffer = buffer;
    this.offset = offset;
    this.dtype = dtype;
    this.shape = shape;
    this.strides = strides;
  }

  /** A dense row-major tensor at the start of {@code buffer}. */
  public static Tensor dense(Buffer buffer, DType dtype, Shape shape) {
    return new Tensor(buffer, 0, dtype, shape, denseStrides(shape));
  }

  private static long[] denseStrides(Shape shape) {
    long[] s = new long[shape.rank()];
    long n = 1;
    for (int i = s.length - 1; i >= 0; i--) {
      s[i] = n;
      n *= shape.dim(i);
    }
    return s;
  }

  public Buffer buffer() {
    return buffer;
  }

  /** First element's place in the buffer, in elements. */
  public long offset() {
    return offset;
  }

  public DType dtype() {
    return dtype;
  }

  public Shape shape() {
    return shape;
  }

  public long dim(int i) {
    return shape.dim(i);
  }

  public int size(int i) {
    return shape.size(i);
  }

  /** Distance between neighbours along dimension {@code i}, in elements; negative {@code i} counts from the end. */
  public long stride(int i) {
    return strides[i < 0 ? strides.length + i : i];
  }

  public boolean isDense() {
    long n = 1;
    for (int i = strides.length - 1; i >= 0; i--) {
      if (shape.dim(i) != 1 && strides[i] != n) {
        return false;
      }
      n *= shape.dim(i);
    }
    return true;
  }

  /** Elements of the buffer from this tensor's first element to its last, those between its rows too. */
  public long extent() {
    if (shape.elements() == 0) {
      return 0;
    }
    long extent = 1;
    for (int i = 0; i < strides.length; i++) {
      extent += (shape.dim(i) - 1) * strides[i];
    }
    return extent;
  }

  /** Number of rows when all dimensions but the last are flattened. */
  public int rows() {
    long last = shape.rank() == 0 ? 1 : shape.dim(-1);
    return last == 0 ? 0 : Math.toIntExact(shape.elements() / last);
  }

  /** Length of a row: the innermost size. */
  public int columns() {
    return shape.rank() == 0 ? 1 : shape.size(-1);
  }

  /**
   * Distance between successive rows when all dimensions but the last are flattened, in elements.
   *
   * @throws IllegalArgumentException when the rows are not evenly spaced
   */
  public long rowStride() {
    int rank = shape.rank();
    int i = rank - 2;
    while (i >= 0 && shape.dim(i) == 1) {
      i--;
    }
    if (i < 0) {
      return columns();
    }
    long stride = strides[i];
    long span = stride * shape.dim(i);
    for (int j = i - 1; j >= 0; j--) {
      if (shape.dim(j) != 1) {
        if (strides[j] != span) {
          throw new IllegalArgumentException("rows of " + this + " are not evenly spaced");
        }
        span *= shape.dim(j);
      }
    }
    return stride;
  }

  /** The part {@code [from, from + length)} of dimension {@code dim} (negative counts from the end). */
  public Tensor slice(int dim, long from, long length) {
    int d = dim < 0 ? shape.rank() + dim : dim;
    if (from < 0 || length < 0 || from + length > shape.dim(d)) {
      throw new IllegalArgumentException("slice " + from + "+" + length + " of dimension " + d + " of " + this);
    }
    long[] dims = shape.toArray();
    dims[d] = length;
    return new Tensor(buffer, offset + from * strides[d], dtype, Shape.of(dims), strides);
  }

  /** The same elements under another shape of equal size; the tensor must be dense, or keep its innermost dimension and evenly spaced rows. */
  public Tensor reshape(long... dims) {
    Shape to = Shape.of(dims);
    if (to.elements() != shape.elements()) {
      throw new IllegalArgumentException("cannot view " + this + " as " + to);
    }
    long[] dense = denseStrides(to);
    if (!isDense()) {
      if (to.rank() < 1 || to.dim(-1) != columns()) {
        throw new IllegalArgumentException("cannot view " + this + " as " + to + ": it is not dense");
      }
      long rowStride = rowStride();
      for (int i = 0; i < dense.length - 1; i++) {
        dense[i] = dense[i] / columns() * rowStride;
      }
    }
    return new Tensor(buffer, offset, dtype, to, dense);
  }

  @Override
  public String toString() {
    return dtype + " " + shape + (isDense() ? "" : " strides " + Arrays.toString(strides));
  }
}

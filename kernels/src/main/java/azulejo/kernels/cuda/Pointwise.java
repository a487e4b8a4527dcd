package azulejo.kernels.cuda;

import azulejo.kernels.Activation;
import azulejo.kernels.DType;
import azulejo.kernels.Tensor;

/** Launches of {@code pointwise.cu}: a thread for each element of the output. */
final class Pointwise {
  private static final int THREADS = 256;
  private static final int RANK = 5;

  private Pointwise() {}

  static void copy(Launch launch, Tensor x, Tensor out) {
    int rank = x.shape().rank();
    if (rank > RANK) {
      throw new IllegalArgumentException("copy: " + x + " has more than " + RANK + " dimensions");
    }
    launch.of("pointwise", x.dtype().bytes() == 8 ? "copy_8" : "copy_4").address(x).address(out).number(x.shape().elements());
    for (int i = RANK; i > 0; i--) {
      launch.number(i > rank ? 1 : x.dim(rank - i));
    }
    for (Tensor t : new Tensor[] {x, out}) {
      for (int i = RANK; i > 0; i--) {
        launch.number(i > rank ? 0 : t.stride(rank - i));
      }
    }
    launch.run(Launch.ceilDiv(x.shape().elements(), THREADS), THREADS);
  }

  /** @param from dense elements of this float type at an address */
  static void widen(Launch launch, long from, DType dtype, Tensor out) {
    launch.of("pointwise", dtype == DType.F16 ? "widen_f16" : "widen_bf16").number(from).address(out).number(out.shape().elements());
    launch.run(Launch.ceilDiv(out.shape().elements(), THREADS), THREADS);
  }

  static void gather(Launch launch, Tensor table, Tensor index, Tensor out) {
    launch.of("pointwise", "gather").rows(table).rows(index).rows(out).number(index.columns());
    run(launch, out.rows(), out.columns());
  }

  static void place(Launch launch, Tensor x, Tensor position, Tensor out) {
    launch.of("pointwise", "place").address(x).number(x.stride(0)).number(x.stride(1)).address(position).address(out).number(out.stride(0)).number(out.stride(1))
        .number(x.size(1));
    run(launch, x.rows(), x.columns());
  }

  static void increment(Launch launch, Tensor counter) {
    launch.of("pointwise", "increment").rows(counter);
    run(launch, counter.rows(), counter.columns());
  }

  static void add(Launch launch, Tensor a, Tensor b, Tensor out) {
    launch.of("pointwise", "add").rows(a).rows(b).rows(out).number(b.rows());
    run(launch, out.rows(), out.columns());
  }

  static void activate(Launch launch, Tensor x, Activation activation, Tensor out) {
    launch.of("pointwise", "activate_rows").rows(x).rows(out).number(activation.ordinal());
    run(launch, out.rows(), out.columns());
  }

  static void gate(Launch launch, Tensor x, Activation activation, Tensor out) {
    launch.of("pointwise", "gate").rows(x).rows(out).number(activation.ordinal());
    run(launch, out.rows(), out.columns());
  }

  static void modulate(Launch launch, Tensor x, Tensor scaleShift, Tensor out) {
    launch.of("pointwise", "modulate").rows(x).rows(scaleShift).rows(out).number(x.size(1));
    run(launch, out.rows(), out.columns());
  }

  /** The last arguments of a kernel that goes through a table: its size. */
  private static void run(Launch launch, long rows, int columns) {
    launch.number(rows).number(columns).run(Launch.ceilDiv(rows * columns, THREADS), THREADS);
  }
}

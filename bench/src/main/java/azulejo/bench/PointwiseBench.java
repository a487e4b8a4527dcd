package azulejo.bench;

import azulejo.kernels.Activation;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/** Ops that read a few numbers for each one they write. */
public class PointwiseBench extends OpBench {
  /** T x C. */
  @Param({"512x1024", "65536x128"})
  String shape;

  private int rows;
  private int columns;
  private Tensor x;
  private Tensor y;
  private Tensor pairs;
  private Tensor scaleShift;
  private Tensor index;
  private Tensor table;
  private Tensor out;

  @Override
  protected void prepare() {
    int[] sizes = sizes(shape);
    rows = sizes[0];
    columns = sizes[1];
    x = input(1, rows, columns);
    y = input(1, rows, columns);
    pairs = input(1, rows, 2L * columns);
    scaleShift = input(1, 2L * columns);
    int[] indices = new int[rows];
    for (int i = 0; i < rows; i++) {
      indices[i] = i * 7919 % rows;
    }
    index = ops.tensor(HostTensor.of("index", indices, 1, rows));
    table = input(rows, columns);
    out = output(1, rows, columns);
  }

  @Benchmark
  public void gather(Rate rate) {
    ops.gather(table, index, out);
    count(rate, 2);
  }

  @Benchmark
  public void add(Rate rate) {
    ops.add(x, y, out);
    count(rate, 3);
  }

  @Benchmark
  public void silu(Rate rate) {
    ops.activate(x, Activation.SILU, out);
    count(rate, 2);
  }

  @Benchmark
  public void gelu(Rate rate) {
    ops.activate(x, Activation.GELU, out);
    count(rate, 2);
  }

  @Benchmark
  public void gateGelu(Rate rate) {
    ops.gate(pairs, Activation.GELU, out);
    count(rate, 3);
  }

  @Benchmark
  public void modulate(Rate rate) {
    ops.modulate(x, scaleShift, out);
    count(rate, 2);
  }

  private void count(Rate rate, int tensors) {
    count(rate, 0, 4.0 * tensors * rows * columns);
  }
}

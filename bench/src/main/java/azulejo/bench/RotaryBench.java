package azulejo.bench;

import azulejo.kernels.Tensor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/** Rotary position embedding. */
public class RotaryBench extends OpBench {
  /** B x T x heads x D. */
  @Param({"2x576x12x64", "2x1x12x64"})
  String shape;

  private int[] sizes;
  private Tensor x;
  private Tensor table;
  private Tensor out;

  @Override
  protected void prepare() {
    sizes = sizes(shape);
    x = input(sizes[0], sizes[1], (long) sizes[2] * sizes[3]);
    table = input(sizes[1], sizes[3] / 2, 2);
    out = output(sizes[0], sizes[1], (long) sizes[2] * sizes[3]);
  }

  @Benchmark
  public void rotary(Rate rate) {
    ops.rotary(x, table, sizes[2], out);
    count(rate, 0, 8.0 * sizes[0] * sizes[1] * sizes[2] * sizes[3]);
  }
}

package azulejo.bench;

import azulejo.kernels.Activation;
import azulejo.kernels.Tensor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/** Group norm and SiLU, before each convolution of a VQ decoder. */
public class GroupNormBench extends OpBench {
  /** H x W x C. */
  @Param({"16x16x768", "64x64x256", "256x256x128"})
  String shape;

  private int[] sizes;
  private Tensor x;
  private Tensor weight;
  private Tensor bias;
  private Tensor out;

  @Override
  protected void prepare() {
    sizes = sizes(shape);
    x = input(1, sizes[0], sizes[1], sizes[2]);
    weight = input(sizes[2]);
    bias = input(sizes[2]);
    out = output(1, sizes[0], sizes[1], sizes[2]);
  }

  @Benchmark
  public void groupNorm(Rate rate) {
    ops.groupNorm(x, 32, weight, bias, 1e-6f, Activation.SILU, out);
    count(rate, 0, 8.0 * sizes[0] * sizes[1] * sizes[2]);
  }
}

package azulejo.bench;

import azulejo.kernels.Norm;
import azulejo.kernels.Tensor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/** Norms over channels with an adaptive scale and shift, and the global response norm over positions. */
public class NormBench extends OpBench {
  /** B x T x C. */
  @Param({"2x256x1024", "2x256x3072"})
  String shape;

  private int[] sizes;
  private Tensor x;
  private Tensor weight;
  private Tensor bias;
  private Tensor scaleShift;
  private Tensor out;

  @Override
  protected void prepare() {
    sizes = sizes(shape);
    x = input(sizes[0], sizes[1], sizes[2]);
    weight = input(sizes[2]);
    bias = input(sizes[2]);
    scaleShift = input(sizes[0], 2L * sizes[2]);
    out = output(sizes[0], sizes[1], sizes[2]);
  }

  @Benchmark
  public void layerNorm(Rate rate) {
    ops.norm(Norm.LAYER, x, weight, bias, 1e-6f, scaleShift, out);
    count(rate);
  }

  @Benchmark
  public void rmsNorm(Rate rate) {
    ops.norm(Norm.RMS, x, weight, null, 1e-6f, null, out);
    count(rate);
  }

  @Benchmark
  public void globalResponseNorm(Rate rate) {
    ops.globalResponseNorm(x, weight, bias, out);
    count(rate);
  }

  private void count(Rate rate) {
    count(rate, 0, 8.0 * sizes[0] * sizes[1] * sizes[2]);
  }
}

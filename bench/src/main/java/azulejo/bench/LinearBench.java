package azulejo.bench;

import azulejo.kernels.Activation;
import azulejo.kernels.Matrix;
import azulejo.kernels.Tensor;
import azulejo.kernels.WeightFormat;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/** Linear layers: a guided aMUSEd step has M = 512, its text 154, an autoregressive step 2. */
public class LinearBench extends OpBench {
  /** M x N x K. */
  @Param({"512x1024x1024", "512x5632x1024", "512x1024x4096", "64x512x512", "1x4096x4096", "2x2048x2048", "8x2048x2048"})
  String shape;

  @Param("F32")
  WeightFormat format;

  private int m;
  private int n;
  private int k;
  private Tensor x;
  private Matrix weight;
  private Tensor bias;
  private Tensor out;

  @Override
  protected void prepare() {
    int[] sizes = sizes(shape);
    m = sizes[0];
    n = sizes[1];
    k = sizes[2];
    x = input(m, k);
    weight = ops.matrix(random(n, k), format);
    bias = input(n);
    out = output(m, n);
  }

  @Benchmark
  public void linear(Rate rate) {
    ops.linear(x, weight, bias, Activation.NONE, null, out);
    count(rate);
  }

  @Benchmark
  public void linearGelu(Rate rate) {
    ops.linear(x, weight, bias, Activation.GELU, null, out);
    count(rate);
  }

  private void count(Rate rate) {
    int bytes = switch (format) {
      case F32 -> 4;
      case BF16, F16 -> 2;
      case INT8 -> 1;
    };
    count(rate, 2.0 * m * n * k, (double) bytes * n * k + 4.0 * m * (k + n));
  }
}

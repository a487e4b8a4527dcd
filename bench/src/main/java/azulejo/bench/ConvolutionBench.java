package azulejo.bench;

import azulejo.kernels.Filter;
import azulejo.kernels.Padding;
import azulejo.kernels.Tensor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/**
 * Convolutions of aMUSEd's VQ decoder, 16 x 16 to 256 x 256. The operations counted are those of the definition: Winograd's algorithm needs a
 * quarter of them, so it can exceed the peak.
 */
public class ConvolutionBench extends OpBench {
  /** H x W x I x O x K, stride 1, size kept. */
  @Param({"16x16x768x768x3", "32x32x512x512x3", "64x64x256x256x3", "128x128x256x256x3", "256x256x128x128x3", "256x256x128x3x3", "256x256x3x128x3",
      "256x256x256x128x1"})
  String shape;

  private int[] sizes;
  private Tensor x;
  private Filter filter;
  private Tensor bias;
  private Tensor out;

  @Override
  protected void prepare() {
    sizes = sizes(shape);
    x = input(1, sizes[0], sizes[1], sizes[2]);
    filter = ops.filter(random(sizes[3], sizes[2], sizes[4], sizes[4]));
    bias = input(sizes[3]);
    out = output(1, sizes[0], sizes[1], sizes[3]);
  }

  @Benchmark
  public void conv2d(Rate rate) {
    ops.conv2d(x, filter, bias, 1, Padding.same(sizes[4] / 2), null, out);
    double pixels = (double) sizes[0] * sizes[1];
    double weights = (double) sizes[2] * sizes[3] * sizes[4] * sizes[4];
    count(rate, 2 * pixels * weights, 4 * (pixels * (sizes[2] + sizes[3]) + weights));
  }
}

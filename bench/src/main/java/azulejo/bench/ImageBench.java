package azulejo.bench;

import azulejo.kernels.Tensor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/** Ops on images beside the convolution: depthwise convolution 3 x 3, upsampling, depth to space. */
public class ImageBench extends OpBench {
  /** H x W x C. */
  @Param({"16x16x768", "64x64x256"})
  String shape;

  private double elements;
  private Tensor x;
  private Tensor weight;
  private Tensor bias;
  private Tensor deep;
  private Tensor out;
  private Tensor larger;

  @Override
  protected void prepare() {
    int[] sizes = sizes(shape);
    elements = (double) sizes[0] * sizes[1] * sizes[2];
    x = input(1, sizes[0], sizes[1], sizes[2]);
    weight = ops.weight(random(sizes[2], 1, 3, 3));
    bias = input(sizes[2]);
    deep = input(1, sizes[0], sizes[1], 4L * sizes[2]);
    out = output(1, sizes[0], sizes[1], sizes[2]);
    larger = output(1, 2L * sizes[0], 2L * sizes[1], sizes[2]);
  }

  @Benchmark
  public void depthwiseConv2d(Rate rate) {
    ops.depthwiseConv2d(x, weight, bias, out);
    count(rate, 18 * elements, 8 * elements);
  }

  @Benchmark
  public void upsample(Rate rate) {
    ops.upsample(x, larger);
    count(rate, 0, 20 * elements);
  }

  @Benchmark
  public void depthToSpace(Rate rate) {
    ops.depthToSpace(deep, larger);
    count(rate, 0, 32 * elements);
  }
}

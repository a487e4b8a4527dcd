package azulejo.kernels.cuda;

import azulejo.kernels.Padding;
import azulejo.kernels.Pooling;
import azulejo.kernels.Tensor;

/** Launches of {@code images.cu}: a thread for one or four channels of an output pixel. */
final class Images {
  private static final int THREADS = 256;
  /** Neighbours in a row that one thread of the depthwise convolution has. */
  private static final int STRIP = 4;

  private Images() {}

  static void depthwiseConv2d(Launch launch, Tensor x, Tensor weight, Tensor bias, Tensor out) {
    long strips = x.dim(0) * x.dim(1) * Launch.ceilDiv(x.dim(2), STRIP);
    launch.of("images", "depthwise").rows(x).address(weight).address(bias).rows(out).number(x.size(1)).number(x.size(2)).number(x.columns())
        .number(weight.size(2)).number(weight.size(3)).number(strips);
    launch.run(Launch.ceilDiv(strips * x.columns(), THREADS), THREADS);
  }

  static void pool2d(Launch launch, Pooling pooling, Tensor x, int height, int width, int stride, Padding padding, Tensor out) {
    int vector = Launch.vector(x, out);
    launch.of("images", "pool_" + vector).rows(x).rows(out).number(x.size(1)).number(x.size(2)).number(out.size(1)).number(out.size(2)).number(x.columns())
        .number(height).number(width).number(stride).number(padding.top()).number(padding.left()).flag(pooling == Pooling.MEAN).number((long) out.rows());
    run(launch, out, vector);
  }

  static void upsample(Launch launch, Tensor x, Tensor out) {
    twice(launch, "upsample_", x, out);
  }

  static void depthToSpace(Launch launch, Tensor x, Tensor out) {
    twice(launch, "depth_to_space_", x, out);
  }

  private static void twice(Launch launch, String kernel, Tensor x, Tensor out) {
    int vector = Launch.vector(x, out);
    launch.of("images", kernel + vector).rows(x).rows(out).number(out.size(1)).number(out.size(2)).number(out.columns()).number((long) out.rows());
    run(launch, out, vector);
  }

  private static void run(Launch launch, Tensor out, int vector) {
    launch.run(Launch.ceilDiv((long) out.rows() * (out.columns() / vector), THREADS), THREADS);
  }
}

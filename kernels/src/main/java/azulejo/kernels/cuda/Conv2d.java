package azulejo.kernels.cuda;

import azulejo.kernels.Activation;
import azulejo.kernels.DType;
import azulejo.kernels.Filter;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Padding;
import azulejo.kernels.Shape;
import azulejo.kernels.Tensor;

/** Launches of {@code conv2d.cu}. */
final class Conv2d {
  private static final int THREADS = 256;

  private Conv2d() {}

  /**
   * A filter in device memory.
   *
   * @param rows F32 [O, stride]: a row holds [KH, KW, I] and zeros
   */
  record Kernel(int outputs, int inputs, int height, int width, Tensor rows) implements Filter {
    static Kernel of(Filter filter) {
      if (filter instanceof Kernel kernel) {
        return kernel;
      }
      throw new IllegalArgumentException("the filter belongs to another backend");
    }
  }

  /** @param raw the filter as F32 in device memory, for as long as this runs */
  static Kernel pack(DeviceMemory memory, Launch launch, HostTensor weight, Tensor raw) {
    int outputs = raw.size(0);
    int channels = raw.size(1);
    int taps = Math.multiplyExact(raw.size(2), raw.size(3));
    long stride = Launch.ceilDiv((long) taps * channels, 4) * 4;
    Tensor rows = Tensor.dense(memory.weight(4 * outputs * stride, weight.name()), DType.F32, Shape.of(outputs, stride));
    launch.of("conv2d", "pack_filter").address(raw).address(rows).number(stride).number(outputs).number(channels).number(taps);
    launch.run(Launch.ceilDiv(outputs * stride, THREADS), THREADS);
    return new Kernel(outputs, channels, raw.size(2), raw.size(3), rows);
  }

  static void conv2d(DeviceMemory memory, Launch launch, Tensor x, Kernel filter, Tensor bias, int stride, Padding padding, Activation activation, Tensor residual,
      Tensor out) {
    int k = filter.inputs * filter.height * filter.width;
    Product product = new Product(out.rows(), out.columns(), k, filter.rows, null, bias, activation, residual, out);
    Product.Kernel kernel = Product.Kernel.choose(product, Product.isWide(x) && x.columns() % 4 == 0, launch.driver.device());
    launch.of("conv2d", "conv2d" + kernel.suffix).rows(x).number(x.size(1)).number(x.size(2)).number(x.size(3)).number(out.size(1)).number(out.size(2))
        .number(filter.width).number(stride).number(padding.top()).number(padding.left());
    product.run(memory, launch, kernel.tile, "conv2d");
  }
}

package azulejo.kernels.cuda;

import azulejo.kernels.Activation;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Matrix;
import azulejo.kernels.Shape;
import azulejo.kernels.Tensor;
import azulejo.kernels.WeightFormat;

/** Launches of {@code linear.cu}. */
final class Linear {
  private static final int THREADS = 256;
  /** Rows of weights begin at multiples of so many bytes. */
  private static final int ALIGNMENT = 16;

  private Linear() {}

  /**
   * A weight in device memory.
   *
   * @param rows [N, stride] in the format's type, filled up with zeros
   * @param scale F32 [N] for {@link WeightFormat#INT8}, else null
   */
  record Weight(int outputs, int inputs, WeightFormat format, Tensor rows, Tensor scale) implements Matrix {
    static Weight of(Matrix matrix) {
      if (matrix instanceof Weight weight) {
        return weight;
      }
      throw new IllegalArgumentException("the matrix belongs to another backend");
    }
  }

  /** How a product is computed. */
  private enum Variant {
    TILES_128("linear_f32_128", new Product.Tile(128, 128, 16), 1),
    TILES_64("linear_f32_64", new Product.Tile(64, 64, 16), 4),
    TILES_64_ODD("linear_f32_64_odd", new Product.Tile(64, 64, 16), 4);

    final String kernel;
    final Product.Tile tile;
    /** Blocks that a multiprocessor runs at once. */
    final int resident;

    Variant(String kernel, Product.Tile tile, int resident) {
      this.kernel = kernel;
      this.tile = tile;
      this.resident = resident;
    }

    /** @param wide whether rows of the input can be read four numbers at a time */
    static Variant choose(Product p, WeightFormat format, boolean wide, Driver.Device device) {
      return !wide ? TILES_64_ODD : p.tiles(TILES_128.tile) >= device.multiprocessors() ? TILES_128 : TILES_64;
    }
  }

  /** @param raw the weight as F32 in device memory, for as long as this runs */
  static Weight pack(DeviceMemory memory, Launch launch, HostTensor weight, WeightFormat format, Tensor raw) {
    int outputs = raw.size(0);
    int inputs = raw.size(1);
    DType dtype = DType.F32;
    long stride = Launch.ceilDiv((long) inputs * dtype.bytes(), ALIGNMENT) * ALIGNMENT / dtype.bytes();
    Tensor rows = Tensor.dense(memory.weight(outputs * stride * dtype.bytes(), weight.name()), dtype, Shape.of(outputs, stride));
    launch.of("linear", "pack_f32").address(raw).address(rows).number(stride).address(null).number(outputs).number(inputs);
    launch.run(Launch.ceilDiv(outputs * stride, THREADS), THREADS);
    return new Weight(outputs, inputs, format, rows, null);
  }

  static void linear(DeviceMemory memory, Launch launch, Tensor x, Weight weight, Tensor bias, Activation activation, Tensor residual, Tensor out) {
    Product product = new Product(out.rows(), out.columns(), x.columns(), weight.rows, weight.scale, bias, activation, residual, out);
    Driver.Device device = launch.driver.device();
    Variant variant = Variant.choose(product, weight.format, Product.isWide(x) && product.k() % 4 == 0, device);
    product.run(memory, launch.of("linear", variant.kernel).rows(x), variant.tile, variant.resident * device.multiprocessors(), 0, "linear");
  }
}

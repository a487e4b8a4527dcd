package azulejo.kernels.cuda;

import azulejo.kernels.Activation;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Matrix;
import azulejo.kernels.Shape;
import azulejo.kernels.Tensor;
import azulejo.kernels.WeightFormat;
import java.util.List;
import java.util.Locale;
import java.util.function.BiFunction;

/** Launches of {@code linear.cu}, {@code linear_skinny.cu} and {@code linear_tensor.cu}. */
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

  // ---- variants -----------------------------------------------------------------------------------------------------------

  /** A way to compute a product. */
  sealed interface Variant {
    /** The one for a shape; what a measurement finds to be faster goes in here. */
    static Variant choose(Product p, WeightFormat format, boolean wide, Driver.Device device) {
      if (p.m() <= Skinny.MOST) {
        return Skinny.of(p, format, wide, device);
      }
      if (format == WeightFormat.F32) {
        return new Full(Product.Kernel.choose(p, wide, device));
      }
      Narrow large = new Narrow(format, 128, true);
      return wide && p.tiles(large.tile()) >= device.multiprocessors() ? large : new Narrow(format, 64, wide);
    }

    void run(DeviceMemory memory, Launch launch, Tensor x, Product p);
  }

  /**
   * By reading the weight once.
   *
   * @param kernel for as many rows
   * @param outputs of a warp
   * @param kWarps warps of a block that share the same outputs
   */
  record Skinny(String kernel, int outputs, int kWarps) implements Variant {
    static final int MOST = 16;
    private static final int WARPS = 8;
    /** Warps of a multiprocessor that keep its share of the memory busy. */
    private static final int BUSY = 16;

    static Skinny of(Product p, WeightFormat format, boolean wide, Driver.Device device) {
      long bytes = p.weight().stride(0) * bytes(format);
      if (!wide) {
        return of(p, format, "_16_odd", 4, bytes / 512, device);
      }
      if (format == WeightFormat.F32 || p.m() <= 2) {
        return of(p, format, "_" + Integer.highestOneBit(2 * p.m() - 1), 4, bytes / 512, device);
      }
      int tiles = p.n() / 16 >= 2 * device.multiprocessors() ? 2 : 1;
      return of(p, format, "_mma_" + (p.m() <= 8 ? 8 : 16) + "_" + tiles, 8 * tiles, bytes / 64, device);
    }

    /** @param steps that a warp alone would take along k */
    private static Skinny of(Product p, WeightFormat format, String kernel, int outputs, long steps, Driver.Device device) {
      long groups = Launch.ceilDiv(p.n(), outputs);
      int kWarps = 1;
      while (kWarps < WARPS && 2 * kWarps <= steps && groups * kWarps < (long) BUSY * device.multiprocessors()) {
        kWarps *= 2;
      }
      return new Skinny("linear_skinny_" + type(format) + kernel, outputs, kWarps);
    }

    @Override
    public void run(DeviceMemory memory, Launch launch, Tensor x, Product p) {
      launch.of("linear_skinny", kernel).rows(x).number(kWarps);
      p.arguments(launch, null, p.k()).run(Launch.ceilDiv(p.n(), WARPS / kWarps * outputs), THREADS);
    }
  }

  /** By tiles, at full precision. */
  record Full(Product.Kernel kernel) implements Variant {
    @Override
    public void run(DeviceMemory memory, Launch launch, Tensor x, Product p) {
      launch.of("linear", "linear" + kernel.suffix).rows(x);
      p.run(memory, launch, kernel.tile, "linear");
    }
  }

  /** By tiles of size x size on tensor cores, the input rounded to 16 bits. */
  record Narrow(WeightFormat format, int size, boolean wide) implements Variant {
    /** Slices of 32 numbers in 80 bytes: two of the input, and four of the weight or two of bytes. */
    Product.Tile tile() {
      return new Product.Tile(size, size, 32, 2 * size, (format == WeightFormat.INT8 ? 4 : 6) * size * 80);
    }

    @Override
    public void run(DeviceMemory memory, Launch launch, Tensor x, Product p) {
      launch.of("linear_tensor", "linear_" + type(format) + "_" + size + (wide ? "" : "_odd")).rows(x);
      p.run(memory, launch, tile(), "linear");
    }
  }

  /**
   * By cuBLASLt, with the epilogue in a kernel of its own; narrow weights want the input narrow too, which is rounded as {@link Narrow} does.
   *
   * @param format one that the library multiplies
   */
  record Library(CublasLt cublas, WeightFormat format) implements Variant {
    /** Whether it takes such a product: of dense rows, which it reads in 16 bytes. */
    static boolean takes(Product p, Weight weight, Tensor x) {
      return weight.format != WeightFormat.INT8 && p.m() > Skinny.MOST && x.rowStride() == p.k() && p.k() % 8 == 0 && Product.isWide(x);
    }

    @Override
    public void run(DeviceMemory memory, Launch launch, Tensor x, Product p) {
      DType dtype = dtype(format);
      try (Backend.Scope _ = memory.scope()) {
        Tensor left = x;
        if (format != WeightFormat.F32) {
          left = Tensor.dense(memory.alloc((long) p.m() * p.k() * dtype.bytes()), dtype, Shape.of(p.m(), p.k()));
          launch.of("linear", "pack_" + type(format)).address(x).address(left).number((long) p.k()).address(null).number(p.m()).number(p.k());
          launch.run(Launch.ceilDiv((long) p.m() * p.k(), THREADS), THREADS);
        }
        Tensor sums = Tensor.dense(memory.alloc(4L * p.m() * p.n()), DType.F32, Shape.of(1, p.m(), p.n()));
        CublasLt.Shape shape = new CublasLt.Shape(p.m(), p.n(), p.k(), p.k(), p.weight().stride(0), p.n(), dtype);
        long from = DeviceBuffer.address(left);
        long weight = DeviceBuffer.address(p.weight());
        long to = DeviceBuffer.address(sums);
        cublas.prepare(shape);
        launch.driver.submit(() -> cublas.multiply(shape, from, weight, to));
        p.arguments(launch.of("linear", "linear_finish").number(1), sums, p.k()).run(Launch.ceilDiv((long) p.m() * p.n(), THREADS), THREADS);
      }
    }
  }

  // ---- formats ------------------------------------------------------------------------------------------------------------

  /** As kernels' names call it. */
  private static String type(WeightFormat format) {
    return format.name().toLowerCase(Locale.ROOT);
  }

  private static DType dtype(WeightFormat format) {
    return switch (format) {
      case F32 -> DType.F32;
      case BF16 -> DType.BF16;
      case F16 -> DType.F16;
      case INT8 -> DType.I8;
    };
  }

  private static int bytes(WeightFormat format) {
    return dtype(format).bytes();
  }

  /** A weight that is in its format already, rows and all, is uploaded as it is; another one is converted on the device, in scratch. */
  static Weight pack(Backend backend, DeviceMemory memory, Launch launch, HostTensor weight, WeightFormat format) {
    int outputs = weight.shape().size(0);
    int inputs = weight.shape().size(1);
    DType dtype = dtype(format);
    long stride = Launch.ceilDiv((long) inputs * dtype.bytes(), ALIGNMENT) * ALIGNMENT / dtype.bytes();
    Tensor rows = Tensor.dense(memory.weight(outputs * stride * dtype.bytes(), weight.name()), dtype, Shape.of(outputs, stride));
    Tensor scale = format == WeightFormat.INT8 ? Tensor.dense(memory.weight(4L * outputs, weight.name()), DType.F32, Shape.of(outputs)) : null;
    if (weight.dtype() == dtype && stride == inputs) {
      backend.upload(weight, rows);
    } else {
      Tensor raw = backend.tensor(weight);
      launch.of("linear", "pack_" + type(format)).address(raw).address(rows).number(stride).address(scale).number(outputs).number(inputs);
      launch.run(format == WeightFormat.INT8 ? outputs : Launch.ceilDiv(outputs * stride, THREADS), THREADS);
    }
    return new Weight(outputs, inputs, format, rows, scale);
  }

  /** @param rival another way than these kernels, and who chooses between them; or null */
  static void linear(DeviceMemory memory, Launch launch, Rival rival, Tensor x, Weight weight, Tensor bias, Activation activation, Tensor residual, Tensor out) {
    Product product = new Product(out.rows(), out.columns(), x.columns(), weight.rows, weight.scale, bias, activation, residual, out);
    boolean wide = Product.isWide(x) && product.k() % 4 == 0;
    Variant own = Variant.choose(product, weight.format, wide, launch.driver.device());
    if (rival != null && Library.takes(product, weight, x)) {
      Variant other = new Library(rival.cublas, weight.format);
      String what = String.format("linear %d x %d x %d %s", product.m(), product.n(), product.k(), type(weight.format));
      List<Tuner.Candidate> candidates = List.of(candidate("own", own, memory, launch, x, product), candidate(Rival.NAME, other, memory, launch, x, product));
      own = rival.chooser.apply(what, candidates).name().equals(Rival.NAME) ? other : own;
    }
    own.run(memory, launch, x, product);
  }

  /** cuBLASLt, and who chooses between it and the kernels here: what is to be computed, the ways. */
  record Rival(CublasLt cublas, BiFunction<String, List<Tuner.Candidate>, Tuner.Candidate> chooser) {
    static final String NAME = "cuBLASLt";
  }

  /** Computes it into scratch. */
  private static Tuner.Candidate candidate(String name, Variant variant, DeviceMemory memory, Launch launch, Tensor x, Product p) {
    return new Tuner.Candidate(name, () -> {
      try (Backend.Scope _ = memory.scope()) {
        variant.run(memory, launch, x, p.into(Tensor.dense(memory.alloc(4L * p.m() * p.n()), DType.F32, Shape.of(p.m(), p.n()))));
      }
    });
  }
}

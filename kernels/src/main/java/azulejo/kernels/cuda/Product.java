package azulejo.kernels.cuda;

import azulejo.kernels.Activation;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Shape;
import azulejo.kernels.Tensor;

/**
 * A matrix product with its epilogue, as {@code gemm.cuh} describes it, and how it is cut into blocks.
 *
 * @param m rows of the left side and of the output
 * @param n rows of the weight, columns of the output
 * @param k columns of both sides
 * @param weight [n, stride]: rows filled up with zeros from k on
 * @param scale F32 [n], or null
 */
record Product(int m, int n, int k, Tensor weight, Tensor scale, Tensor bias, Activation activation, Tensor residual, Tensor out) {
  private static final int THREADS = 256;
  /** Fewer k's to a block cost more in partial sums than more blocks win. */
  private static final int SHORTEST_SPLIT = 256;

  /**
   * What a block computes.
   *
   * @param slice k's between two barriers
   * @param sharedMemory bytes that the launch gives it
   */
  record Tile(int rows, int columns, int slice, int threads, int sharedMemory) {}

  /** A way to compute an F32 product by tiles. */
  enum Kernel {
    /** On tensor cores, each number as a sum of three; slices of 16 in 48 bytes, two of either side. */
    SPLIT_128("_split_128", new Tile(128, 64, 16, 256, 6 * (128 + 64) * 48)),
    SPLIT_64("_split_64", new Tile(64, 64, 16, 128, 6 * (64 + 64) * 48)),
    FMA("_fma", new Tile(64, 64, 16, THREADS, 0)),
    FMA_ODD("_fma_odd", new Tile(64, 64, 16, THREADS, 0));

    /** Fewer k's are not worth splitting numbers for. */
    private static final int SHALLOWEST = 32;

    /** Of its name, behind the file's. */
    final String suffix;
    final Tile tile;

    Kernel(String suffix, Tile tile) {
      this.suffix = suffix;
      this.tile = tile;
    }

    /** @param wide whether the left side can be read four numbers at a time */
    static Kernel choose(Product p, boolean wide, Driver.Device device) {
      if (!wide) {
        return FMA_ODD;
      }
      return p.k < SHALLOWEST ? FMA : p.tiles(SPLIT_128.tile) >= device.multiprocessors() ? SPLIT_128 : SPLIT_64;
    }
  }

  /** The same without a residual, to another output. */
  Product into(Tensor out) {
    return new Product(m, n, k, weight, scale, bias, activation, null, out);
  }

  /** Whether rows of {@code t} can be read four numbers at a time. */
  static boolean isWide(Tensor t) {
    return DeviceBuffer.address(t) % 16 == 0 && t.rowStride() % 4 == 0;
  }

  long tiles(Tile tile) {
    return Launch.ceilDiv(m, tile.rows) * Launch.ceilDiv(n, tile.columns);
  }

  /**
   * Runs a kernel of {@code file.cu}. Where tiles are fewer than half the multiprocessors, several blocks share one, each with a stretch of k, and the kernel
   * {@code file_finish} adds up their sums: always in the same order, for a shape and a device.
   *
   * @param kernel begun, and given what comes before the product in its arguments
   */
  void run(DeviceMemory memory, Launch kernel, Tile tile, String file) {
    long wanted = Math.max(1, Math.min(kernel.driver.device().multiprocessors() / tiles(tile), k / SHORTEST_SPLIT));
    int depth = Math.toIntExact(Launch.ceilDiv(Launch.ceilDiv(k, wanted), tile.slice) * tile.slice);
    int splits = Math.toIntExact(Math.max(1, Launch.ceilDiv(k, depth)));
    try (Backend.Scope _ = memory.scope()) {
      Tensor parts = splits == 1 ? null : Tensor.dense(memory.alloc(4L * splits * m * n), DType.F32, Shape.of(splits, m, n));
      arguments(kernel, parts, depth).run(Launch.ceilDiv(m, tile.rows), Launch.ceilDiv(n, tile.columns), splits, tile.threads, tile.sharedMemory);
      if (splits > 1) {
        arguments(kernel.of(file, file + "_finish").number(splits), parts, depth).run(Launch.ceilDiv((long) m * n, THREADS), THREADS);
      }
    }
  }

  /** The last arguments of a kernel: the product, of which a block takes {@code depth} k's. */
  Launch arguments(Launch launch, Tensor parts, int depth) {
    return launch.address(weight).number(weight.stride(0)).address(scale).address(bias).rows(residual).rows(out).address(parts)
        .number(m).number(n).number(k).number(depth).number(activation.ordinal());
  }
}

package azulejo.kernels.cuda;

import azulejo.kernels.DType;
import azulejo.kernels.Draw;
import azulejo.kernels.Noise;
import azulejo.kernels.Shape;
import azulejo.kernels.Tensor;

/** Launches of {@code sampling.cu}: a block for each row that is drawn from, or for each image. */
final class Sampling {
  /** Of a truncation's bins. */
  static final int BINS_BYTES = 2048 * Long.BYTES;

  /** Shared memory that the kernels of a family have besides a row and the bins. */
  static final int STATIC_BYTES = 4096;

  private static final int THREADS = 256;

  private Sampling() {}

  static void draw(Launch launch, DeviceMemory memory, Tensor logits, Draw draw, Tensor open, Noise noise, Tensor step, Tensor tokens, Tensor probability,
      Tensor ledger, Tensor usage, Tensor fault) {
    int codes = logits.columns();
    long rows = (long) open.rows() * open.columns();
    boolean truncated = draw.topK() > 0 && draw.topK() < codes || draw.topP() < 1;
    try (var _ = memory.scope()) {
      Row row = Row.of(launch, memory, "draw", rows, codes, truncated ? BINS_BYTES : 0, 512);
      launch.of("sampling", row.kernel).rows(logits).address(draw.codebook()).rows(open);
      noise(launch, noise).address(step).rows(tokens).rows(probability).rows(ledger).address(usage).address(fault).number(row.scratch);
      launch.number(rows).number(open.columns()).number(codes).flag(logits.dim(0) == 2).flag(aligned(logits) && aligned(draw.codebook()));
      launch.number(draw.guidance()).number(Math.max(draw.temperature(), Draw.LOWEST_TEMPERATURE)).number(draw.topK()).number(draw.topP()).flag(draw.greedy());
      launch.run(rows, 1, 1, row.threads, row.sharedMemory);
    }
  }

  /**
   * Where a block keeps the row of numbers that it works on, and how many threads it has.
   *
   * @param kernel ends in its number of threads, or in "far" for a row in scratch
   * @param scratch address of a row for each block, or 0 for a row in shared memory
   * @param sharedMemory bytes of dynamic shared memory
   */
  record Row(String kernel, int threads, long scratch, int sharedMemory) {
    /**
     * @param more bytes of shared memory beside the row's
     * @param most threads for a long row
     */
    static Row of(Launch launch, DeviceMemory memory, String family, long rows, int columns, int more, int most) {
      long bytes = Launch.ceilDiv(columns, 4) * 4 * Float.BYTES;
      if (bytes + more + STATIC_BYTES > launch.driver.device().sharedMemory()) {
        Tensor scratch = Tensor.dense(memory.alloc(Math.multiplyExact(rows, bytes)), DType.F32, Shape.of(rows, bytes / Float.BYTES));
        return new Row(family + "_far", most, DeviceBuffer.address(scratch), more);
      }
      int threads = columns <= 512 ? 32 : columns <= 8192 ? 256 : most;
      return new Row(family + "_" + threads, threads, 0, Math.toIntExact(bytes) + more);
    }
  }

  /** Whether each row of a tensor, or one left out, begins at a multiple of 16 bytes. */
  static boolean aligned(Tensor t) {
    return t == null || DeviceBuffer.address(t) % 16 == 0 && (t.rows() == 1 || t.rowStride() % 4 == 0);
  }

  /** A {@code Noise}; null for one that is not used. */
  static Launch noise(Launch launch, Noise noise) {
    return switch (noise) {
      case null -> launch.rows(null).rows(null).number(0).number(0);
      case Noise.Counter(var keys, var stream) -> launch.rows(keys).rows(null).number(0).number(stream.ordinal());
      case Noise.Given(var values) -> launch.rows(null).rows(values).number(values.size(1)).number(0);
    };
  }

  static void openCells(Launch launch, Tensor grid, int maskId, Tensor open, Tensor count) {
    launch.of("sampling", "open_cells").rows(grid).rows(open).address(count).number(grid.columns()).number(open.columns()).number(maskId).run(grid.rows(), THREADS);
  }

  static void reveal(Launch launch, Tensor grid, Tensor open, Tensor tokens) {
    long rows = (long) open.rows() * open.columns();
    launch.of("sampling", "reveal").rows(grid).rows(open).rows(tokens).number(rows).number(open.columns()).run(Launch.ceilDiv(rows, THREADS), THREADS);
  }

  static void remask(Launch launch, DeviceMemory memory, Tensor grid, Tensor open, Tensor count, Tensor probability, int maskLength, float temperature,
      int maskId, Noise noise, Tensor step, Tensor confidence, Tensor surprisal) {
    int threads = grid.columns() <= 64 ? 32 : THREADS;
    try (var _ = memory.scope()) {
      // log rates of the open cells that stay settled
      Tensor scratch = surprisal == null ? null
          : Tensor.dense(memory.alloc((long) open.rows() * open.columns() * Double.BYTES), DType.F64, Shape.of(open.rows(), open.columns()));
      launch.of("sampling", "remask_" + threads).rows(grid).rows(open).address(count).rows(probability);
      noise(launch, noise).address(step).rows(confidence).address(surprisal).address(scratch);
      launch.number(grid.columns()).number(open.columns()).number(maskLength).number(temperature).number(maskId).run(grid.rows(), threads);
    }
  }
}

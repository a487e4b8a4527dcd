package azulejo.kernels.cuda;

import azulejo.kernels.Activation;
import azulejo.kernels.Backend;
import azulejo.kernels.Norm;
import azulejo.kernels.Tensor;

/** Launches of {@code norms.cu}. */
final class Norms {
  private static final int THREADS = 256;
  private static final int WARPS = THREADS / 32;
  /** Rows up to here go to a warp each if there are enough of them to fill a device. */
  private static final int SHORT_ROW = 512;
  private static final int MANY_ROWS = 1024;
  /** Elements of a group, 64 KiB, that one block normalises by itself. */
  private static final long SMALL_GROUP = 16 << 10;
  /** Blocks that take the moments of an image's channels, at most. */
  private static final int CHUNKS = 256;
  private static final int CHUNK_TOKENS = 32;
  /** Of the blocks that put together what others found. */
  private static final int MANY_THREADS = 1024;

  private Norms() {}

  static void norm(Launch launch, Norm norm, Tensor x, Tensor weight, Tensor bias, float eps, Tensor scaleShift, Tensor out) {
    boolean warp = x.columns() <= WARPS * 4 || x.columns() <= SHORT_ROW && x.rows() >= MANY_ROWS;
    launch.of("norms", (warp ? "norm_warp_" : "norm_block_") + Launch.vector(x, out)).rows(x).address(weight).address(bias).rows(scaleShift).rows(out)
        .number(scaleShift == null ? 1 : x.size(1)).number(x.columns()).number((long) x.rows()).flag(norm == Norm.LAYER).number(eps);
    launch.run(warp ? Launch.ceilDiv(x.rows(), WARPS) : x.rows(), THREADS);
  }

  static void groupNorm(Launch launch, DeviceMemory memory, Tensor x, int groups, Tensor weight, Tensor bias, float eps, Activation activation, Tensor out) {
    int size = x.columns() / groups;
    int pixels = Math.multiplyExact(x.size(1), x.size(2));
    int vector = size % 4 == 0 ? Launch.vector(x, out) : 1;
    GroupNorm all = new GroupNorm(launch, x, weight, bias, out, pixels, groups, size, activation, eps);
    if ((long) pixels * size <= SMALL_GROUP) {
      all.of("group_norm_" + vector, 1, 1, 1, 0, 0).run(x.dim(0) * groups, THREADS);
      return;
    }
    int columns = x.columns() / vector;
    int lanes = Math.max(1, THREADS / columns);
    // so many pixels that each lane has 16, or more where there would be too many chunks
    int chunk = Math.toIntExact(Math.max(lanes * 16L, Launch.ceilDiv(pixels, CHUNKS)));
    int chunks = Math.toIntExact(Launch.ceilDiv(pixels, chunk));
    int shares = chunks * lanes;
    try (Backend.Scope _ = memory.scope()) {
      long moments = scratch(memory, x.dim(0) * shares * x.columns() * 2);
      long together = scratch(memory, x.dim(0) * groups * 2);
      all.of("group_moments_" + vector, shares, lanes, chunk, moments, together).run(chunks, Launch.ceilDiv(columns, THREADS), x.dim(0), THREADS, 0);
      all.of("group_combine", shares, lanes, chunk, moments, together).run(x.dim(0) * groups, MANY_THREADS);
      all.of("group_apply_" + vector, shares, lanes, chunk, moments, together)
          .run(Launch.ceilDiv((long) pixels * columns, THREADS), x.dim(0), 1, THREADS, 0);
    }
  }

  private record GroupNorm(Launch launch, Tensor x, Tensor weight, Tensor bias, Tensor out, int pixels, int groups, int size, Activation activation, float eps) {
    Launch of(String kernel, int shares, int lanes, int chunk, long moments, long together) {
      return launch.of("norms", kernel).rows(x).address(weight).address(bias).rows(out).number(pixels).number(groups).number(size).number(activation.ordinal())
          .number(eps).number(shares).number(lanes).number(chunk).number(moments).number(together);
    }
  }

  static void globalResponseNorm(Launch launch, DeviceMemory memory, Tensor x, Tensor gamma, Tensor beta, Tensor out) {
    int tokens = x.size(1);
    int columns = x.columns();
    int chunk = Math.toIntExact(Math.max(CHUNK_TOKENS, Launch.ceilDiv(tokens, CHUNKS)));
    int chunks = Math.toIntExact(Launch.ceilDiv(tokens, chunk));
    int vector = Launch.vector(x, out);
    try (Backend.Scope _ = memory.scope()) {
      long squares = scratch(memory, x.dim(0) * chunks * columns);
      long factors = scratch(memory, x.dim(0) * columns);
      ResponseNorm all = new ResponseNorm(launch, x, gamma, beta, out, tokens, columns, chunks, chunk, squares, factors);
      all.of("response_squares").run(Launch.ceilDiv(columns, THREADS), chunks, x.dim(0), THREADS, 0);
      all.of("response_factors").run(x.dim(0), MANY_THREADS);
      all.of("response_apply_" + vector).run(Launch.ceilDiv((long) tokens * (columns / vector), THREADS), x.dim(0), 1, THREADS, 0);
    }
  }

  private record ResponseNorm(Launch launch, Tensor x, Tensor gamma, Tensor beta, Tensor out, int tokens, int columns, int chunks, int chunk, long squares,
      long factors) {
    Launch of(String kernel) {
      return launch.of("norms", kernel).rows(x).address(gamma).address(beta).rows(out).number(tokens).number(columns).number(chunks).number(chunk)
          .number(squares).number(factors);
    }
  }

  private static long scratch(DeviceMemory memory, long floats) {
    return memory.alloc(floats * Float.BYTES).address();
  }
}

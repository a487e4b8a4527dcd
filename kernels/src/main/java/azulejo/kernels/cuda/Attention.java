package azulejo.kernels.cuda;

import azulejo.kernels.AttentionMask;
import azulejo.kernels.Backend;
import azulejo.kernels.Tensor;

/** Launches of {@code attention.cu}. */
final class Attention {
  private static final int ROW_THREADS = 128;
  private static final int FMA_THREADS = 256;
  private static final int MMA_THREADS = 128;
  private static final int TILE = 64;
  private static final int THREADS = 256;
  /** Largest head size of the f32 tiles, and the columns that a block of the others has at once. */
  private static final int TILE_SIZE = 128;
  /** Fewer queries go a row at a time: a tile would be mostly empty. */
  private static final int TILE_QUERIES = 8;
  /** Keys of a split: at most what shared memory keeps scores of, at least what is worth a block. */
  private static final int MOST_KEYS = 1024;
  private static final int LEAST_KEYS = 64;
  /** Blocks of few queries that fill a device: eight for each multiprocessor of an H100. The same on every device, and so are the results. */
  private static final int BLOCKS = 1056;

  /** The kernels: {@code attend_row} for everything; tiles for many queries of heads of a multiple of 4, for f32 multiplications up to 128, at aligned addresses. */
  enum Variant {
    ROWS,
    FMA_TILES,
    TENSOR_CORE_TILES
  }

  private Attention() {}

  private record Call(Launch launch, Tensor q, Tensor k, Tensor v, int heads, float scale, AttentionMask mask, Tensor bias, Tensor length, Tensor out) {
    int size() {
      return q.columns() / heads;
    }

    long rows() {
      return q.dim(0) * q.dim(1) * heads;
    }

    /** Whether heads are whole quads of floats, at addresses that are read at once. */
    boolean aligned() {
      boolean aligned = size() % 4 == 0;
      for (Tensor x : new Tensor[] {q, k, v, out}) {
        aligned &= x.stride(0) % 4 == 0 && x.stride(1) % 4 == 0 && DeviceBuffer.address(x) % 16 == 0;
      }
      return aligned;
    }

    Launch of(String kernel, int share, int splits, long partial) {
      launch.of("attention", kernel);
      tokens(launch, q);
      tokens(launch, k);
      tokens(launch, v);
      tokens(launch, out);
      launch.address(bias).number(bias == null || bias.dim(0) == 1 ? 0 : bias.stride(0)).number(bias == null || bias.dim(1) == 1 ? 0 : bias.stride(1))
          .number(bias == null ? 0 : bias.stride(2));
      return launch.address(length).number(heads).number(size()).number(q.size(1)).number(k.size(1)).flag(mask == AttentionMask.CAUSAL).number(scale)
          .number(share).number(splits).number(partial).number(rows());
    }
  }

  static void attention(Launch launch, DeviceMemory memory, Tensor q, Tensor k, Tensor v, int heads, float scale, AttentionMask mask, Tensor bias, Tensor length,
      Tensor out) {
    attention(Variant.TENSOR_CORE_TILES, launch, memory, q, k, v, heads, scale, mask, bias, length, out);
  }

  /** @param tiles which kernel many queries go to, if it can take them */
  static void attention(Variant tiles, Launch launch, DeviceMemory memory, Tensor q, Tensor k, Tensor v, int heads, float scale, AttentionMask mask, Tensor bias,
      Tensor length, Tensor out) {
    Call call = new Call(launch, q, k, v, heads, scale, mask, bias, length, out);
    boolean tiled = call.aligned() && q.dim(1) >= TILE_QUERIES && (call.size() <= TILE_SIZE || tiles == Variant.TENSOR_CORE_TILES);
    switch (tiled ? tiles : Variant.ROWS) {
      case ROWS -> rows(call, memory);
      case FMA_TILES -> fmaTiles(call);
      case TENSOR_CORE_TILES -> mmaTiles(call);
    }
  }

  private static void mmaTiles(Call call) {
    int width = Math.min(TILE_SIZE, Math.ceilDiv(call.size(), 8) * 8);
    int keyStride = width % 16 == 0 ? width + 8 : width;
    int valueStride = width + 4;
    run(call, "attend_mma_", MMA_THREADS, TILE * (2 * keyStride + valueStride));
  }

  private static void fmaTiles(Call call) {
    int stride = call.size() / 4 % 2 == 0 ? call.size() + 4 : call.size();
    run(call, "attend_fma_", FMA_THREADS, TILE * (3 * stride + TILE + 4));
  }

  private static void run(Call call, String kernel, int threads, int sharedFloats) {
    call.of(kernel + (call.size() <= 64 ? 64 : 128), 0, 1, 0)
        .run(Launch.ceilDiv(call.q.dim(1), TILE), call.heads * Launch.ceilDiv(call.size(), TILE_SIZE), call.q.dim(0), threads, sharedFloats * Float.BYTES);
  }

  private static void rows(Call call, DeviceMemory memory) {
    int keys = call.k.size(1);
    long rows = call.rows();
    long wanted = Math.min(Launch.ceilDiv(BLOCKS, Math.max(1, rows)), Launch.ceilDiv(keys, LEAST_KEYS));
    int share = Math.toIntExact(Math.min(MOST_KEYS, Launch.ceilDiv(keys, wanted)));
    int splits = Math.toIntExact(Launch.ceilDiv(keys, share));
    int sharedMemory = (Math.ceilDiv(call.size(), 4) * 4 + share) * Float.BYTES;
    try (Backend.Scope _ = memory.scope()) {
      long partial = splits == 1 ? 0 : memory.alloc(rows * splits * (2 + call.size()) * Float.BYTES).address();
      call.of(call.aligned() ? "attend_row_4" : "attend_row_1", share, splits, partial).run(rows * splits, 1, 1, ROW_THREADS, sharedMemory);
      if (splits > 1) {
        call.of("attend_combine", share, splits, partial).run(Launch.ceilDiv(rows * call.size(), ROW_THREADS), ROW_THREADS);
      }
    }
  }

  static void rotary(Launch launch, Tensor x, Tensor table, int heads, Tensor out) {
    int pairs = x.columns() / heads / 2;
    long elements = (long) x.rows() * heads * pairs;
    launch.of("attention", "rotary");
    tokens(launch, x);
    launch.address(table);
    tokens(launch, out);
    launch.number(x.size(1)).number(heads).number(pairs).number(elements).run(Launch.ceilDiv(elements, THREADS), THREADS);
  }

  /** A {@code Tokens<T>}. */
  private static void tokens(Launch launch, Tensor x) {
    launch.address(x).number(x.stride(0)).number(x.stride(1));
  }
}

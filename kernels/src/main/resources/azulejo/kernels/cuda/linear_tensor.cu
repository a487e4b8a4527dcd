// The linear layer on tensor cores, for more rows of input than a skinny product has: weights kept as bf16 or f16, or as bytes, which are exact in bf16. The
// input, f32 in memory, is rounded to the same type on its way into shared memory; sums are f32.
//
// A block computes a tile of SIZE x SIZE, 128 with 8 warps or 64 with 4; a warp SIZE / 2 x 32 of it, by mma of 16 x 8 x 16. Slices of 32 k's: a weight comes by
// asynchronous copies, three slices ahead; the input, which is rounded, through registers, one slice ahead, and so do bytes. One barrier a slice. Rows in
// shared memory are 80 bytes apart, so that the 8 rows of an ldmatrix lie in different banks.
//
// Bound, where it is large, by mma.sync (on Hopper about 0.6 of what wgmma reaches) and nearly as much by ldmatrix: 6 for 16 mma of a tile of 128, 4 for 8 of
// 64. Two blocks of 128 fit a multiprocessor, so that one computes while the other waits. Not chosen: wgmma and TMA, which sm_80 lacks and the emulation would
// have to model; the input as f32 in shared memory, rounded by each of the warps that read it; slices of 64, whose input does not fit the registers.
#include "gemm.cuh"

constexpr int SLICE = 32;
/** Of a row in shared memory, in numbers of 16 bits. */
constexpr int PITCH = 40;
constexpr int AHEAD = 3;

/** A weight's type, and the type that it is multiplied as. */
struct Bf16 { typedef bf16 Number; static constexpr int STAGES = AHEAD + 1; };
struct F16 { typedef f16 Number; static constexpr int STAGES = AHEAD + 1; };
struct Int8 { typedef bf16 Number; static constexpr int STAGES = 2; };

template <class Weight, int SIZE, class Source>
DEVICE void multiply_tensor(const Source& source, const Product& p) {
  constexpr int THREADS = 2 * SIZE, STAGES = Weight::STAGES, LOADS = 4, TILES = SIZE / 32;
  constexpr bool BYTES = STAGES == 2;
  typedef typename Weight::Number Number;
  typedef unsigned short Slice[SIZE][PITCH];
  DYNAMIC_SHARED(memory);
  Slice* left = (Slice*)memory;
  Slice* right = left + 2;
  int thread = threadIdx.x, lane = thread % WARP, warp = thread / WARP, warp_row = warp / (SIZE / 32) * (SIZE / 2), warp_column = warp % (SIZE / 32) * 32;
  int first_row = blockIdx.x * SIZE, first_column = blockIdx.y * SIZE;
  int from = blockIdx.z * p.depth, slices = (min(p.k, from + p.depth) - from + SLICE - 1) / SLICE;

  // the input: 8 threads a row
  typename Source::Row rows[LOADS];
  float4 x[LOADS];
#pragma unroll
  for (int i = 0; i < LOADS; i++) {
    rows[i] = source.row(first_row + thread / 8 + i * (SIZE / 4));
  }
  auto load_left = [&](int slice) {
    typename Source::At at = source.at(from + slice * SLICE + thread % 8 * 4);
#pragma unroll
    for (int i = 0; i < LOADS; i++) {
      x[i] = source.load(rows[i], at);
    }
  };
  auto store_left = [&](int slice) {
#pragma unroll
    for (int i = 0; i < LOADS; i++) {
      *(uint2*)&left[slice % 2][thread / 8 + i * (SIZE / 4)][thread % 8 * 4] = make_uint2(pack(x[i].x, x[i].y, Number()), pack(x[i].z, x[i].w, Number()));
    }
  };

  // the weight, 16 bytes at a time: 4 threads a row, or 2 for bytes
  uint4 bytes;
  auto load_right = [&](int slice) {
    if constexpr (BYTES) {
      int column = first_column + thread / 2, k = from + slice * SLICE + thread % 2 * 16;
      bytes = column < p.n && k < p.weight_stride ? *(const uint4*)((const signed char*)p.weight + column * p.weight_stride + k) : make_uint4(0, 0, 0, 0);
    } else {
      if (slice < slices) {
#pragma unroll
        for (int i = 0; i < 2; i++) {
          int n = thread / 4 + i * (SIZE / 2), column = first_column + n, k = from + slice * SLICE + thread % 4 * 8;
          bool inside = column < p.n && k < p.weight_stride;
          copy_async(&right[slice % STAGES][n][thread % 4 * 8], (const Number*)p.weight + (inside ? column * p.weight_stride + k : 0), inside ? 16 : 0);
        }
      }
      commit_copies();
    }
  };
  auto store_right = [&](int slice) {
    if constexpr (BYTES) {
      u32 words[4] = {bytes.x, bytes.y, bytes.z, bytes.w}, pairs[8];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        int w = (int)words[i];
        pairs[2 * i] = pack((float)(w << 24 >> 24), (float)(w << 16 >> 24), bf16());
        pairs[2 * i + 1] = pack((float)(w << 8 >> 24), (float)(w >> 24), bf16());
      }
      uint4* to = (uint4*)&right[slice % 2][thread / 2][thread % 2 * 16];
      to[0] = make_uint4(pairs[0], pairs[1], pairs[2], pairs[3]);
      to[1] = make_uint4(pairs[4], pairs[5], pairs[6], pairs[7]);
    }
  };

  float sums[TILES][4][4] = {};
  for (int i = 0; i < STAGES - 1; i++) {
    load_right(i);
  }
  load_left(0);
  store_left(0);
  store_right(0);
  for (int slice = 0; slice < slices; slice++) {
    wait_copies<AHEAD - 1>();
    __syncthreads();
    // what the slice before was read from is free now
    load_right(slice + STAGES - 1);
    if (slice + 1 < slices) {
      load_left(slice + 1);
    }
#pragma unroll
    for (int k = 0; k < SLICE; k += 16) {
      u32 a[TILES][4], b[2][4];
#pragma unroll
      for (int i = 0; i < TILES; i++) {
        ldmatrix(a[i], &left[slice % 2][warp_row + i * 16 + lane % 16][k + lane / 16 * 8]);
      }
#pragma unroll
      for (int j = 0; j < 2; j++) {
        ldmatrix(b[j], &right[slice % STAGES][warp_column + j * 16 + lane / 16 * 8 + lane % 8][k + lane / 8 % 2 * 8]);
      }
#pragma unroll
      for (int i = 0; i < TILES; i++) {
#pragma unroll
        for (int j = 0; j < 4; j++) {
          u32 columns[2] = {b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]};
          mma(sums[i][j], a[i], columns, Number());
        }
      }
    }
    if (slice + 1 < slices) {
      store_left(slice + 1);
      store_right(slice + 1);
    }
  }
  wait_copies<0>();
  __syncthreads();
  finish_tile<THREADS, TILES, SIZE>(p, sums, memory, first_row, first_column);
}

#define TENSOR(name, Weight)                                                                                                  \
  RESIDENT_KERNEL(256, 2, linear_##name##_128, Linear) { multiply_tensor<Weight, 128>(InputRows<true>{a}, a.product); }       \
  RESIDENT_KERNEL(128, 4, linear_##name##_64, Linear) { multiply_tensor<Weight, 64>(InputRows<true>{a}, a.product); }         \
  RESIDENT_KERNEL(128, 4, linear_##name##_64_odd, Linear) { multiply_tensor<Weight, 64>(InputRows<false>{a}, a.product); }

TENSOR(bf16, Bf16)
TENSOR(f16, F16)
TENSOR(int8, Int8)

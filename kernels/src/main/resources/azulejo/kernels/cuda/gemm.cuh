// What the kernels of a matrix product share, whether its left side lies in memory (linear*.cu) or is gathered from an image (conv2d.cu):
// sums[m, n] = sum over k of source(m, k) * weight[n, k], then the epilogue out = activation(sums * scale + bias) + residual.
//
// A Source gives the left side: `Row row(m)`, what it needs to know of row m (rows past the end too); `At at(k)`, what it needs to know of columns k to k + 3,
// k a multiple of 4; and `float4 load(Row, At)`, those four numbers, 0 outside. A weight's rows lie `weight_stride` apart, filled up with zeros to it, a
// multiple of 16 bytes, so that the right side needs no care along k.
//
// Blocks: x over tiles of rows, y over tiles of columns, z over splits of k. Neighbours in x share a tile of the weight.
#pragma once

#include "mma.cuh"

struct Product {
  const void* weight;
  i64 weight_stride;
  const float* scale;
  const float* bias;
  Rows<const float> residual;
  Rows<float> out;
  /** With more than one split: F32 [splits, m, n], sums for `finish` to add up. */
  float* parts;
  int m, n, k;
  /** The k's of a split. */
  int depth;
  int activation;
};

// ---- epilogue -----------------------------------------------------------------------------------------------------------

DEVICE void finish(const Product& p, int row, int column, float sum) {
  float y = p.scale == nullptr ? sum : sum * p.scale[column];
  y = activate(p.bias == nullptr ? y : y + p.bias[column], p.activation);
  p.out.row(row)[column] = p.residual.data == nullptr ? y : y + p.residual.row(row)[column];
}

/** Adds up the parts of a product that was split, in the order of k; a thread an element. */
DEVICE void finish_parts(const Product& p, int splits) {
  i64 elements = (i64)p.m * p.n;
  i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < elements) {
    float sum = p.parts[i];
    for (int z = 1; z < splits; z++) {
      sum += p.parts[z * elements + i];
    }
    finish(p, (int)(i / p.n), (int)(i % p.n), sum);
  }
}

/**
 * The epilogue of some of a tile's rows, which threads put into shared memory so that neighbours write side by side (and the activation's code stands once).
 * All threads must come here, before and after which `stage` is theirs to write.
 *
 * @param row_of the row of the product in row r of the stage
 */
template <int THREADS, int ROWS, int COLUMNS, int PITCH, class RowOf>
DEVICE void finish_rows(const Product& p, const float (&stage)[ROWS][PITCH], int first_column, RowOf row_of) {
  __syncthreads();
#pragma unroll 1
  for (int i = threadIdx.x; i < ROWS * COLUMNS; i += THREADS) {
    int row = row_of(i / COLUMNS), column = first_column + i % COLUMNS;
    if (row < p.m && column < p.n) {
      float sum = stage[i / COLUMNS][i % COLUMNS];
      if (p.parts == nullptr) {
        finish(p, row, column, sum);
      } else {
        p.parts[((i64)blockIdx.z * p.m + row) * p.n + column] = sum;
      }
    }
  }
  __syncthreads();
}

/**
 * The epilogue of a tile whose warps, two or four or eight in rows of COLUMNS / 32, hold 16 TILES x 32 sums each, as mma gives them. `memory` is the block's own, of
 * (warps in a column) * 16 rows of COLUMNS + 8 floats; nobody may still read it.
 */
template <int THREADS, int TILES, int COLUMNS>
DEVICE void finish_tile(const Product& p, const float (&sums)[TILES][4][4], unsigned char* memory, int first_row, int first_column) {
  constexpr int ACROSS = COLUMNS / 32, ROWS = THREADS / WARP / ACROSS * 16;
  typedef float Stage[ROWS][COLUMNS + 8];
  Stage& stage = *(Stage*)memory;
  int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
#pragma unroll
  for (int i = 0; i < TILES; i++) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
      int row = warp / ACROSS * 16 + lane / 4, column = warp % ACROSS * 32 + j * 8 + lane % 4 * 2;
      *(float2*)&stage[row][column] = make_float2(sums[i][j][0], sums[i][j][1]);
      *(float2*)&stage[row + 8][column] = make_float2(sums[i][j][2], sums[i][j][3]);
    }
    finish_rows<THREADS, ROWS, COLUMNS, COLUMNS + 8>(p, stage, first_column, [&](int r) { return first_row + r / 16 * 16 * TILES + i * 16 + r % 16; });
  }
}

// ---- a left side in memory ----------------------------------------------------------------------------------------------

struct Linear {
  Rows<const float> x;
  Product product;
};

/** Rows of x as the left side; WIDE: their addresses and k are multiples of four numbers. */
template <bool WIDE>
struct InputRows {
  typedef const float* Row;
  typedef int At;

  const Linear& a;

  DEVICE Row row(int m) const { return m < a.product.m ? a.x.row(m) : nullptr; }
  DEVICE At at(int k) const { return k; }
  DEVICE float4 load(Row row, At k) const {
    if constexpr (WIDE) {
      return row != nullptr && k < a.product.k ? *(const float4*)(row + k) : make_float4(0, 0, 0, 0);
    } else {
      float x[4];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        x[i] = row != nullptr && k + i < a.product.k ? row[k + i] : 0.0f;
      }
      return make_float4(x[0], x[1], x[2], x[3]);
    }
  }
};

// ---- f32, by fused multiply-add -----------------------------------------------------------------------------------------

/**
 * A tile of 64 x 64 sums by 256 threads, 4 x 4 each, for what tensor cores are not worth or cannot read. Slices of 16 k's go through registers into shared
 * memory, k-major, while the slice before is multiplied: 8 numbers of it for 16 products. Each sum is one chain of fmaf along k.
 */
template <class Source>
DEVICE void multiply_fma(const Source& source, const Product& p) {
  constexpr int THREADS = 256, SIZE = 64, SLICE = 16, EACH = 4, PITCH = SIZE + 4;
  SHARED(float, left, [2][SLICE][PITCH]);
  SHARED(float, right, [2][SLICE][PITCH]);
  int thread = threadIdx.x, quad = thread % 4 * 4, tx = thread % 16, ty = thread / 16;
  int first_row = blockIdx.x * SIZE, first_column = blockIdx.y * SIZE;
  int from = blockIdx.z * p.depth, to = min(p.k, from + p.depth);

  typename Source::Row row = source.row(first_row + thread / 4);
  int weight_row = first_column + thread / 4;
  const float* weight = weight_row < p.n ? (const float*)p.weight + weight_row * p.weight_stride : nullptr;

  float4 x, w;
  auto load = [&](int k) {
    x = source.load(row, source.at(k + quad));
    w = weight != nullptr && k + quad < p.weight_stride ? *(const float4*)(weight + k + quad) : make_float4(0, 0, 0, 0);
  };
  auto put = [&](float (&to)[SLICE][PITCH], const float4& y) {
    to[quad][thread / 4] = y.x;
    to[quad + 1][thread / 4] = y.y;
    to[quad + 2][thread / 4] = y.z;
    to[quad + 3][thread / 4] = y.w;
  };
  auto store = [&](int buffer) {
    put(left[buffer], x);
    put(right[buffer], w);
  };

  float sums[EACH][EACH] = {};
  load(from);
  store(0);
  __syncthreads();
  int buffer = 0;
  for (int k = from; k < to; k += SLICE) {
    bool more = k + SLICE < to;
    if (more) {
      load(k + SLICE);
    }
#pragma unroll
    for (int s = 0; s < SLICE; s++) {
      float4 u = *(const float4*)&left[buffer][s][ty * 4], v = *(const float4*)&right[buffer][s][tx * 4];
      float a[EACH] = {u.x, u.y, u.z, u.w}, b[EACH] = {v.x, v.y, v.z, v.w};
#pragma unroll
      for (int i = 0; i < EACH; i++) {
#pragma unroll
        for (int j = 0; j < EACH; j++) {
          sums[i][j] = fmaf(a[i], b[j], sums[i][j]);
        }
      }
    }
    if (more) {
      store(buffer ^ 1);
    }
    buffer ^= 1;
    __syncthreads();
  }

  // the left side's memory is free now; 16 rows at a time, one of each ty
  float(&stage)[16][PITCH] = left[0];
#pragma unroll
  for (int i = 0; i < EACH; i++) {
#pragma unroll
    for (int j = 0; j < EACH; j++) {
      stage[ty][tx * 4 + j] = sums[i][j];
    }
    finish_rows<THREADS, 16, SIZE, PITCH>(p, stage, first_column, [&](int r) { return first_row + r * 4 + i; });
  }
}

// ---- f32, by tensor cores -----------------------------------------------------------------------------------------------

/** Four numbers as sums of three bf16 each, x = t[0] + t[1] + t[2] to the last of their 24 bits (where 2^-16 |x| is a normal number). */
DEVICE void split(const float4& x, uint2 (&t)[3]) {
  float rest[4] = {x.x, x.y, x.z, x.w};
#pragma unroll
  for (int i = 0; i < 3; i++) {
    t[i] = make_uint2(pack(rest[0], rest[1], bf16()), pack(rest[2], rest[3], bf16()));
    rest[0] -= __uint_as_float(t[i].x << 16);
    rest[1] -= __uint_as_float(t[i].x & 0xffff0000);
    rest[2] -= __uint_as_float(t[i].y << 16);
    rest[3] -= __uint_as_float(t[i].y & 0xffff0000);
  }
}

/**
 * A tile of ROWS x 64 sums by ROWS / 32 x 2 warps of 32 x 32. Both sides are split into three bf16 on their way into shared memory, and of the nine products
 * of their terms the six larger ones are summed; what is left out is about 2^-24 of a product: as good as f32, for six times the work of bf16, which tensor cores
 * do 2.5 times as fast as the FMA units do theirs (H100: 989 / 6 against 67 TFLOP/s). Tensor cores cut their sums off instead of rounding them, so those of each slice of 16 k's are
 * added up by themselves, the small products first, and then join the f32 sums, as a chain of fmaf would.
 *
 * Both sides go through registers, a slice ahead. Rows in shared memory are 48 bytes apart, so that the 8 rows of an ldmatrix lie in different banks. A warp needs 12
 * ldmatrix for 48 mma. Not chosen: three tf32 products (as much work, and the split would have to be made by each warp that reads a number); weights split
 * in memory (a product that is bound by mma does not gain by it, and they would take 2.5 times the room).
 */
template <int ROWS, class Source>
DEVICE void multiply_split(const Source& source, const Product& p) {
  constexpr int COLUMNS = 64, THREADS = 2 * ROWS, SLICE = 16, PITCH = 24, LOADS = COLUMNS * 4 / THREADS;
  typedef unsigned short Left[3][ROWS][PITCH];
  typedef unsigned short Right[3][COLUMNS][PITCH];
  DYNAMIC_SHARED(memory);
  Left* left = (Left*)memory;
  Right* right = (Right*)(left + 2);
  int thread = threadIdx.x, lane = thread % WARP, warp_row = thread / WARP / 2 * 32, warp_column = thread / WARP % 2 * 32, quad = thread % 4 * 4;
  int first_row = blockIdx.x * ROWS, first_column = blockIdx.y * COLUMNS;
  int from = blockIdx.z * p.depth, slices = (min(p.k, from + p.depth) - from + SLICE - 1) / SLICE;

  // four threads a row
  typename Source::Row rows[2];
  const float* weights[LOADS];
  float4 x[2], w[LOADS];
#pragma unroll
  for (int i = 0; i < 2; i++) {
    rows[i] = source.row(first_row + thread / 4 + i * (ROWS / 2));
  }
#pragma unroll
  for (int i = 0; i < LOADS; i++) {
    int column = first_column + thread / 4 + i * (ROWS / 2);
    weights[i] = column < p.n ? (const float*)p.weight + column * p.weight_stride : nullptr;
  }
  auto load = [&](int slice) {
    int k = from + slice * SLICE + quad;
    typename Source::At at = source.at(k);
#pragma unroll
    for (int i = 0; i < 2; i++) {
      x[i] = source.load(rows[i], at);
    }
#pragma unroll
    for (int i = 0; i < LOADS; i++) {
      w[i] = weights[i] != nullptr && k < p.weight_stride ? *(const float4*)(weights[i] + k) : make_float4(0, 0, 0, 0);
    }
  };
  auto store = [&](int buffer) {
    uint2 terms[3];
#pragma unroll
    for (int i = 0; i < 2; i++) {
      split(x[i], terms);
#pragma unroll
      for (int t = 0; t < 3; t++) {
        *(uint2*)&left[buffer][t][thread / 4 + i * (ROWS / 2)][quad] = terms[t];
      }
    }
#pragma unroll
    for (int i = 0; i < LOADS; i++) {
      split(w[i], terms);
#pragma unroll
      for (int t = 0; t < 3; t++) {
        *(uint2*)&right[buffer][t][thread / 4 + i * (ROWS / 2)][quad] = terms[t];
      }
    }
  };

  float sums[2][4][4] = {};
  load(0);
  store(0);
  for (int slice = 0; slice < slices; slice++) {
    __syncthreads();
    if (slice + 1 < slices) {
      load(slice + 1);
    }
    float part[2][4][4] = {};
    u32 b[3][2][4];
#pragma unroll
    for (int t = 0; t < 3; t++) {
#pragma unroll
      for (int j = 0; j < 2; j++) {
        ldmatrix(b[t][j], &right[slice % 2][t][warp_column + j * 16 + lane / 16 * 8 + lane % 8][lane / 8 % 2 * 8]);
      }
    }
    // by descending term of the left side, so that the largest product comes last
#pragma unroll
    for (int t = 2; t >= 0; t--) {
      u32 a[2][4];
#pragma unroll
      for (int i = 0; i < 2; i++) {
        ldmatrix(a[i], &left[slice % 2][t][warp_row + i * 16 + lane % 16][lane / 16 * 8]);
      }
#pragma unroll
      for (int u = 2 - t; u >= 0; u--) {
#pragma unroll
        for (int i = 0; i < 2; i++) {
#pragma unroll
          for (int j = 0; j < 4; j++) {
            u32 columns[2] = {b[u][j / 2][j % 2 * 2], b[u][j / 2][j % 2 * 2 + 1]};
            mma(part[i][j], a[i], columns, bf16());
          }
        }
      }
    }
#pragma unroll
    for (int i = 0; i < 32; i++) {
      sums[i / 16][i / 4 % 4][i % 4] += part[i / 16][i / 4 % 4][i % 4];
    }
    if (slice + 1 < slices) {
      store((slice + 1) % 2);
    }
  }
  __syncthreads();
  finish_tile<THREADS, 2, COLUMNS>(p, sums, memory, first_row, first_column);
}

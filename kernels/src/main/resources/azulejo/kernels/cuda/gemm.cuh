// What the kernels of a matrix product share, whether its left side lies in memory (linear*.cu) or is gathered from an image (conv2d.cu):
// sums[m, n] = sum over k of source(m, k) * weight[n, k], then the epilogue out = activation(sums * scale + bias) + residual.
//
// A Source gives the left side: `Row row(m)`, what it needs to know of row m (rows past the end too); `At at(k)`, what it needs to know of columns k to k + 3,
// k a multiple of 4; and `float4 load(Row, At)`, those four numbers, 0 outside. A weight's rows lie `weight_stride` apart, filled up with zeros to it, a
// multiple of 16 bytes, so that the right side needs no care along k.
//
// Blocks: x over tiles of rows, y over tiles of columns, z over splits of k. Neighbours in x share a tile of the weight.
#pragma once

#include "azulejo.cuh"

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
 * A tile of SIZE x SIZE sums by 256 threads, SIZE / 16 squared each, as four (or one) squares of 4 x 4 that are SIZE / 2 apart. Slices of 16 k's go through
 * registers into shared memory, k-major, while the slice before is multiplied. Bound by the FMA units: of 128, a thread reads 16 numbers from shared memory for
 * 64 products, of 64, 8 for 16. Each sum is one chain of fmaf along k.
 */
template <int SIZE, class Source>
DEVICE void multiply_f32(const Source& source, const Product& p) {
  constexpr int THREADS = 256, SLICE = 16, LOADS = SIZE / 64, EACH = SIZE / 16, PITCH = SIZE + 4;
  SHARED(float, left, [2][SLICE][PITCH]);
  SHARED(float, right, [2][SLICE][PITCH]);
  int thread = threadIdx.x, quad = thread % 4 * 4, tx = thread % 16, ty = thread / 16;
  int first_row = blockIdx.x * SIZE, first_column = blockIdx.y * SIZE;
  int from = blockIdx.z * p.depth, to = min(p.k, from + p.depth);

  typename Source::Row rows[LOADS];
  const float* weights[LOADS];
  for (int i = 0; i < LOADS; i++) {
    rows[i] = source.row(first_row + thread / 4 + 64 * i);
    int column = first_column + thread / 4 + 64 * i;
    weights[i] = column < p.n ? (const float*)p.weight + column * p.weight_stride : nullptr;
  }

  float4 x[LOADS], w[LOADS];
  auto load = [&](int k) {
    typename Source::At at = source.at(k + quad);
#pragma unroll
    for (int i = 0; i < LOADS; i++) {
      x[i] = source.load(rows[i], at);
      w[i] = weights[i] != nullptr && k + quad < p.weight_stride ? *(const float4*)(weights[i] + k + quad) : make_float4(0, 0, 0, 0);
    }
  };
  auto store = [&](int buffer) {
#pragma unroll
    for (int i = 0; i < LOADS; i++) {
      int r = thread / 4 + 64 * i;
      left[buffer][quad][r] = x[i].x;
      left[buffer][quad + 1][r] = x[i].y;
      left[buffer][quad + 2][r] = x[i].z;
      left[buffer][quad + 3][r] = x[i].w;
      right[buffer][quad][r] = w[i].x;
      right[buffer][quad + 1][r] = w[i].y;
      right[buffer][quad + 2][r] = w[i].z;
      right[buffer][quad + 3][r] = w[i].w;
    }
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
      float a[EACH], b[EACH];
#pragma unroll
      for (int i = 0; i < EACH; i += 4) {
        float4 u = *(const float4*)&left[buffer][s][i * 16 + ty * 4], v = *(const float4*)&right[buffer][s][i * 16 + tx * 4];
        a[i] = u.x; a[i + 1] = u.y; a[i + 2] = u.z; a[i + 3] = u.w;
        b[i] = v.x; b[i + 1] = v.y; b[i + 2] = v.z; b[i + 3] = v.w;
      }
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
      stage[ty][j / 4 * 64 + tx * 4 + j % 4] = sums[i][j];
    }
    finish_rows<THREADS, 16, SIZE, PITCH>(p, stage, first_column, [&](int r) { return first_row + i / 4 * 64 + r * 4 + i % 4; });
  }
}

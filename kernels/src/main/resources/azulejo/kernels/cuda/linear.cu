// The linear layer, out = activation(x weight^T + bias) + residual, and the forms in which a weight is kept.
#include "gemm.cuh"

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

KERNEL(256, linear_f32_128, Linear) { multiply_f32<128>(InputRows<true>{a}, a.product); }
KERNEL(256, linear_f32_64, Linear) { multiply_f32<64>(InputRows<true>{a}, a.product); }
KERNEL(256, linear_f32_64_odd, Linear) { multiply_f32<64>(InputRows<false>{a}, a.product); }

struct FinishLinear {
  int splits;
  Product product;
};

KERNEL(256, linear_finish, FinishLinear) { finish_parts(a.product, a.splits); }

// ---- packing a weight ---------------------------------------------------------------------------------------------------

struct Pack {
  const float* weight;
  void* packed;
  i64 stride;
  float* scale;
  int rows, columns;
};

/** Rows of `stride` numbers, filled up with zeros. */
KERNEL(256, pack_f32, Pack) {
  i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < a.rows * a.stride) {
    i64 row = i / a.stride;
    int k = (int)(i % a.stride);
    ((float*)a.packed)[i] = k < a.columns ? a.weight[row * a.columns + k] : 0.0f;
  }
}

// The linear layer at full precision, for more rows of input than a skinny product has (linear_skinny.cu; narrower weights: linear_tensor.cu), and the forms
// in which a weight is kept.
#include "gemm.cuh"

RESIDENT_KERNEL(256, 2, linear_split_128, Linear) { multiply_split<128>(InputRows<true>{a}, a.product); }
RESIDENT_KERNEL(128, 3, linear_split_64, Linear) { multiply_split<64>(InputRows<true>{a}, a.product); }
KERNEL(256, linear_fma, Linear) { multiply_fma(InputRows<true>{a}, a.product); }
KERNEL(256, linear_fma_odd, Linear) { multiply_fma(InputRows<false>{a}, a.product); }

struct FinishLinear {
  int splits;
  Product product;
};

KERNEL(256, linear_finish, FinishLinear) { finish_parts(a.product, a.splits); }

// ---- packing a weight ---------------------------------------------------------------------------------------------------

struct Pack {
  const float* weight;
  void* packed;
  /** Of a packed row, which is filled up with zeros. */
  i64 stride;
  float* scale;
  int rows, columns;
};

DEVICE void put(float* to, float x) { *to = x; }
DEVICE void put(bf16* to, float x) { to->bits = (unsigned short)pack(x, 0, bf16()); }
DEVICE void put(f16* to, float x) { to->bits = (unsigned short)pack(x, 0, f16()); }

template <typename T>
DEVICE void pack_weight(const Pack& a) {
  i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < a.rows * a.stride) {
    int k = (int)(i % a.stride);
    put((T*)a.packed + i, k < a.columns ? a.weight[i / a.stride * a.columns + k] : 0.0f);
  }
}

KERNEL(256, pack_f32, Pack) { pack_weight<float>(a); }
KERNEL(256, pack_bf16, Pack) { pack_weight<bf16>(a); }
KERNEL(256, pack_f16, Pack) { pack_weight<f16>(a); }

/** WeightFormat.INT8; a block a row. */
KERNEL(256, pack_int8, Pack) {
  const float* row = a.weight + blockIdx.x * (i64)a.columns;
  signed char* packed = (signed char*)a.packed + blockIdx.x * a.stride;
  // magnitudes order as their bits do, and NaN comes out on top
  u32 largest = 0;
  for (int k = threadIdx.x; k < a.columns; k += blockDim.x) {
    u32 magnitude = __float_as_uint(row[k]) & 0x7fffffff;
    largest = magnitude > largest ? magnitude : largest;
  }
  float scale = __fdiv_rn(__uint_as_float(block_max(largest)), 127);
  for (int k = threadIdx.x; k < a.stride; k += blockDim.x) {
    float x = k < a.columns ? rintf(__fdiv_rn(row[k], scale)) : 0;
    packed[k] = (signed char)(x != x ? 0 : x < -127 ? -127 : x > 127 ? 127 : x);
  }
  if (threadIdx.x == 0) {
    a.scale[blockIdx.x] = scale;
  }
}

// The linear layer for up to 16 rows of input, as decoding has them: bound by reading the weight once.
//
// A warp takes 4 rows of the weight, each lane 16 bytes of each at a time, 512 bytes of a row side by side; the next four loads are under way while a step is
// computed. k_warps of a block's 8 warps share the same rows of the weight, step by step in turn, so that a short weight too has enough loads in flight: 8
// warps with 8 loads of 512 bytes are 32 KiB a multiprocessor, twice what Hopper's memory needs at its latency. Their sums meet in shared memory, always in
// the same order; k is never split over blocks. The input stays f32 and is read through the first-level cache, which the weight passes by.
//
// Where it stops being bound by memory: a multiprocessor of an H100 gets 14.5 bytes a cycle and has 128 FMA units, so 16 rows need 0.45 (f32), 0.9 (bf16, f16)
// and 1.8 (int8) of them. Not chosen: the input in shared memory (a barrier for each stretch, and the cache is the same memory); k over blocks (a second
// launch costs more than it wins above 1024 outputs).
#include "gemm.cuh"

struct Skinny {
  Rows<const float> x;
  int k_warps;
  Product product;
};

struct int8 {};

/** How many numbers 16 bytes hold. */
template <typename T> constexpr int PER_LOAD = 8;
template <> constexpr int PER_LOAD<float> = 4;
template <> constexpr int PER_LOAD<int8> = 16;

DEVICE u32 word(const uint4& x, int i) { return i == 0 ? x.x : i == 1 ? x.y : i == 2 ? x.z : x.w; }

/** Numbers 4 i to 4 i + 3 of a load. */
DEVICE float4 numbers(const uint4& x, int, float) {
  return make_float4(__uint_as_float(x.x), __uint_as_float(x.y), __uint_as_float(x.z), __uint_as_float(x.w));
}
DEVICE float4 numbers(const uint4& x, int i, int8) {
  int w = (int)word(x, i);
  return make_float4((float)(w << 24 >> 24), (float)(w << 16 >> 24), (float)(w << 8 >> 24), (float)(w >> 24));
}
template <typename T>
DEVICE float4 numbers(const uint4& x, int i, T) {
  u32 low = word(x, 2 * i), high = word(x, 2 * i + 1);
  return make_float4(to_float(T{(unsigned short)low}), to_float(T{(unsigned short)(low >> 16)}), to_float(T{(unsigned short)high}), to_float(T{(unsigned short)(high >> 16)}));
}

/** Reads what is read once. */
DEVICE uint4 stream(const void* p) {
#ifdef AZULEJO_EMULATED
  return *(const uint4*)p;
#else
  uint4 x;
  asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(x.x), "=r"(x.y), "=r"(x.z), "=r"(x.w) : "l"(p));
  return x;
#endif
}

/** Sums over the lanes: at each step a lane gives away half of its COUNT values and adds to the others, so that it ends with its share, from the index returned on. */
template <int COUNT, int STEP, int VALUES>
DEVICE int sum_lanes(float (&values)[VALUES]) {
  if constexpr (STEP == 0) {
    return 0;
  } else if constexpr (COUNT > 1) {
    constexpr int HALF = COUNT / 2;
    bool upper = (threadIdx.x & STEP) != 0;
#pragma unroll
    for (int i = 0; i < HALF; i++) {
      float given = upper ? values[i] : values[i + HALF], kept = upper ? values[i + HALF] : values[i];
      values[i] = kept + __shfl_xor_sync(FULL, given, STEP);
    }
    return (upper ? HALF : 0) + sum_lanes<HALF, STEP / 2>(values);
  } else {
    values[0] += __shfl_xor_sync(FULL, values[0], STEP);
    return sum_lanes<1, STEP / 2>(values);
  }
}

/** @tparam M rows of the input, at least as many as it has; WIDE: its addresses and k are multiples of four numbers */
template <typename T, int M, bool WIDE>
DEVICE void multiply_skinny(const Skinny& a) {
  constexpr int WARPS = 8, OUTPUTS = 4, LOAD = PER_LOAD<T>;
  SHARED(float, parts, [WARPS][OUTPUTS * M]);
  const Product& p = a.product;
  int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, groups = WARPS / a.k_warps;
  int first = (blockIdx.x * groups + warp / a.k_warps) * OUTPUTS, from = (warp % a.k_warps * WARP + lane) * LOAD, step = a.k_warps * WARP * LOAD;

  const char* rows[OUTPUTS];
#pragma unroll
  for (int n = 0; n < OUTPUTS; n++) {
    rows[n] = (const char*)p.weight + min(first + n, p.n - 1) * p.weight_stride * (16 / LOAD);
  }
  uint4 next[OUTPUTS];
  auto load = [&](int k) {
#pragma unroll
    for (int n = 0; n < OUTPUTS; n++) {
      next[n] = k < p.weight_stride ? stream(rows[n] + k * (16 / LOAD)) : make_uint4(0, 0, 0, 0);
    }
  };

  float sums[OUTPUTS * M] = {};
  load(from);
  for (int k = from; k < p.weight_stride; k += step) {
    uint4 w[OUTPUTS];
#pragma unroll
    for (int n = 0; n < OUTPUTS; n++) {
      w[n] = next[n];
    }
    load(k + step);
#pragma unroll
    for (int i = 0; i < LOAD / 4; i++) {
      float4 v[OUTPUTS];
#pragma unroll
      for (int n = 0; n < OUTPUTS; n++) {
        v[n] = numbers(w[n], i, T());
      }
      int at = k + 4 * i;
#pragma unroll
      for (int m = 0; m < M; m++) {
        const float* row = a.x.row(min(m, p.m - 1)) + at;
        float4 x;
        if constexpr (WIDE) {
          x = at < p.k ? *(const float4*)row : make_float4(0, 0, 0, 0);
        } else {
          x = make_float4(at < p.k ? row[0] : 0, at + 1 < p.k ? row[1] : 0, at + 2 < p.k ? row[2] : 0, at + 3 < p.k ? row[3] : 0);
        }
#pragma unroll
        for (int n = 0; n < OUTPUTS; n++) {
          float& sum = sums[n * M + m];
          sum = fmaf(x.w, v[n].w, fmaf(x.z, v[n].z, fmaf(x.y, v[n].y, fmaf(x.x, v[n].x, sum))));
        }
      }
    }
  }

  constexpr int VALUES = OUTPUTS * M, SHARE = VALUES > WARP ? VALUES / WARP : 1;
  int share = sum_lanes<VALUES, WARP / 2>(sums);
  if (VALUES >= WARP || lane % (WARP / VALUES) == 0) {
#pragma unroll
    for (int i = 0; i < SHARE; i++) {
      parts[warp][share + i] = sums[i];
    }
  }
  __syncthreads();
  for (int i = threadIdx.x; i < groups * OUTPUTS * M; i += WARPS * WARP) {
    int n = i % (groups * OUTPUTS), m = i / (groups * OUTPUTS), column = blockIdx.x * groups * OUTPUTS + n;
    if (m < p.m && column < p.n) {
      const float(*part)[OUTPUTS * M] = parts + n / OUTPUTS * a.k_warps;
      float sum = 0;
      for (int w = 0; w < a.k_warps; w++) {
        sum += part[w][n % OUTPUTS * M + m];
      }
      finish(p, m, column, sum);
    }
  }
}

#define SKINNY(T)                                                                            \
  RESIDENT_KERNEL(256, 4, linear_skinny_##T##_1, Skinny) { multiply_skinny<T, 1, true>(a); } \
  RESIDENT_KERNEL(256, 4, linear_skinny_##T##_2, Skinny) { multiply_skinny<T, 2, true>(a); } \
  KERNEL(256, linear_skinny_##T##_4, Skinny) { multiply_skinny<T, 4, true>(a); }             \
  KERNEL(256, linear_skinny_##T##_8, Skinny) { multiply_skinny<T, 8, true>(a); }             \
  KERNEL(256, linear_skinny_##T##_16, Skinny) { multiply_skinny<T, 16, true>(a); }           \
  KERNEL(256, linear_skinny_##T##_16_odd, Skinny) { multiply_skinny<T, 16, false>(a); }

typedef float f32;
SKINNY(f32)
SKINNY(bf16)
SKINNY(f16)
SKINNY(int8)

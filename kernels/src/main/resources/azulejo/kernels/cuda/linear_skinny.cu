// The linear layer for up to 16 rows of input, as decoding has them: bound by reading the weight once. Two kernels: by FMA, for f32 weights and for one or two
// rows; by tensor cores for more rows and narrower weights, of which a multiprocessor of an H100 gets so many in a cycle (14.5 bytes) that its 128 FMA units
// could not follow: 16 rows would need 0.9 of them for 16 bits, 1.8 for bytes. The input counts in full in both: it is f32, or split into three bf16.
//
// Every lane reads 16 bytes of a weight's row at a time, past the first-level cache, through which the input comes; a step's loads are under way while the one
// or two before it are computed. The k_warps of a block's 8 warps that share the same rows of the weight take steps in turn, so that a short weight too has
// enough loads in flight (Hopper's memory needs some 16 KiB a multiprocessor). Their sums meet in shared memory, always in the same order; k is never split over
// blocks. Not chosen: the input in shared memory (a barrier for each stretch, and the cache is the same memory); k over blocks (a second launch costs more
// than it wins from 1024 outputs on).
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

/**
 * By FMA: a warp takes 4 rows of the weight, 512 bytes of each side by side.
 *
 * @tparam M rows of the input, at least as many as it has; WIDE: its addresses and k are multiples of four numbers
 */
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

// ---- by tensor cores ----------------------------------------------------------------------------------------------------

/** Numbers 4 i to 4 i + 3 of a load as sums of bf16. */
DEVICE void terms(const uint4& x, int i, bf16, u32 (&t)[1][2]) {
  t[0][0] = word(x, 2 * i);
  t[0][1] = word(x, 2 * i + 1);
}
DEVICE void terms(const uint4& x, int i, int8, u32 (&t)[1][2]) {
  float4 v = numbers(x, i, int8());
  t[0][0] = pack(v.x, v.y, bf16());
  t[0][1] = pack(v.z, v.w, bf16());
}
/** 11 bits are 8 and 3. */
DEVICE void terms(const uint4& x, int i, f16, u32 (&t)[2][2]) {
  float4 v = numbers(x, i, f16());
  t[0][0] = pack(v.x, v.y, bf16());
  t[0][1] = pack(v.z, v.w, bf16());
  t[1][0] = pack(v.x - __uint_as_float(t[0][0] << 16), v.y - __uint_as_float(t[0][0] & 0xffff0000), bf16());
  t[1][1] = pack(v.z - __uint_as_float(t[0][1] << 16), v.w - __uint_as_float(t[0][1] & 0xffff0000), bf16());
}
template <typename T> constexpr int TERMS = 1;
template <> constexpr int TERMS<f16> = 2;

/**
 * A warp takes 8 TILES rows of the weight, 64 bytes of each. What a lane loads is just what it holds of mma's right side when k is counted in another order: four
 * numbers after each other are columns 2 pair, 2 pair + 1, 2 pair + 8 and 2 pair + 9, on both sides. So nothing goes through shared memory, and no lanes
 * have to be summed. As with f32 (gemm.cuh), sums of a step join the f32 sums one after the other.
 *
 * @tparam HALVES 8 HALVES rows of the input, at least as many as it has; its addresses and k are multiples of four numbers
 */
template <typename T, int HALVES, int TILES>
DEVICE void multiply_skinny_mma(const Skinny& a) {
  constexpr int WARPS = 8, OUTPUTS = 8 * TILES, LOAD = PER_LOAD<T>, ROWS = 8 * HALVES;
  SHARED(float, parts, [WARPS][ROWS][OUTPUTS]);
  const Product& p = a.product;
  int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, group = lane / 4, pair = lane % 4, groups = WARPS / a.k_warps;
  int first = (blockIdx.x * groups + warp / a.k_warps) * OUTPUTS, from = (warp % a.k_warps * 4 + pair) * LOAD, step = a.k_warps * 4 * LOAD;

  const char* rows[TILES];
#pragma unroll
  for (int j = 0; j < TILES; j++) {
    rows[j] = (const char*)p.weight + min(first + j * 8 + group, p.n - 1) * p.weight_stride * (16 / LOAD);
  }
  const float* inputs[HALVES];
#pragma unroll
  for (int h = 0; h < HALVES; h++) {
    inputs[h] = a.x.row(min(group + 8 * h, p.m - 1));
  }
  uint4 next[2][TILES];
  auto load = [&](uint4 (&to)[TILES], int k) {
#pragma unroll
    for (int j = 0; j < TILES; j++) {
      to[j] = k < p.weight_stride ? stream(rows[j] + k * (16 / LOAD)) : make_uint4(0, 0, 0, 0);
    }
  };

  float sums[TILES][4] = {};
  load(next[0], from);
  load(next[1], from + step);
  // lanes of a warp have to go on together: some are past the end before others
  for (int k = from; k - pair * LOAD < p.weight_stride; k += step) {
    uint4 w[TILES];
#pragma unroll
    for (int j = 0; j < TILES; j++) {
      w[j] = next[0][j];
      next[0][j] = next[1][j];
    }
    load(next[1], k + 2 * step);
    float part[TILES][4] = {};
#pragma unroll
    for (int i = 0; i < LOAD / 4; i++) {
      u32 left[3][4] = {};
#pragma unroll
      for (int h = 0; h < HALVES; h++) {
        uint2 x[3];
        split(k + 4 * i < p.k ? *(const float4*)(inputs[h] + k + 4 * i) : make_float4(0, 0, 0, 0), x);
#pragma unroll
        for (int t = 0; t < 3; t++) {
          left[t][h] = x[t].x;
          left[t][h + 2] = x[t].y;
        }
      }
#pragma unroll
      for (int j = 0; j < TILES; j++) {
        u32 right[TERMS<T>][2];
        terms(w[j], i, T(), right);
#pragma unroll
        for (int u = TERMS<T> - 1; u >= 0; u--) {
#pragma unroll
          for (int t = 2 - u; t >= 0; t--) {
            mma(part[j], left[t], right[u], bf16());
          }
        }
      }
    }
#pragma unroll
    for (int j = 0; j < TILES; j++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        sums[j][i] += part[j][i];
      }
    }
  }

#pragma unroll
  for (int j = 0; j < TILES; j++) {
#pragma unroll
    for (int i = 0; i < 2 * HALVES; i++) {
      parts[warp][group + i / 2 * 8][j * 8 + pair * 2 + i % 2] = sums[j][i];
    }
  }
  __syncthreads();
  for (int i = threadIdx.x; i < groups * OUTPUTS * ROWS; i += WARPS * WARP) {
    int n = i % (groups * OUTPUTS), m = i / (groups * OUTPUTS), column = blockIdx.x * groups * OUTPUTS + n;
    if (m < p.m && column < p.n) {
      float sum = 0;
      for (int w = 0; w < a.k_warps; w++) {
        sum += parts[n / OUTPUTS * a.k_warps + w][m][n % OUTPUTS];
      }
      finish(p, m, column, sum);
    }
  }
}

// ---- kernels ------------------------------------------------------------------------------------------------------------

#define FEW(T)                                                                               \
  RESIDENT_KERNEL(256, 4, linear_skinny_##T##_1, Skinny) { multiply_skinny<T, 1, true>(a); } \
  RESIDENT_KERNEL(256, 4, linear_skinny_##T##_2, Skinny) { multiply_skinny<T, 2, true>(a); } \
  KERNEL(256, linear_skinny_##T##_16_odd, Skinny) { multiply_skinny<T, 16, false>(a); }

#define MORE(T)                                                                                            \
  RESIDENT_KERNEL(256, 2, linear_skinny_##T##_mma_8_1, Skinny) { multiply_skinny_mma<T, 1, 1>(a); }        \
  RESIDENT_KERNEL(256, 2, linear_skinny_##T##_mma_8_2, Skinny) { multiply_skinny_mma<T, 1, 2>(a); }        \
  RESIDENT_KERNEL(256, 2, linear_skinny_##T##_mma_16_1, Skinny) { multiply_skinny_mma<T, 2, 1>(a); }       \
  RESIDENT_KERNEL(256, 2, linear_skinny_##T##_mma_16_2, Skinny) { multiply_skinny_mma<T, 2, 2>(a); }

typedef float f32;
FEW(f32)
KERNEL(256, linear_skinny_f32_4, Skinny) { multiply_skinny<f32, 4, true>(a); }
KERNEL(256, linear_skinny_f32_8, Skinny) { multiply_skinny<f32, 8, true>(a); }
KERNEL(256, linear_skinny_f32_16, Skinny) { multiply_skinny<f32, 16, true>(a); }
FEW(bf16)
FEW(f16)
FEW(int8)
MORE(bf16)
MORE(f16)
MORE(int8)

// What every kernel of this folder begins with: its form, the types that the host passes, sums over warps and blocks.
//
// A kernel is written KERNEL(threads, name, Arguments) { ... } and finds its one parameter, a struct that Java fills in, as `a`. Its blocks have `threads`
// threads in one dimension, a multiple of 32; a RESIDENT_KERNEL may use so many registers that `blocks` of them fit a multiprocessor. Shared memory is declared
// with SHARED(type, name, [n][m]) or, where its size is known to the host alone, DYNAMIC_SHARED(name). No header of CUDA is included, so that a device needs its driver and NVRTC alone, and the compiler must not fuse a product with
// a sum by itself (--fmad=false): each fmaf is written down, as in the Java backends, because backends should round alike.
#pragma once

typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

#ifdef AZULEJO_EMULATED
#include "emulator.h"
#define RESIDENT_KERNEL(threads, blocks, name, Arguments) KERNEL(threads, name, Arguments)
#else
#define KERNEL(threads, name, Arguments) extern "C" __global__ void __launch_bounds__(threads) name(const __grid_constant__ Arguments a)
#define RESIDENT_KERNEL(threads, blocks, name, Arguments) \
  extern "C" __global__ void __launch_bounds__(threads, blocks) name(const __grid_constant__ Arguments a)
#define SHARED(type, name, size) __shared__ type name size
#define DYNAMIC_SHARED(name) extern __shared__ __align__(128) unsigned char name[]
#define DEVICE __device__ __forceinline__
#endif

#define INF (__uint_as_float(0x7f800000u))
#define FULL 0xffffffffu
#define WARP 32

// ---- types --------------------------------------------------------------------------------------------------------------

/** A table: the rows of a tensor, `stride` elements apart. A tensor left out has no data. */
template <typename T>
struct Rows {
  T* data;
  i64 stride;

  DEVICE T* row(i64 i) const { return data + i * stride; }
};

/** 16 bits of a float, kept as bits because no header of CUDA is included. */
struct bf16 { unsigned short bits; };
struct f16 { unsigned short bits; };

DEVICE float to_float(float x) { return x; }
DEVICE float to_float(bf16 x) { return __uint_as_float((u32)x.bits << 16); }

#ifdef AZULEJO_EMULATED
DEVICE float to_float(f16 x) { return emulator::half_to_float(x.bits); }
/** Two numbers rounded to the nearest, ties to even; the first in the lower half. */
DEVICE u32 pack(float low, float high, bf16) { return emulator::to_bf16(low) | (u32)emulator::to_bf16(high) << 16; }
DEVICE u32 pack(float low, float high, f16) { return emulator::float_to_half(low) | (u32)emulator::float_to_half(high) << 16; }
#else
DEVICE float to_float(f16 x) { float y; asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits)); return y; }
/** Two numbers rounded to the nearest, ties to even; the first in the lower half. */
DEVICE u32 pack(float low, float high, bf16) { u32 y; asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low)); return y; }
DEVICE u32 pack(float low, float high, f16) { u32 y; asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low)); return y; }
#endif

// ---- vectors ------------------------------------------------------------------------------------------------------------

/** n neighbours, 1 or 4; 4 lie at a multiple of 16 bytes and are read at once. */
template <int n>
DEVICE void load(float (&x)[n], const float* p) {
  static_assert(n == 1 || n == 4, "1 or 4");
  if constexpr (n == 4) {
    float4 v = *(const float4*)p;
    x[0] = v.x, x[1] = v.y, x[2] = v.z, x[3] = v.w;
  } else {
    x[0] = *p;
  }
}

template <int n>
DEVICE void store(float* p, const float (&x)[n]) {
  static_assert(n == 1 || n == 4, "1 or 4");
  if constexpr (n == 4) {
    *(float4*)p = make_float4(x[0], x[1], x[2], x[3]);
  } else {
    *p = x[0];
  }
}

// ---- activations --------------------------------------------------------------------------------------------------------

/** The ordinals of Activation.java. */
enum Activation { NONE, RELU, SILU, GELU, GELU_TANH, QUICK_GELU };

DEVICE float activate(float x, int activation) {
  switch (activation) {
    case RELU: return x > 0 ? x : x != x ? x : 0.0f;
    case SILU: return x / (1 + expf(-x));
    case GELU: return 0.5f * x * erfcf(x * -0.70710678f);
    case GELU_TANH: return 0.5f * x * (1 + tanhf(0.79788456f * fmaf(0.044715f * x * x, x, x)));
    case QUICK_GELU: return x / (1 + expf(-1.702f * x));
    default: return x;
  }
}

// ---- sums over a warp or a block ----------------------------------------------------------------------------------------

/** Of all lanes, in every lane. Always the same order of additions. */
template <typename T>
DEVICE T warp_sum(T x) {
  for (int i = WARP / 2; i > 0; i /= 2) {
    x += __shfl_xor_sync(FULL, x, i);
  }
  return x;
}

template <typename T>
DEVICE T warp_max(T x) {
  for (int i = WARP / 2; i > 0; i /= 2) {
    T y = __shfl_xor_sync(FULL, x, i);
    x = y > x ? y : x;
  }
  return x;
}

/** Of all threads of the block, in every thread. All must come here, and may use it again at once. */
template <typename T>
DEVICE T block_sum(T x) {
  SHARED(T, part, [WARP]);
  x = warp_sum(x);
  __syncthreads();
  if (threadIdx.x % WARP == 0) {
    part[threadIdx.x / WARP] = x;
  }
  __syncthreads();
  T sum = 0;
  for (int i = 0; i < blockDim.x / WARP; i++) {
    sum += part[i];
  }
  return sum;
}

template <typename T>
DEVICE T block_max(T x) {
  SHARED(T, part, [WARP]);
  x = warp_max(x);
  __syncthreads();
  if (threadIdx.x % WARP == 0) {
    part[threadIdx.x / WARP] = x;
  }
  __syncthreads();
  T max = part[0];
  for (int i = 1; i < blockDim.x / WARP; i++) {
    max = part[i] > max ? part[i] : max;
  }
  return max;
}

// CUDA's language on a CPU: what the kernels of this folder use of it, for g++. A block's threads are fibers on one thread of the host, run one after the other
// from one barrier to the next. That finds what a device would hide or show only now and then: shared memory read before it was written (it is poisoned before
// each block), a barrier that not all threads reach, lanes that leave a warp's exchange, copies that nobody waited for, and results that depend on the
// order of blocks or threads (it is shuffled). It says nothing about speed, nor about memory ordering between blocks that run at once.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

struct emulator_dim3 {
  unsigned x, y, z;
};

namespace emulator {

struct Lane;

/** The running fiber's view; set by the engine before it runs. */
extern "C" {
extern emulator_dim3 emulator_thread, emulator_block, emulator_block_size, emulator_grid_size;
void emulator_block_barrier(int kind, int value, int* count);
/** Waits for the lanes of `mask`; `kind` must be the same for all. */
void emulator_warp_barrier(unsigned mask, int kind);
/** 128 bytes for each lane's part of an exchange; those of a warp's other lanes can be read between this exchange's barrier and the next one's. */
void* emulator_slots(int turn);
/** The turn of the running lane's next exchange, which alternates. */
int emulator_turn();
void* emulator_shared(const void* tag, unsigned long bytes);
void* emulator_dynamic_shared();
void emulator_copy_async(void* to, const void* from, int bytes);
void emulator_commit();
void emulator_wait(int groups);
void emulator_fail(const char* message);
void emulator_run(void (*body)(const void*), const void* arguments, const unsigned* launch);
}

inline uint32_t bits(float x) { uint32_t y; memcpy(&y, &x, 4); return y; }
inline float number(uint32_t x) { float y; memcpy(&y, &x, 4); return y; }
inline uint16_t to_bf16(float x) {
  uint32_t b = bits(x);
  return x != x ? b >> 16 | 0x40 : (b + 0x7fff + (b >> 16 & 1)) >> 16;
}
inline float half_to_float(uint16_t x) {
  uint32_t sign = (uint32_t)(x & 0x8000) << 16, exponent = x >> 10 & 31, mantissa = x & 1023;
  if (exponent == 31) return number(sign | 0x7f800000 | mantissa << 13);
  if (exponent == 0) return (sign ? -1.0f : 1.0f) * mantissa * 0x1p-24f;
  return number(sign | (exponent + 112) << 23 | mantissa << 13);
}
inline uint16_t float_to_half(float x) {
  uint32_t b = bits(x);
  uint16_t sign = b >> 16 & 0x8000;
  float m = fabsf(x);
  if (x != x) return sign | 0x7e00;
  if (m >= 65520) return sign | 0x7c00;
  if (m < 0x1p-14f) return sign | (uint16_t)nearbyintf(m * 0x1p24f);
  uint32_t a = b & 0x7fffffff;
  a += 0xfff + (a >> 13 & 1);
  return sign | (uint16_t)((a - (112u << 23)) >> 13);
}

/** Each lane gives a value; after that `at(i)` is lane i's. */
template <typename T>
struct Exchange {
  const unsigned char* slots;

  Exchange(unsigned mask, const T& mine, int kind) {
    static_assert(sizeof(T) <= 128, "a lane's slot has 128 bytes");
    slots = (const unsigned char*)emulator_slots(emulator_turn());
    memcpy((void*)(slots + emulator_thread.x % 32 * 128), &mine, sizeof(T));
    emulator_warp_barrier(mask, kind);
  }

  T at(int lane) const {
    T value;
    memcpy(&value, slots + lane * 128, sizeof(T));
    return value;
  }

  /** Where lane i's lies. */
  const T& of(int lane) const { return *(const T*)(slots + lane * 128); }
};

}  // namespace emulator

#define threadIdx (emulator::emulator_thread)
#define blockIdx (emulator::emulator_block)
#define blockDim (emulator::emulator_block_size)
#define gridDim (emulator::emulator_grid_size)

#define DEVICE inline __attribute__((always_inline))
#define __device__
#define __forceinline__ inline
#define __restrict__ __restrict
#define KERNEL(threads, name, Arguments)                                                                       \
  static void name##_body(const Arguments& a);                                                                 \
  extern "C" __attribute__((visibility("default"))) void name(const void* arguments, const unsigned* launch) { \
    if (launch[3] != (threads)) {                                                                              \
      emulator::emulator_fail(#name " is launched with another number of threads than it was written for");    \
      return;                                                                                                  \
    }                                                                                                          \
    emulator::emulator_run([](const void* p) { name##_body(*(const Arguments*)p); }, arguments, launch);       \
  }                                                                                                            \
  static void name##_body(const Arguments& a)
#define SHARED(type, name, size)  \
  typedef type name##_type size;  \
  static const char name##_tag = 0; \
  name##_type& name = *(name##_type*)emulator::emulator_shared(&name##_tag, sizeof(name##_type))
#define DYNAMIC_SHARED(name) unsigned char* name = (unsigned char*)emulator::emulator_dynamic_shared()

// ---- barriers and exchanges ---------------------------------------------------------------------------------------------

static inline void __syncthreads() { emulator::emulator_block_barrier(0, 0, nullptr); }
static inline int __syncthreads_count(int x) { int n; emulator::emulator_block_barrier(1, x != 0, &n); return n; }
static inline int __syncthreads_or(int x) { return __syncthreads_count(x) != 0; }
static inline int __syncthreads_and(int x) { return __syncthreads_count(!x) == 0; }
static inline void __syncwarp(unsigned mask = 0xffffffffu) { emulator::emulator_warp_barrier(mask, 1); }
static inline void __threadfence() {}
static inline void __threadfence_block() {}

template <typename T>
static inline T __shfl_sync(unsigned mask, T x, int lane) { return emulator::Exchange<T>(mask, x, 2).at(lane & 31); }
template <typename T>
static inline T __shfl_xor_sync(unsigned mask, T x, int lanes) { return emulator::Exchange<T>(mask, x, 3).at((threadIdx.x & 31) ^ lanes); }
template <typename T>
static inline T __shfl_down_sync(unsigned mask, T x, unsigned n) {
  unsigned lane = (threadIdx.x & 31) + n;
  emulator::Exchange<T> all(mask, x, 4);
  return lane < 32 ? all.at(lane) : x;
}
template <typename T>
static inline T __shfl_up_sync(unsigned mask, T x, unsigned n) {
  int lane = (int)(threadIdx.x & 31) - (int)n;
  emulator::Exchange<T> all(mask, x, 5);
  return lane >= 0 ? all.at(lane) : x;
}
static inline unsigned __ballot_sync(unsigned mask, int x) {
  emulator::Exchange<int> all(mask, x != 0, 6);
  unsigned votes = 0;
  for (int i = 0; i < 32; i++) {
    votes |= mask >> i & 1 && all.at(i) ? 1u << i : 0;
  }
  return votes;
}
static inline unsigned __reduce_max_sync(unsigned mask, unsigned x) {
  emulator::Exchange<unsigned> all(mask, x, 14);
  for (int i = 0; i < 32; i++) {
    x = mask >> i & 1 && all.at(i) > x ? all.at(i) : x;
  }
  return x;
}
static inline int __any_sync(unsigned mask, int x) { return __ballot_sync(mask, x) != 0; }
static inline int __all_sync(unsigned mask, int x) { return __ballot_sync(mask, !x) == 0; }

// ---- atomics: only one fiber runs at a time -----------------------------------------------------------------------------

template <typename T>
static inline T atomicAdd(T* p, T x) { T old = *p; *p = old + x; return old; }
template <typename T>
static inline T atomicMax(T* p, T x) { T old = *p; *p = x > old ? x : old; return old; }
template <typename T>
static inline T atomicMin(T* p, T x) { T old = *p; *p = x < old ? x : old; return old; }
template <typename T>
static inline T atomicOr(T* p, T x) { T old = *p; *p = old | x; return old; }
template <typename T>
static inline T atomicExch(T* p, T x) { T old = *p; *p = x; return old; }
template <typename T>
static inline T atomicCAS(T* p, T expected, T x) { T old = *p; *p = old == expected ? x : old; return old; }

// ---- arithmetic ---------------------------------------------------------------------------------------------------------

static inline unsigned __float_as_uint(float x) { return emulator::bits(x); }
static inline int __float_as_int(float x) { return (int)emulator::bits(x); }
static inline float __uint_as_float(unsigned x) { return emulator::number(x); }
static inline float __int_as_float(int x) { return emulator::number((unsigned)x); }
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((uint64_t)a * b >> 32); }
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz((unsigned)x); }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline float rsqrtf(float x) { return 1 / sqrtf(x); }
static inline int min(int a, int b) { return a < b ? a : b; }
static inline int max(int a, int b) { return a > b ? a : b; }
static inline long long min(long long a, long long b) { return a < b ? a : b; }
static inline long long max(long long a, long long b) { return a > b ? a : b; }
template <typename T>
static inline T __ldg(const T* p) { return *p; }

// A misaligned access of these faults on a device.
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline int2 make_int2(int x, int y) { return {x, y}; }
static inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
static inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

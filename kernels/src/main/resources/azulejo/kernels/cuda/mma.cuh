// Tensor cores and asynchronous copies, sm_80 and later: the PTX instructions, and beside them what they do, for the emulation. Layouts of fragments are those
// of the PTX ISA, "Warp-level matrix instructions"; lane = 4 * group + pair.
#pragma once

#include "azulejo.cuh"

#ifndef AZULEJO_EMULATED

/** D += A B: A 16 x 16 in rows (a: row group, group + 8, then the same 8 columns on), B 16 x 8 in columns, D 16 x 8 (rows group and group + 8, columns 2 pair, + 1). */
DEVICE void mma(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2], bf16) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
DEVICE void mma(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2], f16) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/** x to the nearest tf32, which has 11 significant bits: a float whose last 13 bits are 0. */
DEVICE u32 to_tf32(float x) { u32 y; asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x)); return y; }

/** D += A B of tf32: A 16 x 8 in rows (a: row group, group + 8, both of column pair, then of pair + 4), B 8 x 8 (b: column group; row pair, pair + 4), D as above. */
DEVICE void mma_tf32(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

DEVICE u32 shared_address(const void* p) { return (u32)__cvta_generic_to_shared(p); }

/** Four 8 x 8 matrices of 16-bit numbers from shared memory: lane 8 i + r gives the address of row r of matrix i, 16 bytes, aligned; lane l gets in x[i] the pair l % 4 of row l / 4. */
DEVICE void ldmatrix(u32 (&x)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
      : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3]) : "r"(shared_address(row)) : "memory");
}
/** As above, of the transposed matrices: lane l gets rows 2 (l % 4) and 2 (l % 4) + 1 of column l / 4. */
DEVICE void ldmatrix_transposed(u32 (&x)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
      : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3]) : "r"(shared_address(row)) : "memory");
}

/** 16 bytes from global to shared memory, both aligned to 16; only the first `bytes` (0 to 16) are read, the others become 0. */
DEVICE void copy_async(void* shared, const void* global, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" :: "r"(shared_address(shared)), "l"(global), "r"(bytes) : "memory");
}
/** The copies of this thread since the last commit are a group. */
DEVICE void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
/** Waits until at most `groups` of this thread's groups are under way. Others see them after a barrier. */
template <int groups>
DEVICE void wait_copies() { asm volatile("cp.async.wait_group %0;" :: "n"(groups) : "memory"); }

#else

namespace emulator {
/** A lane's, as numbers. */
struct Fragments { float a[4][2], b[2][2]; };
/** Element `i` of the pair in `x`. */
inline float element(u32 x, int i, bf16) { return number((x >> 16 * i & 0xffff) << 16); }
inline float element(u32 x, int i, f16) { return half_to_float((uint16_t)(x >> 16 * i)); }

template <typename T>
inline void mma(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2], T type) {
  Fragments mine;
  for (int i = 0; i < 2; i++) {
    for (int r = 0; r < 4; r++) mine.a[r][i] = element(a[r], i, type);
    for (int r = 0; r < 2; r++) mine.b[r][i] = element(b[r], i, type);
  }
  Exchange<Fragments> all(0xffffffffu, mine, 10);
  int lane = threadIdx.x % 32;
  for (int k = 0; k < 16; k++) {
    for (int i = 0; i < 4; i++) {
      int row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
      // A: register = (row / 8) + 2 (k / 8), held by lane 4 (row % 8) + k % 8 / 2; B: register k / 8, held by lane 4 column + k % 8 / 2
      d[i] = fmaf(all.of(4 * (row % 8) + k % 8 / 2).a[row / 8 + 2 * (k / 8)][k % 2], all.of(4 * column + k % 8 / 2).b[k / 8][k % 2], d[i]);
    }
  }
}

/** A lane's, of tf32. */
struct Words { float a[4], b[2]; };

inline void mma_tf32(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
  if ((a[0] | a[1] | a[2] | a[3] | b[0] | b[1]) & 0x1fff) emulator_fail("an operand of a product of tf32 has more bits than a tf32");
  Exchange<Words> all(0xffffffffu, {{number(a[0]), number(a[1]), number(a[2]), number(a[3])}, {number(b[0]), number(b[1])}}, 14);
  int lane = threadIdx.x % 32;
  for (int k = 0; k < 8; k++) {
    for (int i = 0; i < 4; i++) {
      int row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
      // A: register = (row / 8) + 2 (k / 4), held by lane 4 (row % 8) + k % 4; B: register k / 4, held by lane 4 column + k % 4
      d[i] = fmaf(all.of(4 * (row % 8) + k % 4).a[row / 8 + 2 * (k / 4)], all.of(4 * column + k % 4).b[k / 4], d[i]);
    }
  }
}

inline void ldmatrix(u32 (&x)[4], const void* row, bool transposed) {
  if ((uintptr_t)row % 16 != 0) emulator_fail("ldmatrix reads a row that is not aligned to 16 bytes");
  Exchange<const void*> rows(0xffffffffu, row, transposed ? 12 : 11);
  int lane = threadIdx.x % 32;
  for (int i = 0; i < 4; i++) {
    uint16_t pair[2];
    for (int j = 0; j < 2; j++) {
      int r = transposed ? 2 * (lane % 4) + j : lane / 4, c = transposed ? lane / 4 : 2 * (lane % 4) + j;
      memcpy(&pair[j], (const uint16_t*)rows.at(8 * i + r) + c, 2);
    }
    x[i] = pair[0] | (u32)pair[1] << 16;
  }
  // what was read may be overwritten once all have read it
  emulator_warp_barrier(0xffffffffu, 13);
}
}  // namespace emulator

DEVICE void mma(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2], bf16 type) { emulator::mma(d, a, b, type); }
DEVICE void mma(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2], f16 type) { emulator::mma(d, a, b, type); }
DEVICE u32 to_tf32(float x) { return x != x ? 0x7fffe000 : (__float_as_uint(x) + 0x1000) & 0xffffe000; }
DEVICE void mma_tf32(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) { emulator::mma_tf32(d, a, b); }
DEVICE void ldmatrix(u32 (&x)[4], const void* row) { emulator::ldmatrix(x, row, false); }
DEVICE void ldmatrix_transposed(u32 (&x)[4], const void* row) { emulator::ldmatrix(x, row, true); }
DEVICE void copy_async(void* shared, const void* global, int bytes) { emulator::emulator_copy_async(shared, global, bytes); }
DEVICE void commit_copies() { emulator::emulator_commit(); }
template <int groups>
DEVICE void wait_copies() { emulator::emulator_wait(groups); }

#endif

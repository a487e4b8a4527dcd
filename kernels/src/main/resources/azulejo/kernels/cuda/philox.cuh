// Philox 4x32-10 and the variates made of it, bit for bit as Philox.java.
#pragma once

#include "azulejo.cuh"

/** The four words of the block of codes 4 block to 4 block + 3; stream is Stream's ordinal. */
DEVICE uint4 philox(u64 seed, u64 image, int stream, int step, int position, int block) {
  u32 k0 = (u32)seed, k1 = (u32)(seed >> 32);
  u32 c0 = block, c1 = position, c2 = step, c3 = (u32)(image << 1) | stream;
  for (int round = 0; round < 10; round++) {
    u32 high0 = __umulhi(0xD2511F53u, c0), low0 = 0xD2511F53u * c0;
    u32 high1 = __umulhi(0xCD9E8D57u, c2), low1 = 0xCD9E8D57u * c2;
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return make_uint4(c0, c1, c2, c3);
}

/** U[0, 1): the upper 24 bits of a word. */
DEVICE float uniform(u32 word) { return (word >> 8) * 0x1p-24f; }

/** Exp(1) of a word, as Philox.exponential, operation by operation. */
DEVICE float exponential(u32 word) {
  int w = (int)word;
  float t = fmaf((float)(w ^ w >> 31), 0x1p-32f, 0x1p-33f);
  int bits = __float_as_int(t);
  int exponent = (bits - 0x3F3504F3) >> 23;
  float upper = __int_as_float(bits - exponent * (1 << 23)) - 1;
  bool near = t <= 0.29289323f;
  float lower = near ? -t : fmaf(t, -2.0f, 1.0f);
  float f = w < 0 ? upper : lower;
  float e = w < 0 ? (float)exponent : near ? 0.0f : -1.0f;

  float z = __fmul_rn(f, f);
  float p = fmaf(7.0376836292e-2f, f, -1.1514610310e-1f);
  p = fmaf(p, f, 1.1676998740e-1f);
  p = fmaf(p, f, -1.2420140846e-1f);
  p = fmaf(p, f, 1.4249322787e-1f);
  p = fmaf(p, f, -1.6668057665e-1f);
  p = fmaf(p, f, 2.0000714765e-1f);
  p = fmaf(p, f, -2.4999993993e-1f);
  p = fmaf(p, f, 3.3333331174e-1f);
  float y = __fmul_rn(p, __fmul_rn(f, z));
  y = fmaf(e, -2.12194440e-4f, y);
  y = fmaf(z, -0.5f, y);
  return -fmaf(e, 0.693359375f, __fadd_rn(f, y));
}

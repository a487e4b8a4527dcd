// What the kernels that draw share: random numbers, the best of a row, and where a truncation cuts it.
#pragma once

#include "philox.cuh"

#define LAST_CODE 0x7fffffff

// ---- quads --------------------------------------------------------------------------------------------------------------

/** Codes v to v + 3 of a row of n, of which v is one; `rest` past its end. `aligned`: the row begins at a multiple of 16 bytes. */
DEVICE void load(float (&x)[4], const float* row, int v, int n, bool aligned, float rest) {
  if (aligned && v + 4 <= n) {
    float4 q = *(const float4*)(row + v);
    x[0] = q.x, x[1] = q.y, x[2] = q.z, x[3] = q.w;
  } else {
    for (int i = 0; i < 4; i++) {
      x[i] = v + i < n ? row[v + i] : rest;
    }
  }
}

/** Into a row that is aligned and has room for whole quads. */
DEVICE void store(float* row, int v, const float (&x)[4]) { *(float4*)(row + v) = make_float4(x[0], x[1], x[2], x[3]); }

/** The room that a row of n takes as whole quads. */
DEVICE int padded(int n) { return (n + 3) / 4 * 4; }

// ---- random numbers -----------------------------------------------------------------------------------------------------

/** Noise.java: with keys, Philox; without, values for each position and code, or for each position of an image. */
struct Noise {
  Rows<const u64> keys;
  Rows<const float> values;
  int positions;
  int stream;

  /** The words for codes v to v + 3, v a multiple of 4. */
  DEVICE void words(u32 (&w)[4], i64 b, int step, int position, int v) const {
    const u64* key = keys.row(b);
    uint4 q = philox(key[0], key[1], stream, step, position, v / 4);
    w[0] = q.x, w[1] = q.y, w[2] = q.z, w[3] = q.w;
  }

  /** Given variates of codes v to v + 3 of n; past the end 1. */
  DEVICE void given(float (&x)[4], i64 b, int position, int v, int n) const { load(x, values.row(b * positions + position), v, n, false, 1.0f); }

  /** A path's U[0, 1). */
  DEVICE float path(i64 b, int step, int position) const {
    if (keys.data == nullptr) {
      return values.row(b)[position];
    }
    const u64* key = keys.row(b);
    return uniform(philox(key[0], key[1], stream, step, position, 0).x);
  }
};

/** The first fault stays. */
DEVICE void report(int* fault, const int* step) { atomicCAS(fault, 0, *step + 1); }

// ---- order --------------------------------------------------------------------------------------------------------------

/** Ascending as the floats are, with one zero; no number's key is 0. */
DEVICE u32 ordered(float x) {
  u32 bits = __float_as_uint(x + 0.0f);
  return bits ^ ((int)bits < 0 ? FULL : 0x80000000u);
}

DEVICE float unordered(u32 key) { return __uint_as_float((int)key < 0 ? key ^ 0x80000000u : ~key); }

/** Larger for a larger value, and of equal ones for the lower code. */
DEVICE u64 rank(float x, int code) { return (u64)ordered(x) << 32 | ~(u32)code; }

DEVICE int code(u64 rank) { return (int)~(u32)rank; }

// ---- truncation ---------------------------------------------------------------------------------------------------------

/** Of a row sorted by descending value, equal ones by ascending code, what stays: all above `key`, and at it the codes below `code`. */
struct Cut {
  u32 key;
  int code;

  DEVICE bool keeps(float x, int v) const {
    u32 mine = ordered(x);
    return mine > key || (mine == key && v < code);
  }
};

/** A bin for each value of eleven bits. */
#define BINS 2048

/** The least sum of which a share of `total`, rounded to f32, is above `limit`, at least 0: a share is if it is above the middle between `limit` and the next float. */
DEVICE u64 least_above(float limit, u64 total) {
  u32 bits = __float_as_uint(limit);
  double middle = ((double)limit + (double)__uint_as_float(bits + 1)) / 2 * (double)total;
  u64 whole = (u64)middle;
  // the middle itself goes to the even one
  return whole + ((bits & 1) == 1 && (double)whole == middle ? 0 : 1);
}

/** bin += x, by a device's own additions of 32 bits, where 64 bits are a loop that tries until no other thread comes between. */
DEVICE void add(u64* bin, u64 x) {
  u32* words = (u32*)bin;
  u32 low = (u32)x, old = atomicAdd(words, low);
  u32 high = (u32)(x >> 32) + (old + low < old);
  if (high != 0) {
    atomicAdd(words + 1, high);
  }
}

/**
 * Where the sum of measures, taken from the largest value down, reaches measure.least(total): the codes whose sum of those before them is less stay.
 *
 * Nothing is sorted: a value's key is found in three digits of 11, 11 and 10 bits from the top, each from one pass over the row that adds up the measures of
 * every value of the digit. Measures are integers, fixed-point numbers if need be, so that no order of atomic additions changes a sum. (A search bit by bit,
 * as on the CPU, would take 32 passes; sorting 16384 codes, 105.)
 *
 * All threads come here; what they wrote to x before, all see.
 *
 * @param bins room of BINS in shared memory
 * @param ties whether codes of the last value that stays all stay
 */
template <int THREADS, typename Measure>
DEVICE Cut cut(const float* x, int n, u64* bins, const Measure& measure, bool ties) {
  SHARED(u64, parts, [WARP]);
  SHARED(u64, found, [3]);
  constexpr int EACH = BINS / THREADS;
  int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
  u32 key = 0;
  u64 before = 0, here = 0, least = 0;
  for (int above = 32, shift = 21; above > 0; above = shift, shift = shift == 21 ? 10 : 0) {
    for (int i = threadIdx.x; i < BINS; i += THREADS) {
      bins[i] = 0;
    }
    __syncthreads();
    for (int v = threadIdx.x; v < n; v += THREADS) {
      u32 mine = ordered(x[v]);
      if (above == 32 || mine >> above == key) {
        add(bins + (mine >> shift & ((1u << (above - shift)) - 1)), measure.of(x[v]));
      }
    }
    __syncthreads();
    // each thread has some bins, the first the topmost
    const u64* top = bins + BINS - 1 - threadIdx.x * EACH;
    u64 sum = 0;
    for (int i = 0; i < EACH; i++) {
      sum += top[-i];
    }
    u64 up_to = sum;
    for (int i = 1; i < WARP; i *= 2) {
      u64 other = __shfl_up_sync(FULL, up_to, i);
      up_to += lane >= i ? other : 0;
    }
    if (lane == WARP - 1) {
      parts[warp] = up_to;
    }
    __syncthreads();
    u64 total = 0;
    for (int i = 0; i < THREADS / WARP; i++) {
      up_to += i < warp ? parts[i] : 0;
      total += parts[i];
    }
    if (above == 32) {
      least = measure.least(total);
      if (total < least) {
        return {0, LAST_CODE};
      }
    }
    u64 at = before + up_to - sum;
    if (at < least && at + sum >= least) {
      int i = 0;
      while (at + top[-i] < least) {
        at += top[-i++];
      }
      found[0] = top - i - bins;
      found[1] = at;
      found[2] = top[-i];
    }
    __syncthreads();
    key = key << (above - shift) | (u32)found[0];
    before = found[1];
    here = found[2];
  }
  if (ties) {
    return {key, LAST_CODE};
  }
  u64 one = measure.of(unordered(key));
  u64 stay = (least - before + one - 1) / one;
  if (stay * one >= here) {
    return {key, LAST_CODE};
  }
  // the lowest code below which there are so many of that value
  int low = 0, high = n;
  while (low < high) {
    int middle = low + (high - low) / 2, count = 0;
    for (int v = threadIdx.x; v < middle; v += THREADS) {
      count += ordered(x[v]) == key;
    }
    if ((u64)block_sum(count) < stay) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return {key, low};
}

/** Takes what the cut does not keep out of the row; others see it at once. */
template <int THREADS>
DEVICE void hide(float* x, int n, const Cut& cut) {
  for (int v = threadIdx.x; v < n; v += THREADS) {
    if (!cut.keeps(x[v], v)) {
      x[v] = -INF;
    }
  }
  __syncthreads();
}

/** Each code is one: the cut is at the k-th largest value. */
struct Counted {
  int k;

  DEVICE u64 of(float x) const { return 1; }
  DEVICE u64 least(u64 total) const { return k; }
};

// Ops on images [B, H, W, C] other than convolution: a thread an output (four neighbouring channels where their addresses allow), neighbouring channels side by
// side, so that each access of a warp is one stretch of memory. Bound by memory: what overlapping windows read again comes from the caches.
#include "azulejo.cuh"

/** The output of this thread: pixel (b, y, x), columns from `column` on. */
struct Place {
  i64 b, pixel;
  int y, x, column;

  DEVICE bool find(i64 pixels, int height, int width, int columns, int vector) {
    i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
    int vectors = columns / vector;
    pixel = i / vectors;
    column = (int)(i % vectors) * vector;
    x = (int)(pixel % width);
    y = (int)(pixel / width % height);
    b = pixel / width / height;
    return pixel < pixels;
  }
};

// ---- depthwise convolution ----------------------------------------------------------------------------------------------

struct Depthwise {
  Rows<const float> x;
  const float* weight;
  const float* bias;
  Rows<float> out;
  int height, width, columns, kernel_height, kernel_width;
  i64 strips;
};

#define STRIP 4

/** A thread has one channel of four neighbours in a row of pixels, because a warp's weights of one tap lie in as many lines as the kernel has taps. */
KERNEL(256, depthwise, Depthwise) {
  int strips = (a.width + STRIP - 1) / STRIP;
  Place at;
  if (!at.find(a.strips, a.height, strips, a.columns, 1)) {
    return;
  }
  int from = at.x * STRIP - a.kernel_width / 2;
  const float* weight = a.weight + (i64)at.column * a.kernel_height * a.kernel_width;
  float sum[STRIP];
  for (int i = 0; i < STRIP; i++) {
    sum[i] = a.bias == nullptr ? 0.0f : a.bias[at.column];
  }
  for (int ky = 0; ky < a.kernel_height; ky++) {
    int y = at.y + ky - a.kernel_height / 2;
    if (y < 0 || y >= a.height) {
      continue;
    }
    i64 row = (at.b * a.height + y) * a.width;
    for (int kx = 0; kx < a.kernel_width; kx++) {
      float w = weight[ky * a.kernel_width + kx];
#pragma unroll
      for (int i = 0; i < STRIP; i++) {
        int x = from + kx + i;
        if (x >= 0 && x < a.width) {
          sum[i] = fmaf(a.x.row(row + x)[at.column], w, sum[i]);
        }
      }
    }
  }
  i64 row = (at.b * a.height + at.y) * a.width + at.x * STRIP;
  for (int i = 0; i < STRIP && at.x * STRIP + i < a.width; i++) {
    a.out.row(row + i)[at.column] = sum[i];
  }
}

// ---- pooling ------------------------------------------------------------------------------------------------------------

struct Pool {
  Rows<const float> x;
  Rows<float> out;
  int height, width, out_height, out_width, columns, window_height, window_width, stride, top, left, mean;
  i64 pixels;
};

template <int n>
DEVICE void pool(const Pool& a) {
  Place at;
  if (!at.find(a.pixels, a.out_height, a.out_width, a.columns, n)) {
    return;
  }
  int top = at.y * a.stride - a.top, left = at.x * a.stride - a.left;
  int bottom = min(a.height, top + a.window_height), right = min(a.width, left + a.window_width);
  top = max(0, top), left = max(0, left);
  float value[n], x[n];
  for (int i = 0; i < n; i++) {
    value[i] = a.mean ? 0.0f : -INF;
  }
  for (int y = top; y < bottom; y++) {
    for (int column = left; column < right; column++) {
      load<n>(x, a.x.row((at.b * a.height + y) * a.width + column) + at.column);
      for (int i = 0; i < n; i++) {
        // a NaN is the largest, and stays
        value[i] = a.mean ? value[i] + x[i] : x[i] > value[i] || x[i] != x[i] ? x[i] : value[i];
      }
    }
  }
  for (int i = 0; i < n && a.mean; i++) {
    value[i] = value[i] / (float)((bottom - top) * (right - left));
  }
  store<n>(a.out.row(at.pixel) + at.column, value);
}

KERNEL(256, pool_1, Pool) { pool<1>(a); }
KERNEL(256, pool_4, Pool) { pool<4>(a); }

// ---- twice as large -----------------------------------------------------------------------------------------------------

struct Double {
  Rows<const float> x;
  Rows<float> out;
  int out_height, out_width, columns;
  i64 pixels;
};

/** @param cells how far the channels of a cell's four pixels are apart, 0 if they are the same */
template <int n>
DEVICE void twice(const Double& a, int cells) {
  Place at;
  if (at.find(a.pixels, a.out_height, a.out_width, a.columns, n)) {
    i64 cell = (at.b * (a.out_height / 2) + at.y / 2) * (a.out_width / 2) + at.x / 2;
    float x[n];
    load<n>(x, a.x.row(cell) + (at.y % 2 * 2 + at.x % 2) * cells + at.column);
    store<n>(a.out.row(at.pixel) + at.column, x);
  }
}

KERNEL(256, upsample_1, Double) { twice<1>(a, 0); }
KERNEL(256, upsample_4, Double) { twice<4>(a, 0); }
KERNEL(256, depth_to_space_1, Double) { twice<1>(a, a.columns); }
KERNEL(256, depth_to_space_4, Double) { twice<4>(a, a.columns); }

// Norms. All are bound by memory (or, being small, by the launch) and read their input from there once; passes after the first find it in a cache. Variances are
// of differences from the mean, never from sums of squares, which would lose the digits that the mean has more.
//
// - norm: a warp a row where rows are short and many, else a block a row.
// - group norm, a group that a block's caches hold: a block a group of an image.
// - group norm of more: three kernels. Threads take moments (mean, sum of squared differences) of single channels over their share of the pixels, so that whole
//   pixels are read whatever the size of a group; a block a group puts these together; a thread an element applies. Not chosen: a block a share of a group,
//   which reads 16-byte pieces of lines where groups have 4 channels; Welford's update with its division for each element, here once for eight.
// - global response norm: likewise three kernels, over tokens.
#include "azulejo.cuh"

DEVICE float affine(float x, const float* weight, const float* bias, int c) {
  float y = weight == nullptr ? x : x * weight[c];
  return bias == nullptr ? y : y + bias[c];
}

// ---- layer and RMS norm -------------------------------------------------------------------------------------------------

struct NormRows {
  Rows<const float> x;
  const float* weight;
  const float* bias;
  Rows<const float> scale_shift;
  Rows<float> out;
  /** Rows that share a row of scale_shift. */
  int tokens;
  int columns;
  i64 rows;
  int layer;
  float eps;
};

/** Of the `team` threads that have a row. */
template <int team>
DEVICE float team_sum(float x) {
  return team == WARP ? warp_sum(x) : block_sum(x);
}

template <int team, int n>
DEVICE void norm(const NormRows& a) {
  i64 row = team == WARP ? (i64)blockIdx.x * (blockDim.x / WARP) + threadIdx.x / WARP : (i64)blockIdx.x;
  if (row >= a.rows) {
    return;
  }
  const float* x = a.x.row(row);
  float* out = a.out.row(row);
  int first = (threadIdx.x % team) * n;
  float v[n];
  float mean = 0;
  if (a.layer) {
    float sum = 0;
    for (int c = first; c < a.columns; c += team * n) {
      load<n>(v, x + c);
      for (int i = 0; i < n; i++) {
        sum += v[i];
      }
    }
    mean = team_sum<team>(sum) / a.columns;
  }
  float squares = 0;
  for (int c = first; c < a.columns; c += team * n) {
    load<n>(v, x + c);
    for (int i = 0; i < n; i++) {
      squares = fmaf(v[i] - mean, v[i] - mean, squares);
    }
  }
  float deviation = sqrtf(team_sum<team>(squares) / a.columns + a.eps);
  const float* scale = a.scale_shift.data == nullptr ? nullptr : a.scale_shift.row(row / a.tokens);
  for (int c = first; c < a.columns; c += team * n) {
    load<n>(v, x + c);
    for (int i = 0; i < n; i++) {
      v[i] = affine((v[i] - mean) / deviation, a.weight, a.bias, c + i);
      if (scale != nullptr) {
        v[i] = fmaf(v[i], 1 + scale[c + i], scale[a.columns + c + i]);
      }
    }
    store<n>(out + c, v);
  }
}

KERNEL(256, norm_warp_1, NormRows) { norm<WARP, 1>(a); }
KERNEL(256, norm_warp_4, NormRows) { norm<WARP, 4>(a); }
KERNEL(256, norm_block_1, NormRows) { norm<256, 1>(a); }
KERNEL(256, norm_block_4, NormRows) { norm<256, 4>(a); }

// ---- group norm ---------------------------------------------------------------------------------------------------------

struct GroupNorm {
  Rows<const float> x;
  const float* weight;
  const float* bias;
  Rows<float> out;
  int pixels, groups, size, activation;
  float eps;
  /** Of large images: threads that share the pixels of a channel, and how many of them are in a block. */
  int shares, lanes, chunk;
  /** [B, shares, C]: a share's mean and sum of squared differences from it. */
  float2* moments;
  /** [B, groups]: a group's mean and deviation. */
  float2* groups_moments;
};

template <int n>
DEVICE void group_norm(const GroupNorm& a) {
  i64 first = (i64)(blockIdx.x / a.groups) * a.pixels;
  int from = blockIdx.x % a.groups * a.size, vectors = a.size / n, count = a.pixels * vectors;
  float v[n];
  float sum = 0;
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    load<n>(v, a.x.row(first + i / vectors) + from + i % vectors * n);
    for (int j = 0; j < n; j++) {
      sum += v[j];
    }
  }
  float mean = block_sum(sum) / ((float)count * n);
  float squares = 0;
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    load<n>(v, a.x.row(first + i / vectors) + from + i % vectors * n);
    for (int j = 0; j < n; j++) {
      squares = fmaf(v[j] - mean, v[j] - mean, squares);
    }
  }
  float deviation = sqrtf(block_sum(squares) / ((float)count * n) + a.eps);
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    i64 pixel = first + i / vectors;
    int c = from + i % vectors * n;
    load<n>(v, a.x.row(pixel) + c);
    for (int j = 0; j < n; j++) {
      v[j] = activate(affine((v[j] - mean) / deviation, a.weight, a.bias, c + j), a.activation);
    }
    store<n>(a.out.row(pixel) + c, v);
  }
}

KERNEL(256, group_norm_1, GroupNorm) { group_norm<1>(a); }
KERNEL(256, group_norm_4, GroupNorm) { group_norm<4>(a); }

#define BATCH 8

/** Share (blockIdx.x, lane) of image blockIdx.z: every `lanes`-th pixel of a chunk. Threads of a lane have neighbouring channels, from 256 n blockIdx.y on. */
template <int n>
DEVICE void group_moments(const GroupNorm& a) {
  int channels = a.groups * a.size, width = min(256, channels / n);
  int lane = threadIdx.x / width, c = (blockIdx.y * 256 + threadIdx.x % width) * n;
  if (lane >= a.lanes || c >= channels) {
    return;
  }
  i64 first = (i64)blockIdx.z * a.pixels;
  int to = min(a.pixels, (int)(blockIdx.x + 1) * a.chunk);
  float mean[n], squares[n];
  for (int j = 0; j < n; j++) {
    mean[j] = squares[j] = 0;
  }
  float count = 0;
  for (int p = blockIdx.x * a.chunk + lane; p < to; p += BATCH * a.lanes) {
    int size = min(BATCH, (to - p + a.lanes - 1) / a.lanes);
    float v[BATCH][n];
#pragma unroll
    for (int i = 0; i < BATCH; i++) {
      if (i < size) {
        load<n>(v[i], a.x.row(first + p + i * a.lanes) + c);
      }
    }
    float total = count + size;
#pragma unroll
    for (int j = 0; j < n; j++) {
      float sum = 0, part = 0;
#pragma unroll
      for (int i = 0; i < BATCH; i++) {
        sum += i < size ? v[i][j] : 0;
      }
      float average = sum / size;
#pragma unroll
      for (int i = 0; i < BATCH; i++) {
        part = i < size ? fmaf(v[i][j] - average, v[i][j] - average, part) : part;
      }
      float delta = average - mean[j];
      mean[j] = fmaf(delta, size / total, mean[j]);
      squares[j] += fmaf(delta * delta, count * size / total, part);
    }
    count = total;
  }
  float2* moments = a.moments + ((i64)blockIdx.z * a.shares + blockIdx.x * a.lanes + lane) * channels + c;
  for (int j = 0; j < n; j++) {
    moments[j] = {mean[j], squares[j]};
  }
}

KERNEL(256, group_moments_1, GroupNorm) { group_moments<1>(a); }
KERNEL(256, group_moments_4, GroupNorm) { group_moments<4>(a); }

/** Block blockIdx.x = (image, group). */
KERNEL(1024, group_combine, GroupNorm) {
  int channels = a.groups * a.size;
  const float2* moments = a.moments + (i64)(blockIdx.x / a.groups) * a.shares * channels + blockIdx.x % a.groups * a.size;
  float count = (float)a.pixels * a.size;
  float sum = 0, squares = 0, mean = 0;
  for (int pass = 0; pass < 2; pass++) {
    for (int i = threadIdx.x; i < a.shares * a.size; i += blockDim.x) {
      int share = i / a.size;
      int pixels = max(0, min(a.chunk, a.pixels - share / a.lanes * a.chunk) - share % a.lanes);
      float size = (float)((pixels + a.lanes - 1) / a.lanes);
      float2 m = moments[(i64)share * channels + i % a.size];
      if (pass == 0) {
        sum = fmaf(m.x, size, sum);
      } else {
        squares += fmaf((m.x - mean) * (m.x - mean), size, m.y);
      }
    }
    if (pass == 0) {
      mean = block_sum(sum) / count;
    }
  }
  float deviation = sqrtf(block_sum(squares) / count + a.eps);
  if (threadIdx.x == 0) {
    a.groups_moments[blockIdx.x] = {mean, deviation};
  }
}

/** Image blockIdx.y. */
template <int n>
DEVICE void group_apply(const GroupNorm& a) {
  int vectors = a.groups * a.size / n;
  i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  int c = (int)(i % vectors) * n;
  if (i / vectors >= a.pixels) {
    return;
  }
  i64 pixel = (i64)blockIdx.y * a.pixels + i / vectors;
  float v[n];
  load<n>(v, a.x.row(pixel) + c);
  // n channels are of one group
  float2 m = a.groups_moments[(i64)blockIdx.y * a.groups + c / a.size];
  for (int j = 0; j < n; j++) {
    v[j] = activate(affine((v[j] - m.x) / m.y, a.weight, a.bias, c + j), a.activation);
  }
  store<n>(a.out.row(pixel) + c, v);
}

KERNEL(256, group_apply_1, GroupNorm) { group_apply<1>(a); }
KERNEL(256, group_apply_4, GroupNorm) { group_apply<4>(a); }

// ---- global response norm -----------------------------------------------------------------------------------------------

struct ResponseNorm {
  Rows<const float> x;
  const float* gamma;
  const float* beta;
  Rows<float> out;
  int tokens, columns, chunks, chunk;
  /** [B, chunks, C]: sums of squares. */
  float* squares;
  /** [B, C]: g / (mean of g + 1e-6). */
  float* factors;
};

/** Channels from 256 blockIdx.x on, tokens from chunk * blockIdx.y on, of batch blockIdx.z. */
KERNEL(256, response_squares, ResponseNorm) {
  int c = blockIdx.x * blockDim.x + threadIdx.x;
  if (c >= a.columns) {
    return;
  }
  int from = blockIdx.y * a.chunk, to = min(a.tokens, from + a.chunk);
  const float* x = a.x.row((i64)blockIdx.z * a.tokens) + c;
  float sum = 0;
#pragma unroll 8
  for (int t = from; t < to; t++) {
    float v = x[t * a.x.stride];
    sum = fmaf(v, v, sum);
  }
  a.squares[((i64)blockIdx.z * a.chunks + blockIdx.y) * a.columns + c] = sum;
}

/** Batch blockIdx.x. */
KERNEL(1024, response_factors, ResponseNorm) {
  const float* squares = a.squares + (i64)blockIdx.x * a.chunks * a.columns;
  float* factors = a.factors + (i64)blockIdx.x * a.columns;
  float sum = 0;
  for (int c = threadIdx.x; c < a.columns; c += blockDim.x) {
    float square = 0;
    for (int i = 0; i < a.chunks; i++) {
      square += squares[(i64)i * a.columns + c];
    }
    factors[c] = sqrtf(square);
    sum += factors[c];
  }
  float mean = block_sum(sum) / a.columns + 1e-6f;
  for (int c = threadIdx.x; c < a.columns; c += blockDim.x) {
    factors[c] = factors[c] / mean;
  }
}

/** Batch blockIdx.y. */
template <int n>
DEVICE void response_apply(const ResponseNorm& a) {
  int vectors = a.columns / n;
  i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  int c = (int)(i % vectors) * n;
  if (i / vectors >= a.tokens) {
    return;
  }
  i64 row = (i64)blockIdx.y * a.tokens + i / vectors;
  const float* factors = a.factors + (i64)blockIdx.y * a.columns;
  float v[n];
  load<n>(v, a.x.row(row) + c);
  for (int j = 0; j < n; j++) {
    v[j] = fmaf(a.gamma[c + j], v[j] * factors[c + j], a.beta[c + j]) + v[j];
  }
  store<n>(a.out.row(row) + c, v);
}

KERNEL(256, response_apply_1, ResponseNorm) { response_apply<1>(a); }
KERNEL(256, response_apply_4, ResponseNorm) { response_apply<4>(a); }

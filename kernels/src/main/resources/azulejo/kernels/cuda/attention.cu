// Attention, and the rotary embedding of its queries and keys.
//
// - attend_row: a block a query, a head and a share of the keys ("split"), for few queries (decoding) and as the general variant of any head size and address.
//   Groups of 8 lanes take the products of the query with a key each, the scores of a split stay in shared memory, then threads take columns of the values. A
//   split has at most 1024 keys, so that no running maximum is needed in it. Where there are few queries their keys go to several blocks, which leave
//   (maximum, sum, weighted values) to attend_combine. Bound by the memory that keys and values come from, in 16-byte loads where addresses allow. The grid
//   depends on S alone: a block past `length` leaves an empty share.
// - attend_mma: a block of 64 queries of a head, with keys and values in tiles of 64 through shared memory, for many queries; a warp has 16 queries. Bound by
//   arithmetic, which tensor cores do: each f32 is the sum of two tf32 (to 2^-22), and of the four products of two such sums the three larger ones are taken. Against
//   a softmax in double (queries, keys and values uniform in [-1, 1), 256 keys, D = 64) this errs by 7e-8 as f32 FMA does, 1.3e-7 if tensor cores truncate their
//   sums; with two bf16 each it would be 6e-7, close to the tolerance of the tests at few keys and at scores of hundreds, for half the arithmetic. Sums
//   of values go into fresh accumulators for each tile, so that no chain of truncated sums is longer than a tile. The next keys are copied while the values are
//   used, and the values while the scores are taken. A product's 8 summands may come in any order, so pairs of neighbours serve as the summands k and
//   k + 4 of its layout: a thread reads them at once, and the weights are where the second product wants them.
//   Of heads of more than 128 (a decoder's, with all its channels) a block has 128 of the output's columns and takes the scores anew, 128 of their products at a
//   time: with four such blocks, D = 512, 2.5 times the arithmetic, yet less than attend_row would take to fetch all keys anew for each query (by estimate, a fifth).
// - attend_fma: the same by f32 FMA, a thread 4 x 4 scores and 4 x 4 (D over 64: 4 x 8) outputs; 16 FMA for 3 quads of shared memory.
#include "mma.cuh"

/** A tensor [B, T, heads * D]. */
template <typename T>
struct Tokens {
  T* data;
  i64 batch, row;

  DEVICE T* at(int b, int t) const { return data + b * batch + t * row; }
};

struct Attention {
  Tokens<const float> q, k, v;
  Tokens<float> out;
  const float* bias;
  i64 bias_batch, bias_head, bias_row;
  /** Keys there are, or nothing for all. */
  const int* length;
  int heads, size, queries, keys, causal;
  float scale;
  /** Of attend_row: keys of a split, and how many splits. With more than one, partial [B T heads, splits, 2 + D]: maximum, sum, weighted values. */
  int share, splits;
  float* partial;
  i64 rows;

  /** How many keys query t sees. */
  DEVICE int visible(int t) const {
    int all = length == nullptr ? keys : *length;
    return causal ? min(all, t + 1) : all;
  }

  /** Biases of a query, of all keys. */
  DEVICE const float* biases(int b, int h, int t) const {
    return bias == nullptr ? nullptr : bias + b * bias_batch + h * bias_head + t * bias_row;
  }
};

/** e^(x - max), of nothing but hidden keys too. */
DEVICE float weight(float x, float max) { return x == -INF ? 0.0f : expf(x - max); }

// ---- few queries --------------------------------------------------------------------------------------------------------

#define ROW_THREADS 128
#define KEY_LANES 8
#define KEY_GROUPS (ROW_THREADS / KEY_LANES)

template <int n>
DEVICE void attend_row(const Attention& a) {
  int split = blockIdx.x % a.splits;
  i64 row = blockIdx.x / a.splits;
  int h = (int)(row % a.heads), t = (int)(row / a.heads % a.queries), b = (int)(row / a.heads / a.queries);
  int from = split * a.share, count = min(a.share, a.visible(t) - from);
  float* partial = a.partial + (row * a.splits + split) * (2 + a.size);
  if (count <= 0) {
    if (threadIdx.x == 0) {
      partial[0] = -INF;
    }
    return;
  }
  // the query, then scores, then sums of the threads that share a column
  DYNAMIC_SHARED(memory);
  float* q = (float*)memory;
  float* scores = q + (a.size + 3) / 4 * 4;
  SHARED(float4, parts, [ROW_THREADS]);
  for (int d = threadIdx.x; d < a.size; d += ROW_THREADS) {
    q[d] = a.q.at(b, t)[h * a.size + d] * a.scale;
  }
  __syncthreads();

  const float* bias = a.biases(b, h, t);
  float max = -INF;
  int lane = threadIdx.x % KEY_LANES;
  // four keys at once, for the sake of the loads under way
  for (int first = threadIdx.x / KEY_LANES; first < (count + KEY_GROUPS - 1) / KEY_GROUPS * KEY_GROUPS; first += 4 * KEY_GROUPS) {
    float sums[4] = {0, 0, 0, 0};
#pragma unroll 2
    for (int d = lane * n; d < a.size; d += KEY_LANES * n) {
      float x[4][n], y[n];
      load<n>(y, q + d);
#pragma unroll
      for (int j = 0; j < 4; j++) {
        load<n>(x[j], a.k.at(b, from + min(first + j * KEY_GROUPS, count - 1)) + h * a.size + d);
      }
#pragma unroll
      for (int j = 0; j < 4; j++) {
        for (int i = 0; i < n; i++) {
          sums[j] = fmaf(x[j][i], y[i], sums[j]);
        }
      }
    }
#pragma unroll
    for (int j = 0; j < 4; j++) {
      for (int i = KEY_LANES / 2; i > 0; i /= 2) {
        sums[j] += __shfl_xor_sync(FULL, sums[j], i);
      }
      int s = first + j * KEY_GROUPS;
      if (s < count) {
        float score = bias == nullptr ? sums[j] : sums[j] + bias[from + s];
        max = score > max ? score : max;
        if (lane == 0) {
          scores[s] = score;
        }
      }
    }
  }
  max = block_max(max);
  float sum = 0;
  for (int s = threadIdx.x; s < count; s += ROW_THREADS) {
    scores[s] = weight(scores[s], max);
    sum += scores[s];
  }
  sum = block_sum(sum);
  if (a.splits > 1 && threadIdx.x == 0) {
    partial[0] = max;
    partial[1] = sum;
  }

  float* out = a.splits > 1 ? partial + 2 : a.out.at(b, t) + h * a.size;
  float factor = a.splits > 1 ? 1 : 1 / sum;
  for (int first = 0; first < a.size; first += ROW_THREADS * n) {
    int columns = min(ROW_THREADS, (a.size - first) / n), teams = ROW_THREADS / columns;
    int team = threadIdx.x / columns, d = first + threadIdx.x % columns * n;
    float all[4] = {0, 0, 0, 0};
    if (team < teams) {
      const float* v = a.v.at(b, from) + h * a.size + d;
      float x[n];
#pragma unroll 8
      for (int s = team; s < count; s += teams) {
        load<n>(x, v + s * a.v.row);
        for (int i = 0; i < n; i++) {
          all[i] = fmaf(scores[s], x[i], all[i]);
        }
      }
    }
    parts[threadIdx.x] = make_float4(all[0], all[1], all[2], all[3]);
    __syncthreads();
    if (team == 0) {
      for (int i = 1; i < teams; i++) {
        float4 x = parts[threadIdx.x + i * columns];
        all[0] += x.x, all[1] += x.y, all[2] += x.z, all[3] += x.w;
      }
      for (int i = 0; i < n; i++) {
        out[d + i] = all[i] * factor;
      }
    }
    __syncthreads();
  }
}

KERNEL(ROW_THREADS, attend_row_1, Attention) { attend_row<1>(a); }
KERNEL(ROW_THREADS, attend_row_4, Attention) { attend_row<4>(a); }

/** A thread an output. Of an empty share only the maximum is written. */
KERNEL(ROW_THREADS, attend_combine, Attention) {
  i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  i64 row = i / a.size;
  int d = (int)(i % a.size);
  if (row >= a.rows) {
    return;
  }
  const float* partial = a.partial + row * a.splits * (2 + a.size);
  float max = -INF;
  for (int s = 0; s < a.splits; s++) {
    max = fmaxf(max, partial[(i64)s * (2 + a.size)]);
  }
  float sum = 0, value = 0;
  for (int s = 0; s < a.splits; s++) {
    const float* part = partial + (i64)s * (2 + a.size);
    if (part[0] != -INF) {
      float factor = expf(part[0] - max);
      sum = fmaf(factor, part[1], sum);
      value = fmaf(factor, part[2 + d], value);
    }
  }
  int h = (int)(row % a.heads), t = (int)(row / a.heads % a.queries), b = (int)(row / a.heads / a.queries);
  a.out.at(b, t)[h * a.size + d] = value / sum;
}

// ---- many queries -------------------------------------------------------------------------------------------------------

#define TILE 64
#define FMA_THREADS 256
#define MMA_THREADS 128
/** Rows of probabilities in shared memory: with 4 more, eight neighbours begin in different banks. */
#define WEIGHT_STRIDE (TILE + 4)

/** Of rows `from` on, TILE of them, `columns` from `column` on, rows `stride` apart in shared memory; rows from `to` on and columns up to `width` become zeros. */
DEVICE void copy_tile(float* tile, int stride, const Tokens<const float>& x, int b, int column, int columns, int width, int from, int to) {
  int quads = width / 4;
  for (int i = threadIdx.x; i < TILE * quads; i += blockDim.x) {
    int r = i / quads, d = i % quads * 4;
    bool exists = from + r < to && d < columns;
    copy_async(tile + r * stride + d, exists ? x.at(b, from + r) + column + d : x.data, exists ? 16 : 0);
  }
}

/** Queries from 64 blockIdx.x on of head blockIdx.y, batch blockIdx.z. Thread (ty, tx) has queries 4 ty + i, keys tx + 16 i, columns 4 tx + 64 j. */
template <int quads>
DEVICE void attend_fma(const Attention& a) {
  DYNAMIC_SHARED(memory);
  // eight rows, whose first quads are read together, begin in different banks
  int stride = a.size / 4 % 2 == 0 ? a.size + 4 : a.size;
  float* q = (float*)memory;
  float* k = q + TILE * stride;
  float* v = k + TILE * stride;
  float* weights = v + TILE * stride;
  int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  int h = blockIdx.y, b = blockIdx.z;
  int first = blockIdx.x * TILE;
  int keys = a.visible(min(a.queries, first + TILE) - 1);
  copy_tile(q, stride, a.q, b, h * a.size, a.size, a.size, first, a.queries);
  copy_tile(k, stride, a.k, b, h * a.size, a.size, a.size, 0, keys);
  commit_copies();

  float max[4], sum[4], out[4][quads][4];
  for (int i = 0; i < 4; i++) {
    max[i] = -INF;
    sum[i] = 0;
    for (int j = 0; j < quads; j++) {
      out[i][j][0] = out[i][j][1] = out[i][j][2] = out[i][j][3] = 0;
    }
  }
  for (int from = 0; from < keys; from += TILE) {
    copy_tile(v, stride, a.v, b, h * a.size, a.size, a.size, from, keys);
    commit_copies();
    wait_copies<1>();
    __syncthreads();
    float score[4][4] = {};
    for (int d = 0; d < a.size; d += 4) {
      float x[4][4], y[4][4];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        load<4>(x[i], q + (4 * ty + i) * stride + d);
        load<4>(y[i], k + (tx + 16 * i) * stride + d);
      }
#pragma unroll
      for (int c = 0; c < 4; c++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
#pragma unroll
          for (int j = 0; j < 4; j++) {
            score[i][j] = fmaf(x[i][c], y[j][c], score[i][j]);
          }
        }
      }
    }
    __syncthreads();
    if (from + TILE < keys) {
      copy_tile(k, stride, a.k, b, h * a.size, a.size, a.size, from + TILE, keys);
      commit_copies();
    }

#pragma unroll
    for (int i = 0; i < 4; i++) {
      int t = min(first + 4 * ty + i, a.queries - 1);
      int visible = a.visible(t) - from;
      const float* bias = a.biases(b, h, t);
      float largest = max[i];
#pragma unroll
      for (int j = 0; j < 4; j++) {
        int s = tx + 16 * j;
        score[i][j] = s >= visible ? -INF : bias == nullptr ? score[i][j] * a.scale : fmaf(score[i][j], a.scale, bias[from + s]);
        largest = fmaxf(largest, score[i][j]);
      }
      for (int lanes = 8; lanes > 0; lanes /= 2) {
        largest = fmaxf(largest, __shfl_xor_sync(FULL, largest, lanes));
      }
      float factor = weight(max[i], largest);
      max[i] = largest;
      sum[i] *= factor;
#pragma unroll
      for (int j = 0; j < 4; j++) {
        score[i][j] = weight(score[i][j], largest);
        sum[i] += score[i][j];
      }
#pragma unroll
      for (int j = 0; j < quads; j++) {
        out[i][j][0] *= factor, out[i][j][1] *= factor, out[i][j][2] *= factor, out[i][j][3] *= factor;
      }
    }
#pragma unroll
    for (int j = 0; j < 4; j++) {
      float column[4] = {score[0][j], score[1][j], score[2][j], score[3][j]};
      store<4>(weights + (tx + 16 * j) * WEIGHT_STRIDE + 4 * ty, column);
    }
    if (from + TILE < keys) {
      wait_copies<1>();
    } else {
      wait_copies<0>();
    }
    __syncthreads();
#pragma unroll 4
    for (int s = 0; s < TILE; s++) {
      float w[4], x[4];
      load<4>(w, weights + s * WEIGHT_STRIDE + 4 * ty);
#pragma unroll
      for (int j = 0; j < quads; j++) {
        if (4 * tx + 64 * j < a.size) {
          load<4>(x, v + s * stride + 4 * tx + 64 * j);
#pragma unroll
          for (int i = 0; i < 4; i++) {
#pragma unroll
            for (int c = 0; c < 4; c++) {
              out[i][j][c] = fmaf(w[i], x[c], out[i][j][c]);
            }
          }
        }
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 4; i++) {
    for (int lanes = 8; lanes > 0; lanes /= 2) {
      sum[i] += __shfl_xor_sync(FULL, sum[i], lanes);
    }
    int t = first + 4 * ty + i;
#pragma unroll
    for (int j = 0; j < quads; j++) {
      int d = 4 * tx + 64 * j;
      if (t < a.queries && d < a.size) {
        float x[4] = {out[i][j][0] / sum[i], out[i][j][1] / sum[i], out[i][j][2] / sum[i], out[i][j][3] / sum[i]};
        store<4>(a.out.at(b, t) + h * a.size + d, x);
      }
    }
  }
}

KERNEL(FMA_THREADS, attend_fma_64, Attention) { attend_fma<1>(a); }
KERNEL(FMA_THREADS, attend_fma_128, Attention) { attend_fma<2>(a); }

/** x = high + low to 22 bits. */
DEVICE void split(float x, u32& high, u32& low) {
  high = to_tf32(x);
  low = to_tf32(x - __uint_as_float(high));
}

DEVICE void split(float x0, float x1, float x2, float x3, u32 (&high)[4], u32 (&low)[4]) {
  split(x0, high[0], low[0]);
  split(x1, high[1], low[1]);
  split(x2, high[2], low[2]);
  split(x3, high[3], low[3]);
}

/** D += A B in f32, or nearly; the small products first. */
DEVICE void mma_split(float (&d)[4], const u32 (&high)[4], const u32 (&low)[4], float b0, float b1) {
  u32 b_high[2], b_low[2];
  split(b0, b_high[0], b_low[0]);
  split(b1, b_high[1], b_low[1]);
  mma_tf32(d, low, b_high);
  mma_tf32(d, high, b_low);
  mma_tf32(d, high, b_high);
}

/** Columns that a block has at once. */
#define CHUNK 128

/**
 * Queries from 64 blockIdx.x on of head blockIdx.y % heads, batch blockIdx.z; output columns from CHUNK * (blockIdx.y / heads) on. A lane has rows `group` and
 * group + 8 of its warp's 16, and of each 8 keys and of each 8 columns the pair 2 pair, 2 pair + 1.
 */
template <int halves>
DEVICE void attend_mma(const Attention& a) {
  DYNAMIC_SHARED(memory);
  // fragments of queries and keys are pairs from rows `group`: 8 floats off; those of values lie in rows 2 pair, columns group: 4 off
  int width = min(CHUNK, (a.size + 7) / 8 * 8), key_stride = width % 16 == 0 ? width + 8 : width, value_stride = width + 4;
  float* q = (float*)memory;
  float* k = q + TILE * key_stride;
  float* v = k + TILE * key_stride;
  int warp = threadIdx.x / WARP, group = threadIdx.x % WARP / 4, pair = threadIdx.x % 4;
  int h = blockIdx.y % a.heads, column = blockIdx.y / a.heads * CHUNK, b = blockIdx.z;
  int first = blockIdx.x * TILE, query = first + 16 * warp + group;
  int keys = a.visible(min(a.queries, first + TILE) - 1);
  int warp_keys = a.visible(min(a.queries, first + 16 * warp + 16) - 1);
  int visible[2];
  const float* bias[2];
  for (int r = 0; r < 2; r++) {
    int t = min(query + 8 * r, a.queries - 1);
    visible[r] = a.visible(t);
    bias[r] = a.biases(b, h, t);
  }
  copy_tile(q, key_stride, a.q, b, h * a.size, a.size, width, first, a.queries);
  copy_tile(k, key_stride, a.k, b, h * a.size, a.size, width, 0, keys);
  commit_copies();

  float max[2] = {-INF, -INF}, sum[2] = {0, 0}, out[halves][8][4] = {};
  for (int from = 0; from < keys; from += TILE) {
    copy_tile(v, value_stride, a.v, b, h * a.size + column, a.size - column, width, from, keys);
    commit_copies();
    // eights of keys that this warp's queries see
    int eights = min(TILE / 8, (warp_keys - from + 7) / 8);
    float score[8][4] = {};
    for (int chunk = 0; chunk < a.size; chunk += CHUNK) {
      if (chunk == 0) {
        wait_copies<1>();
      } else {
        wait_copies<0>();
      }
      __syncthreads();
      const float* x = q + (16 * warp + group) * key_stride + 2 * pair;
      const float* y = k + group * key_stride + 2 * pair;
      for (int d = 0; d < width; d += 8) {
        float2 upper = *(const float2*)(x + d), lower = *(const float2*)(x + 8 * key_stride + d);
        u32 high[4], low[4];
        split(upper.x, lower.x, upper.y, lower.y, high, low);
#pragma unroll
        for (int n = 0; n < 8; n++) {
          if (n < eights) {
            float2 key = *(const float2*)(y + 8 * n * key_stride + d);
            mma_split(score[n], high, low, key.x, key.y);
          }
        }
      }
      __syncthreads();
      bool last = chunk + CHUNK >= a.size;
      int next = last ? 0 : chunk + CHUNK, tile = last ? from + TILE : from;
      if (tile < keys) {
        if (a.size > CHUNK) {
          copy_tile(q, key_stride, a.q, b, h * a.size + next, a.size - next, width, first, a.queries);
        }
        copy_tile(k, key_stride, a.k, b, h * a.size + next, a.size - next, width, tile, keys);
        commit_copies();
      }
    }

    float factor[2];
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float largest = max[r];
#pragma unroll
      for (int n = 0; n < 8; n++) {
#pragma unroll
        for (int i = 0; i < 2; i++) {
          int s = from + 8 * n + 2 * pair + i;
          float& x = score[n][2 * r + i];
          x = s >= visible[r] ? -INF : bias[r] == nullptr ? x * a.scale : fmaf(x, a.scale, bias[r][s]);
          largest = fmaxf(largest, x);
        }
      }
      largest = fmaxf(largest, __shfl_xor_sync(FULL, largest, 1));
      largest = fmaxf(largest, __shfl_xor_sync(FULL, largest, 2));
      factor[r] = weight(max[r], largest);
      max[r] = largest;
      sum[r] *= factor[r];
#pragma unroll
      for (int n = 0; n < 8; n++) {
#pragma unroll
        for (int i = 0; i < 2; i++) {
          score[n][2 * r + i] = weight(score[n][2 * r + i], largest);
          sum[r] += score[n][2 * r + i];
        }
      }
    }
    if (from + TILE < keys) {
      wait_copies<1>();
    } else {
      wait_copies<0>();
    }
    __syncthreads();
#pragma unroll
    for (int half = 0; half < halves; half++) {
      float part[8][4] = {};
      const float* y = v + 2 * pair * value_stride + 64 * half + group;
#pragma unroll
      for (int j = 0; j < 8; j++) {
        if (j < eights) {
          u32 high[4], low[4];
          split(score[j][0], score[j][2], score[j][1], score[j][3], high, low);
#pragma unroll
          for (int n = 0; n < 8; n++) {
            if (column + 64 * half + 8 * n < a.size) {
              const float* value = y + 8 * j * value_stride + 8 * n;
              mma_split(part[n], high, low, value[0], value[value_stride]);
            }
          }
        }
      }
#pragma unroll
      for (int n = 0; n < 8; n++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
          out[half][n][i] = fmaf(out[half][n][i], factor[i / 2], part[n][i]);
        }
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int r = 0; r < 2; r++) {
    sum[r] += __shfl_xor_sync(FULL, sum[r], 1);
    sum[r] += __shfl_xor_sync(FULL, sum[r], 2);
    int t = query + 8 * r;
#pragma unroll
    for (int half = 0; half < halves; half++) {
#pragma unroll
      for (int n = 0; n < 8; n++) {
        int d = column + 64 * half + 8 * n + 2 * pair;
        if (t < a.queries && d < a.size) {
          *(float2*)(a.out.at(b, t) + h * a.size + d) = make_float2(out[half][n][2 * r] / sum[r], out[half][n][2 * r + 1] / sum[r]);
        }
      }
    }
  }
}

KERNEL(MMA_THREADS, attend_mma_64, Attention) { attend_mma<1>(a); }
KERNEL(MMA_THREADS, attend_mma_128, Attention) { attend_mma<2>(a); }

// ---- rotary embedding ---------------------------------------------------------------------------------------------------

struct Rotary {
  Tokens<const float> x;
  const float* table;
  Tokens<float> out;
  int tokens, heads, pairs;
  i64 elements;
};

/** A thread a pair. */
KERNEL(256, rotary, Rotary) {
  i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= a.elements) {
    return;
  }
  int pair = (int)(i % (a.heads * a.pairs));
  i64 token = i / (a.heads * a.pairs);
  int t = (int)(token % a.tokens), b = (int)(token / a.tokens);
  const float* angle = a.table + ((i64)t * a.pairs + pair % a.pairs) * 2;
  const float* x = a.x.at(b, t) + 2 * pair;
  float* out = a.out.at(b, t) + 2 * pair;
  float even = x[0], odd = x[1], cos = angle[0], sin = angle[1];
  out[0] = even * cos - odd * sin;
  out[1] = odd * cos + even * sin;
}

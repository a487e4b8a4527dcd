// The draw of a token for each open cell, all of it in one kernel, and the masked walk's path: which cells are open, what is written to them, which are masked again.
//
// A block draws for one cell. It reads the logits once, keeps the guided ones in shared memory (in scratch where they do not fit), and passes over them there: one
// pass weighs them, races and sums. A ledger adds a pass if there is a codebook, a temperature or a truncation, whose entropies differ then; top-k and top-p add
// three passes each, and one that takes out what they dropped. 32 threads draw from up to 512 codes, 256 from up to 8192, 512 from more: few barriers for short
// rows, and several blocks a multiprocessor for long ones.
//
// Bound by memory and arithmetic alike: against the 4 or 8 bytes that are read for a code stand some 25 instructions of guidance, 30 of Philox and 25 of the
// weight. Its variate's logarithm and the quotient would be 60 more, but only the fifth of a warp's turns take them that can still win. Not chosen: rows in
// registers (a variant for each size, and nothing gained), several rows a block (short rows are cheap anyway), several blocks a row (one row alone is drawn by
// one multiprocessor; a second kernel would have to join the parts).
#include "sampling.cuh"

// ---- draw ---------------------------------------------------------------------------------------------------------------

struct Draw {
  Rows<const float> logits;
  const float* codebook;
  Rows<const int> open;
  Noise noise;
  const int* step;
  Rows<int> tokens;
  Rows<float> probability;
  Rows<float> ledger;
  int* usage;
  int* fault;
  float* scratch;
  i64 rows;
  int places;
  int codes;
  int guided;
  int aligned;
  float guidance;
  float temperature;
  int top_k;
  float top_p;
  int greedy;
};

/** The columns of Ledger.Drawn. */
enum Drawn { GUIDED, SUBSET, TEMPERED, TRUNCATED, KEPT, SURPRISAL, COLUMNS };

/**
 * With w = e^d, d a logit less the largest: the sums s of w and t of w d make an entropy of log s - t / s, both parts of which are 0 or more, so that f32 will do.
 */
struct Sums {
  float s = 0, t = 0;

  DEVICE float add(float d) {
    d = fmaxf(d, -200.0f);
    float w = expf(d);
    s += w;
    t = fmaf(w, d, t);
    return w;
  }

  DEVICE void join() {
    s = block_sum(s);
    t = block_sum(t);
  }

  DEVICE float entropy() const { return logf(s) - t / s; }
};

/** Each code is its weight, a fixed-point number: the cut is where their share exceeds p. */
struct Weighed {
  float max, p, scale;

  /** The weights of n codes sum to less than 2^63. */
  DEVICE Weighed(float max, float p, int n) : max(max), p(p), scale(__uint_as_float((u32)(127 + 62 - (32 - __clz(n))) << 23)) {}

  DEVICE u64 of(float x) const { return (u64)(expf(x - max) * scale); }
  DEVICE u64 least(u64 total) const { return least_above(p, total); }
};

/** What a row leaves: no token, and nothing written down. */
DEVICE void leave(const Draw& a, i64 row, i64 b, int place, int token) {
  if (threadIdx.x == 0) {
    a.tokens.row(b)[place] = token;
    a.probability.row(b)[place] = 0;
    for (int i = 0; i < COLUMNS && a.ledger.data != nullptr; i++) {
      a.ledger.row(row)[i] = 0;
    }
  }
}

/** @param x room for the row, aligned; bins room for a truncation's */
template <int THREADS>
DEVICE void draw(const Draw& a, float* x, u64* bins) {
  i64 row = blockIdx.x;
  i64 b = row / a.places;
  int place = (int)(row % a.places), n = a.codes;
  int position = a.open.row(b)[place];
  if (position == -1) {
    leave(a, row, b, place, -1);
    return;
  }
  bool hot = a.temperature != 1, cut_k = a.top_k > 0 && a.top_k < n, cut_p = a.top_p < 1;
  bool stages = a.ledger.data != nullptr && (hot || cut_k || cut_p || a.codebook != nullptr);

  // guidance; without stages to write down the codebook and the temperature at once
  const float* first = a.logits.row(row);
  const float* second = a.guided ? a.logits.row(a.rows + row) : first;
  float top = -INF, most = -INF;
  u32 furthest = 0;
  for (int v = 4 * threadIdx.x; v < n; v += 4 * THREADS) {
    float u[4], c[4], rule[4] = {0, 0, 0, 0};
    load(u, first, v, n, a.aligned, -INF);
    if (a.guided) {
      load(c, second, v, n, a.aligned, -INF);
    }
    if (a.codebook != nullptr) {
      load(rule, a.codebook, v, n, a.aligned, -INF);
    }
    for (int i = 0; i < 4; i++) {
      float l = a.guided ? fmaf(a.guidance, c[i] - u[i], u[i]) : u[i];
      bool inside = v + i < n && rule[i] == 0;
      if (v + i < n) {
        u32 magnitude = __float_as_uint(l) & 0x7fffffffu;
        furthest = magnitude > furthest ? magnitude : furthest;
        top = fmaxf(top, l);
      }
      most = inside ? fmaxf(most, l) : most;
      u[i] = v + i >= n ? -INF : stages ? l : !inside ? -INF : hot ? l / a.temperature : l;
    }
    store(x, v, u);
  }
  furthest = block_max(furthest);
  most = block_max(most);
  // division is monotonous; bits of NaN are above those of infinity
  if (furthest > 0x7f7fffffu || !(__uint_as_float(furthest) / a.temperature < INF)) {
    if (threadIdx.x == 0) {
      report(a.fault, a.step);
    }
    leave(a, row, b, place, 0);
    return;
  }
  float max = hot ? most / a.temperature : most;

  float guided = 0, subset = 0, tempered = 0, kept = 1;
  if (stages) {
    top = a.codebook != nullptr ? block_max(top) : most;
    Sums inner, outer, after;
    for (int v = 4 * threadIdx.x; v < n; v += 4 * THREADS) {
      float q[4], rule[4] = {0, 0, 0, 0};
      load(q, x, v, n, true, -INF);
      if (a.codebook != nullptr) {
        load(rule, a.codebook, v, n, a.aligned, -INF);
      }
      for (int i = 0; i < 4; i++) {
        if (v + i < n) {
          bool inside = rule[i] == 0;
          if (inside) {
            inner.add(q[i] - most);
          } else {
            outer.add(q[i] - top);
          }
          q[i] = !inside ? -INF : hot ? q[i] / a.temperature : q[i];
          if (hot) {
            after.add(q[i] - max);
          }
        }
      }
      store(x, v, q);
    }
    inner.join();
    guided = subset = tempered = inner.entropy();
    if (a.codebook != nullptr) {
      // the codebook may lie hundreds of nats below the rest, so each side has a largest logit of its own
      outer.join();
      double gap = (double)most - top, scale = gap == 0 ? 1 : exp(gap);
      double s = inner.s * scale + outer.s;
      guided = (float)(logf((float)s) - ((inner.t + inner.s * gap) * scale + outer.t) / s);
      kept = (float)(inner.s * scale / s);
    }
    if (hot) {
      after.join();
      tempered = after.entropy();
    }
  }
  if (cut_k) {
    hide<THREADS>(x, n, cut<THREADS>(x, n, bins, Counted{a.top_k}, true));
  }
  if (cut_p) {
    hide<THREADS>(x, n, cut<THREADS>(x, n, bins, Weighed(max, a.top_p, n), false));
  }

  // the race; a score to beat, of this warp's codes so far, spares most codes a logarithm and a division: e is not below its word's u = word / 2^32
  Sums sums;
  float best = -INF;
  int winner = LAST_CODE;
  int step = *a.step;
  bool counted = !a.greedy && a.noise.keys.data != nullptr;
  for (int v = 4 * threadIdx.x, lane = threadIdx.x % WARP; v - 4 * lane < n; v += 4 * THREADS) {
    float q[4], e[4] = {1, 1, 1, 1};
    u32 words[4] = {0, 0, 0, 0};
    float beaten = 0;
    load(q, x, v, n, true, -INF);
    if (counted) {
      a.noise.words(words, b, step, position, v);
      beaten = 0.999999f * 0x1p-32f * __uint_as_float(__reduce_max_sync(FULL, __float_as_uint(fmaxf(best, 0.0f))));
    } else if (!a.greedy) {
      a.noise.given(e, b, position, v, n);
    }
    for (int i = 0; i < 4; i++) {
      float w = sums.add(q[i] - max);
      float score = a.greedy ? q[i] : !counted ? w / e[i] : w > beaten * (float)words[i] ? w / exponential(words[i]) : -INF;
      if (score > best && v + i < n) {
        best = score;
        winner = v + i;
      }
    }
  }
  sums.join();
  winner = code(block_max(winner == LAST_CODE ? rank(-INF, 0) : rank(best, winner)));
  if (threadIdx.x == 0) {
    float d = x[winner] - max;
    a.tokens.row(b)[place] = winner;
    a.probability.row(b)[place] = expf(d) / sums.s;
    if (a.usage != nullptr) {
      atomicAdd(a.usage + winner, 1);
    }
    if (a.ledger.data != nullptr) {
      float* book = a.ledger.row(row);
      float truncated = sums.entropy();
      book[GUIDED] = stages ? guided : truncated;
      book[SUBSET] = stages ? subset : truncated;
      book[TEMPERED] = stages ? tempered : truncated;
      book[TRUNCATED] = truncated;
      book[KEPT] = kept;
      book[SURPRISAL] = a.greedy ? 0 : logf(sums.s) - d;
    }
  }
}

/** The row lies in shared memory, and after it the bins. */
template <int THREADS>
DEVICE void draw_near(const Draw& a, unsigned char* shared) {
  draw<THREADS>(a, (float*)shared, (u64*)(shared + padded(a.codes) * sizeof(float)));
}

KERNEL(32, draw_32, Draw) {
  DYNAMIC_SHARED(shared);
  draw_near<32>(a, shared);
}
KERNEL(256, draw_256, Draw) {
  DYNAMIC_SHARED(shared);
  draw_near<256>(a, shared);
}
KERNEL(512, draw_512, Draw) {
  DYNAMIC_SHARED(shared);
  draw_near<512>(a, shared);
}
/** A codebook too large for shared memory. */
KERNEL(512, draw_far, Draw) {
  DYNAMIC_SHARED(shared);
  draw<512>(a, a.scratch + (i64)blockIdx.x * padded(a.codes), (u64*)shared);
}

// ---- open cells, reveal -------------------------------------------------------------------------------------------------

/** How many are chosen before this thread, counting on from `found`, to which the block's are added. */
template <int THREADS>
DEVICE int place(bool chosen, int& found) {
  SHARED(int, counts, [WARP]);
  int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
  u32 votes = __ballot_sync(FULL, chosen);
  __syncthreads();
  if (lane == 0) {
    counts[warp] = __popc(votes);
  }
  __syncthreads();
  int before = found;
  for (int i = 0; i < THREADS / WARP; i++) {
    before += i < warp ? counts[i] : 0;
    found += counts[i];
  }
  return before + __popc(votes & ((1u << lane) - 1));
}

struct OpenCells {
  Rows<const int> grid;
  Rows<int> open;
  int* count;
  int cells;
  int places;
  int mask;
};

/** A block an image. */
KERNEL(256, open_cells, OpenCells) {
  const int* grid = a.grid.row(blockIdx.x);
  int* open = a.open.row(blockIdx.x);
  int found = 0;
  for (int first = 0; first < a.cells && found < a.places; first += 256) {
    int cell = first + threadIdx.x;
    bool masked = cell < a.cells && grid[cell] == a.mask;
    int at = place<256>(masked, found);
    if (masked && at < a.places) {
      open[at] = cell;
    }
  }
  found = min(found, a.places);
  for (int at = found + threadIdx.x; at < a.places; at += 256) {
    open[at] = -1;
  }
  if (threadIdx.x == 0) {
    a.count[blockIdx.x] = found;
  }
}

struct Reveal {
  Rows<int> grid;
  Rows<const int> open;
  Rows<const int> tokens;
  i64 rows;
  int places;
};

/** A thread a place. */
KERNEL(256, reveal, Reveal) {
  i64 row = (i64)blockIdx.x * 256 + threadIdx.x;
  if (row < a.rows) {
    i64 b = row / a.places;
    int at = (int)(row % a.places), cell = a.open.row(b)[at];
    if (cell != -1) {
      a.grid.row(b)[cell] = a.tokens.row(b)[at];
    }
  }
}

// ---- remask -------------------------------------------------------------------------------------------------------------

struct Remask {
  Rows<int> grid;
  Rows<const int> open;
  const int* count;
  Rows<const float> probability;
  Noise noise;
  const int* step;
  Rows<float> confidence;
  float* surprisal;
  double* scratch;
  int cells;
  int places;
  int mask_length;
  float temperature;
  int mask;
};

/** As the CPU's: in double, then rounded. A double costs nothing here, where a step has a few hundred. */
DEVICE float rounded_log(float x) { return (float)log((double)x); }

/** PathSurprisal.java's integrand, by a warp: of the product over i of (1 - exp(-r s)) * exp(-s) * s at s = exp(y), r = exp(rates[i] - outside), the logarithm. */
DEVICE double log_integrand(const double* rates, int n, double outside, double y) {
  double sum = 0;
  for (int i = threadIdx.x % WARP; i < n; i += WARP) {
    double r = rates[i] - outside, x = exp(r + y);
    sum += x < 1e-12 ? r + y : log(-expm1(-x));
  }
  return y - exp(y) + warp_sum(sum);
}

/** The sign of its derivative, which falls. */
DEVICE bool rises(const double* rates, int n, double outside, double y) {
  double sum = 0;
  for (int i = threadIdx.x % WARP; i < n; i += WARP) {
    double x = exp(rates[i] - outside + y);
    sum += x < 1e-8 ? 1 : x > 700 ? 0 : x / expm1(x);
  }
  return 1 - exp(y) + warp_sum(sum) > 0;
}

/** In how many warps it is so, for every thread. */
DEVICE int warps(bool so) { return __syncthreads_count(so && threadIdx.x % WARP == 0); }

/** About where the integrand's logarithm has fallen to `level` in `direction` from the peak. */
template <int THREADS>
DEVICE double edge(const double* rates, int n, double outside, double peak, int direction, double level) {
  constexpr int WARPS = THREADS / WARP;
  int warp = threadIdx.x / WARP, inside = WARPS;
  double inner = 0, outer = 1;
  while (inside == WARPS) {
    inside = warps(log_integrand(rates, n, outside, peak + direction * outer * exp2((double)warp)) > level);
    if (inside > 0) {
      inner = outer * exp2(inside - 1.0);
      outer = inner * 2;
    }
  }
  double reach = outer;
  while (outer - inner > reach / 64) {
    double part = (outer - inner) / (WARPS + 1);
    inside = warps(log_integrand(rates, n, outside, peak + direction * (inner + part * (warp + 1))) > level);
    outer = inner + part * (inside + 1);
    inner += part * inside;
  }
  return peak + direction * outer;
}

/**
 * -log P of the choice of the n cells of these rates, with `outside` the logarithm of the sum of the others' rates, as PathSurprisal.java has it. Each warp
 * looks at one point, so that a search finds the place among as many parts as there are warps, and one more, and the nodes share out.
 */
template <int THREADS>
DEVICE double path_surprisal(const double* rates, int n, double outside) {
  constexpr int WARPS = THREADS / WARP, NODES = 96;
  int warp = threadIdx.x / WARP;
  double low = -745, high = log(n + 1.0);
  while (high - low > 1e-3) {
    double part = (high - low) / (WARPS + 1);
    int before = warps(rises(rates, n, outside, low + part * (warp + 1)));
    high = low + part * (before + 1);
    low += part * before;
  }
  double peak = high, top = log_integrand(rates, n, outside, peak);
  double from = edge<THREADS>(rates, n, outside, peak, -1, top - 28), to = edge<THREADS>(rates, n, outside, peak, 1, top - 28);
  double width = (to - from) / NODES, sum = 0;
  for (int node = warp; node <= NODES; node += WARPS) {
    sum += exp(log_integrand(rates, n, outside, from + node * width) - top);
  }
  return -(top + log(block_sum(threadIdx.x % WARP == 0 ? sum : 0.0) * width));
}

/** How surprising the choice between image b's open cells is; `rates` has room for all of them. */
template <int THREADS>
DEVICE double path_surprisal(const Remask& a, i64 b, float cut, double* rates) {
  const int* open = a.open.row(b);
  const float* probability = a.probability.row(b);
  const float* confidence = a.confidence.row(b);
  int kept = 0, masked = 0;
  double largest = -INF, sum = 0;
  for (int turn = 0; turn < 2; turn++) {
    for (int first = 0; first < a.places; first += THREADS) {
      int p = first + threadIdx.x, cell = p < a.places ? open[p] : -1;
      bool stays = cell != -1 && !(confidence[cell] < cut);
      double rate = cell == -1 ? 0 : log((double)fmaxf(probability[p], 1e-20f)) / a.temperature;
      if (turn == 0) {
        int at = place<THREADS>(stays, kept);
        if (stays) {
          rates[at] = rate;
        } else if (cell != -1) {
          largest = fmax(largest, rate);
          masked++;
        }
      } else if (cell != -1 && !stays) {
        sum += exp(rate - largest);
      }
    }
    if (turn == 0) {
      masked = block_sum(masked);
      if (kept == 0 || masked == 0) {
        return 0;
      }
      largest = block_max(largest);
    }
  }
  return path_surprisal<THREADS>(rates, kept, largest + log(block_sum(sum)));
}

/** A block an image. */
template <int THREADS>
DEVICE void remask(const Remask& a, u64* bins) {
  i64 b = blockIdx.x;
  int* grid = a.grid.row(b);
  float* confidence = a.confidence.row(b);
  for (int cell = threadIdx.x; cell < a.cells; cell += THREADS) {
    confidence[cell] = 3.402823466e38f;
  }
  __syncthreads();
  for (int p = threadIdx.x; p < a.places; p += THREADS) {
    int cell = a.open.row(b)[p];
    if (cell != -1) {
      confidence[cell] = a.probability.row(b)[p];
    }
  }
  __syncthreads();
  int step = *a.step;
  for (int cell = threadIdx.x; cell < a.cells; cell += THREADS) {
    float u = a.noise.path(b, step, cell);
    float gumbel = -rounded_log(fmaxf(-rounded_log(fmaxf(u, 1e-20f)), 1e-20f));
    confidence[cell] = rounded_log(fmaxf(confidence[cell], 1e-20f)) + a.temperature * gumbel;
  }
  __syncthreads();
  // the n-th smallest, counted from 0, is the (cells - n)-th largest, counted from 1
  int n = max(1, min(a.count[b] - 1, a.mask_length));
  float least = unordered(cut<THREADS>(confidence, a.cells, bins, Counted{a.cells - n}, true).key);
  for (int cell = threadIdx.x; cell < a.cells; cell += THREADS) {
    if (confidence[cell] < least) {
      grid[cell] = a.mask;
    }
  }
  if (a.surprisal != nullptr) {
    double surprisal = a.temperature == 0 ? 0 : path_surprisal<THREADS>(a, b, least, a.scratch + b * a.places);
    if (threadIdx.x == 0) {
      a.surprisal[b] = (float)surprisal;
    }
  }
}

KERNEL(32, remask_32, Remask) {
  SHARED(u64, bins, [BINS]);
  remask<32>(a, bins);
}
KERNEL(256, remask_256, Remask) {
  SHARED(u64, bins, [BINS]);
  remask<256>(a, bins);
}

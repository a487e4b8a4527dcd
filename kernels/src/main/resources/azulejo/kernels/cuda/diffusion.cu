// A mask-and-replace diffusion's step: what the model believes of the clean grid, and the draw of each cell one step back.
//
// A block works on a cell's row, which it keeps in shared memory (in scratch where it does not fit). Sums are in double, and so is what is rounded to f32 and
// then compared, because comparisons decide classes: a start distribution takes a double exponential of each logit, another for guidance, the codebook and the
// truncation each, and a posterior one, or two with a path or a ledger. That bounds both kernels where doubles are fast (a data-centre device does half as many as floats);
// where they are not (one in 64), a step of 1024 cells of 4096 codes takes some milliseconds, still less than the model before it. Not chosen: pairs of floats,
// which would be faster there alone.
#include "sampling.cuh"

/** log(1e-30), which stands for log(0). */
#define LOG_ZERO -69.07755f

/** Thread t has codes t, t + THREADS, ... of a row in every pass. Not unrolled: several blocks a multiprocessor hide more of a double's time than longer loops, for which registers spill. */
#define EACH(v, n) _Pragma("unroll 1") for (int v = threadIdx.x; v < n; v += THREADS)

// ---- sums over a row ----------------------------------------------------------------------------------------------------

/** Of the values that are numbers. */
template <int THREADS>
DEVICE float largest(const float* x, int n) {
  float max = -INF;
  EACH(v, n) {
    max = fmaxf(max, x[v]);
  }
  return block_max(max);
}

template <int THREADS>
DEVICE double log_sum_exp(const float* x, int n) {
  double max = largest<THREADS>(x, n), sum = 0;
  EACH(v, n) {
    sum += exp(x[v] - max);
  }
  return max + log(block_sum(sum));
}

/** x -= y, in double, then rounded. */
template <int THREADS>
DEVICE void subtract(float* x, int n, double y) {
  EACH(v, n) {
    x[v] = (float)(x[v] - y);
  }
}

/** A softmax's entropy log s - t / s and the logarithm of the sum that divides it, with s the sum of w = e^d, t that of w d, d a value less the largest. */
struct Entropy {
  double of, total;
};

template <int THREADS>
DEVICE Entropy entropy(const float* x, int n) {
  double max = largest<THREADS>(x, n), s = 0, t = 0;
  EACH(v, n) {
    // finite, so that a weight of nothing leaves nothing
    double d = fmax(x[v] - max, -750.0), w = exp(d);
    s += w;
    t = fma(w, d, t);
  }
  s = block_sum(s);
  t = block_sum(t);
  return {log(s) - t / s, max + log(s)};
}

// ---- the belief about the clean grid ------------------------------------------------------------------------------------

struct Start {
  Rows<const float> logits;
  const float* codebook;
  const int* step;
  Rows<float> log_start;
  Rows<float> ledger;
  int* fault;
  float* scratch;
  i64 rows;
  int codes;
  int guided;
  float guidance;
  float rate;
  int greedy;
};

/** The columns of Ledger.Drawn. */
enum Drawn { GUIDED, SUBSET, TEMPERED, TRUNCATED, KEPT, SURPRISAL };

/** Each code is its probability rounded to f32, in units of 2^-62, of which all have less than 2: the cut is where the sum reaches the rate. */
struct Probability {
  float rate;

  DEVICE u64 of(float x) const { return (u64)((float)exp((double)x) * 0x1p62f); }

  /** What reaches the rate is more than the number below it. */
  DEVICE u64 least(u64 total) const { return least_above(rate == 0 ? 0.0f : __uint_as_float(__float_as_uint(rate) - 1), 1ull << 62); }
};

template <int THREADS>
DEVICE void start(const Start& a, float* p, u64* bins) {
  i64 row = blockIdx.x;
  int n = a.codes;
  const float* first = a.logits.row(row);
  float* out = a.log_start.row(row);
  float* book = a.ledger.data == nullptr ? nullptr : a.ledger.row(row);

  double total = log_sum_exp<THREADS>(first, n);
  EACH(v, n) {
    p[v] = (float)(first[v] - total);
  }
  if (a.guided) {
    const float* second = a.logits.row(a.rows + row);
    total = log_sum_exp<THREADS>(second, n);
    EACH(v, n) {
      p[v] = fmaf(a.guidance, (float)(second[v] - total) - p[v], p[v]);
    }
    subtract<THREADS>(p, n, log_sum_exp<THREADS>(p, n));
  }
  int bad = 0;
  EACH(v, n) {
    bad |= !(fabsf(p[v]) < INF);
  }
  if (__syncthreads_or(bad)) {
    if (threadIdx.x == 0) {
      report(a.fault, a.step);
    }
    EACH(v, n) {
      out[v] = -70;
    }
    for (int i = threadIdx.x; i <= SURPRISAL && book != nullptr; i += THREADS) {
      book[i] = 0;
    }
    return;
  }
  double guided = book == nullptr ? 0 : entropy<THREADS>(p, n).of, subset = guided, kept = 1;
  if (a.codebook != nullptr) {
    EACH(v, n) {
      p[v] += a.codebook[v];
    }
    total = log_sum_exp<THREADS>(p, n);
    kept = exp(total);
    subtract<THREADS>(p, n, total);
    subset = book == nullptr ? 0 : entropy<THREADS>(p, n).of;
  }
  double truncated = subset;
  if (a.rate <= 1) {
    hide<THREADS>(p, n, cut<THREADS>(p, n, bins, Probability{a.rate}, false));
    truncated = book == nullptr ? 0 : entropy<THREADS>(p, n).of;
  }
  int likeliest = -1;
  if (a.greedy) {
    float most = -INF;
    EACH(v, n) {
      if (likeliest == -1 || p[v] > most) {
        most = p[v];
        likeliest = v;
      }
    }
    likeliest = code(block_max(likeliest == -1 ? 0 : rank(most, likeliest)));
  }
  EACH(v, n) {
    bool outside = a.codebook != nullptr && a.codebook[v] != 0;
    float value = !a.greedy ? p[v] : v == likeliest ? 0 : -INF;
    out[v] = outside ? -INF : fmaxf(value, -70.0f);
  }
  if (book != nullptr && threadIdx.x == 0) {
    book[GUIDED] = (float)guided;
    book[SUBSET] = book[TEMPERED] = (float)subset;
    book[TRUNCATED] = (float)truncated;
    book[KEPT] = (float)kept;
    book[SURPRISAL] = 0;
  }
}

KERNEL(32, start_32, Start) {
  DYNAMIC_SHARED(shared);
  start<32>(a, (float*)shared, (u64*)(shared + padded(a.codes) * sizeof(float)));
}
KERNEL(256, start_256, Start) {
  DYNAMIC_SHARED(shared);
  start<256>(a, (float*)shared, (u64*)(shared + padded(a.codes) * sizeof(float)));
}
/** A row too large for shared memory. */
KERNEL(256, start_far, Start) {
  DYNAMIC_SHARED(shared);
  start<256>(a, a.scratch + (i64)blockIdx.x * padded(a.codes), (u64*)shared);
}

// ---- one step back ------------------------------------------------------------------------------------------------------

/** Log q(x_t | a code) where x_t is another code, the code itself, and the mask. */
struct Reach {
  float far, near, masked;

  DEVICE float of(int code, int x, int mask) const { return x == mask ? masked : code == x ? near : far; }
};

struct Diffuse {
  Rows<const float> log_start;
  Rows<int> grid;
  Noise noise;
  Noise path;
  const int* step;
  Rows<float> posterior;
  Rows<float> ledger;
  float* scratch;
  int codes;
  int classes;
  int cells;
  int last;
  int argmax;
  int path_first;
  Reach now;
  Reach cumulative;
  float before_a, before_b, before_c;
};

/** The columns of Ledger.Moved. */
enum Moved { CLASS, CLASS_SURPRISAL, STAY, STAY_SURPRISAL };

DEVICE float log_add_exp(float a, float b) { return fmaxf(a, b) + log1pf(expf(-fabsf(a - b))); }

DEVICE float gumbel(float u) { return -logf(-logf(u + 1e-30f) + 1e-30f); }

template <int THREADS>
DEVICE void diffuse(const Diffuse& a, float* p) {
  i64 row = blockIdx.x, b = row / a.cells;
  int cell = (int)(row % a.cells), codes = a.codes, classes = a.classes;
  int x = a.grid.row(b)[cell], step = *a.step;
  const float* log_start = a.log_start.row(row);

  // log p of each class, as the reference backend computes it
  if (a.last) {
    EACH(v, codes) {
      p[v] = log_start[v];
    }
  } else {
    EACH(v, codes) {
      p[v] = log_start[v] - a.cumulative.of(v, x, codes);
    }
    float total = (float)log_sum_exp<THREADS>(p, codes);
    EACH(v, codes) {
      float share = p[v] - total + a.before_a;
      // a code that is out of the question stays so
      p[v] = share == -INF ? share : log_add_exp(share, a.before_b) + a.now.of(v, x, codes) + total;
    }
    if (threadIdx.x == codes % THREADS) {
      p[codes] = a.before_c + (x == codes ? 0.0f : LOG_ZERO) + total;
    }
  }
  if (a.posterior.data != nullptr) {
    float* posterior = a.posterior.row(row);
    EACH(v, classes) {
      posterior[v] = p[v];
    }
  }

  // whether the cell keeps its class
  bool written = a.ledger.data != nullptr && !a.argmax;
  Entropy entropy_of_class = {0, 0};
  if (written) {
    entropy_of_class = entropy<THREADS>(p, classes);
  } else if (a.path_first) {
    entropy_of_class.total = log_sum_exp<THREADS>(p, classes);
  }
  __syncthreads();
  double stay = a.last ? 0 : exp(p[x] - entropy_of_class.total);
  bool stays = a.path_first && a.path.path(b, step, cell) < stay;

  int winner = x;
  if (!stays) {
    float best = -INF;
    winner = LAST_CODE;
    for (int v = 4 * threadIdx.x; v < classes; v += 4 * THREADS) {
      float u[4] = {0, 0, 0, 0};
      if (!a.argmax && a.noise.keys.data != nullptr) {
        u32 words[4];
        a.noise.words(words, b, step, cell, v);
        for (int i = 0; i < 4; i++) {
          u[i] = uniform(words[i]);
        }
      } else if (!a.argmax) {
        a.noise.given(u, b, cell, v, classes);
      }
      for (int i = 0; i < 4; i++) {
        if (v + i < classes && !(a.path_first && v + i == x)) {
          float score = a.argmax ? p[v + i] : p[v + i] + gumbel(u[i]);
          if (winner == LAST_CODE || score > best) {
            best = score;
            winner = v + i;
          }
        }
      }
    }
    winner = code(block_max(winner == LAST_CODE ? 0 : rank(best, winner)));
  }
  if (threadIdx.x == 0) {
    a.grid.row(b)[cell] = winner;
    if (a.ledger.data != nullptr) {
      float* book = a.ledger.row(row);
      double stayed = winner == x ? stay : 1 - stay;
      bool split = written && !a.last;
      book[CLASS] = (float)entropy_of_class.of;
      book[CLASS_SURPRISAL] = written ? (float)(entropy_of_class.total - p[winner]) : 0;
      book[STAY] = !split || stay <= 0 || stay >= 1 ? 0 : (float)(-stay * log(stay) - (1 - stay) * log1p(-stay));
      book[STAY_SURPRISAL] = split ? (float)-log(stayed) : 0;
    }
  }
}

KERNEL(32, diffuse_32, Diffuse) {
  DYNAMIC_SHARED(shared);
  diffuse<32>(a, (float*)shared);
}
KERNEL(256, diffuse_256, Diffuse) {
  DYNAMIC_SHARED(shared);
  diffuse<256>(a, (float*)shared);
}
/** A row too large for shared memory. */
KERNEL(256, diffuse_far, Diffuse) {
  DYNAMIC_SHARED(shared);
  diffuse<256>(a, a.scratch + (i64)blockIdx.x * padded(a.classes));
}

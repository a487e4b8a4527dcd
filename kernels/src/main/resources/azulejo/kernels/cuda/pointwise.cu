// Ops that give each element of the output from a few of the input: a thread an element, neighbours in a row side by side. Bound by memory.
#include "azulejo.cuh"

/** The element of this thread, or the end. */
DEVICE bool element(i64 rows, int columns, i64& row, int& column) {
  i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  row = i / columns;
  column = (int)(i % columns);
  return i < rows * columns;
}

// ---- copy ---------------------------------------------------------------------------------------------------------------

struct Copy {
  const void* x;
  void* out;
  i64 elements;
  i64 dims[5];
  i64 from[5];
  i64 to[5];
};

template <typename T>
DEVICE void copy(const Copy& a) {
  i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= a.elements) {
    return;
  }
  i64 from = 0, to = 0;
  for (int d = 4; d >= 0; d--) {
    i64 at = i % a.dims[d];
    i /= a.dims[d];
    from += at * a.from[d];
    to += at * a.to[d];
  }
  ((T*)a.out)[to] = ((const T*)a.x)[from];
}

KERNEL(256, copy_4, Copy) { copy<u32>(a); }
KERNEL(256, copy_8, Copy) { copy<u64>(a); }

// ---- widen --------------------------------------------------------------------------------------------------------------

struct Widen {
  const void* x;
  float* out;
  i64 elements;
};

template <typename T>
DEVICE void widen(const Widen& a) {
  i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < a.elements) {
    a.out[i] = to_float(((const T*)a.x)[i]);
  }
}

KERNEL(256, widen_f16, Widen) { widen<f16>(a); }
KERNEL(256, widen_bf16, Widen) { widen<bf16>(a); }

// ---- gather -------------------------------------------------------------------------------------------------------------

struct Gather {
  Rows<const float> table;
  Rows<const int> index;
  Rows<float> out;
  int index_columns;
  i64 rows;
  int columns;
};

KERNEL(256, gather, Gather) {
  i64 row;
  int column;
  if (element(a.rows, a.columns, row, column)) {
    int i = a.index.row(row / a.index_columns)[row % a.index_columns];
    a.out.row(row)[column] = i == -1 ? 0.0f : a.table.row(i)[column];
  }
}

// ---- place, increment ---------------------------------------------------------------------------------------------------

struct Place {
  const float* x;
  i64 x_batch, x_row;
  const int* position;
  float* out;
  i64 out_batch, out_row;
  int tokens;
  i64 rows;
  int columns;
};

KERNEL(256, place, Place) {
  i64 row;
  int column;
  if (element(a.rows, a.columns, row, column)) {
    i64 b = row / a.tokens, t = row % a.tokens;
    a.out[b * a.out_batch + (*a.position + t) * a.out_row + column] = a.x[b * a.x_batch + t * a.x_row + column];
  }
}

struct Increment {
  Rows<int> counter;
  i64 rows;
  int columns;
};

KERNEL(256, increment, Increment) {
  i64 row;
  int column;
  if (element(a.rows, a.columns, row, column)) {
    a.counter.row(row)[column]++;
  }
}

// ---- add ----------------------------------------------------------------------------------------------------------------

struct Add {
  Rows<const float> x, y;
  Rows<float> out;
  int repeat;
  i64 rows;
  int columns;
};

KERNEL(256, add, Add) {
  i64 row;
  int column;
  if (element(a.rows, a.columns, row, column)) {
    a.out.row(row)[column] = a.x.row(row)[column] + a.y.row(row % a.repeat)[column];
  }
}

// ---- activate, gate, modulate -------------------------------------------------------------------------------------------

struct Activate {
  Rows<const float> x;
  Rows<float> out;
  int activation;
  i64 rows;
  int columns;
};

KERNEL(256, activate_rows, Activate) {
  i64 row;
  int column;
  if (element(a.rows, a.columns, row, column)) {
    a.out.row(row)[column] = activate(a.x.row(row)[column], a.activation);
  }
}

/** x holds (value, gate) in each row. */
KERNEL(256, gate, Activate) {
  i64 row;
  int column;
  if (element(a.rows, a.columns, row, column)) {
    const float* x = a.x.row(row);
    a.out.row(row)[column] = x[column] * activate(x[a.columns + column], a.activation);
  }
}

struct Modulate {
  Rows<const float> x, scale_shift;
  Rows<float> out;
  int tokens;
  i64 rows;
  int columns;
};

KERNEL(256, modulate, Modulate) {
  i64 row;
  int column;
  if (element(a.rows, a.columns, row, column)) {
    const float* scale = a.scale_shift.row(row / a.tokens);
    a.out.row(row)[column] = fmaf(a.x.row(row)[column], 1 + scale[column], scale[a.columns + column]);
  }
}

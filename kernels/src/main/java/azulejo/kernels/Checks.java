package azulejo.kernels;

import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * What each op demands of its arguments, checked by every backend before it computes: types, shapes, evenly spaced rows, and outputs that
 * overlap no input except where {@link Backend} allows it. All methods throw {@link IllegalArgumentException} naming the op, the argument,
 * what it should be and what it is.
 */
public final class Checks {
  /** Any size, in the shapes below. */
  private static final long ANY = -1;

  private Checks() {}

  // ---- memory -------------------------------------------------------------------------------------------------------------

  public static void upload(HostTensor host, Tensor out) {
    String op = "upload";
    boolean converts = host.dtype().isFloat() ? out.dtype() == DType.F32 : out.dtype() == DType.I32 || out.dtype() == DType.I64;
    require(host.shape().equals(out.shape()) && (converts || host.dtype() == out.dtype()), op, describe(host) + " does not fit " + out);
  }

  public static void copy(Tensor x, Tensor out) {
    String op = "copy";
    shape(op, "out", out, x.dtype(), x.shape().toArray());
    apart(op, out, x);
  }

  /** A linear layer's weight. */
  public static void matrix(HostTensor weight) {
    require(weight.dtype().isFloat() && weight.shape().rank() == 2, "matrix", describe(weight) + " is not a float [N, K]");
  }

  /** A convolution's weight. */
  public static void filter(HostTensor weight) {
    require(weight.dtype().isFloat() && weight.shape().rank() == 4, "filter", describe(weight) + " is not a float [O, I, KH, KW]");
  }

  private static String describe(HostTensor host) {
    return host.name() + " (" + host.dtype() + " " + host.shape() + ")";
  }

  // ---- pointwise ----------------------------------------------------------------------------------------------------------

  public static void gather(Tensor table, Tensor index, Tensor out) {
    String op = "gather";
    rows(op, "table", table, DType.F32, ANY, ANY);
    rows(op, "index", index, DType.I32, index.shape().toArray());
    rows(op, "out", out, DType.F32, append(index.shape().toArray(), table.dim(1)));
    apart(op, out, table, index);
  }

  public static void place(Tensor x, Tensor position, Tensor out) {
    String op = "place";
    shape(op, "x", x, DType.F32, ANY, ANY, ANY);
    shape(op, "position", position, DType.I32, 1);
    shape(op, "out", out, DType.F32, x.dim(0), ANY, x.dim(2));
    require(x.dim(1) <= out.dim(1), op, "x " + x + " has more rows than out " + out);
    apart(op, out, x, position);
  }

  public static void increment(Tensor counter) {
    rows("increment", "counter", counter, DType.I32, counter.shape().toArray());
  }

  public static void add(Tensor a, Tensor b, Tensor out) {
    String op = "add";
    long[] dims = a.shape().toArray();
    rows(op, "a", a, DType.F32, dims);
    int rank = b.shape().rank();
    require(rank >= 1 && rank <= dims.length, op, "b " + b + " does not repeat over a " + a);
    rows(op, "b", b, DType.F32, Arrays.copyOfRange(dims, dims.length - rank, dims.length));
    rows(op, "out", out, DType.F32, dims);
    apart(op, out, b);
    apartOrSame(op, out, a);
  }

  public static void activate(Tensor x, Tensor out) {
    likeInput("activate", x, out);
  }

  public static void gate(Tensor x, Tensor out) {
    String op = "gate";
    long[] dims = x.shape().toArray();
    rows(op, "x", x, DType.F32, dims);
    require(x.columns() % 2 == 0, op, "x " + x + " has no two halves");
    dims[dims.length - 1] /= 2;
    rows(op, "out", out, DType.F32, dims);
    apart(op, out, x);
  }

  public static void modulate(Tensor x, Tensor scaleShift, Tensor out) {
    String op = "modulate";
    shape(op, "x", x, DType.F32, ANY, ANY, ANY);
    likeInput(op, x, out);
    scaleShift(op, x, scaleShift, out);
  }

  // ---- linear layers and attention ----------------------------------------------------------------------------------------

  public static void linear(Tensor x, Matrix weight, Tensor bias, Tensor residual, Tensor out) {
    String op = "linear";
    long[] dims = x.shape().toArray();
    require(dims.length >= 1, op, "x is a scalar");
    dims[dims.length - 1] = weight.inputs();
    rows(op, "x", x, DType.F32, dims);
    dims[dims.length - 1] = weight.outputs();
    vector(op, "bias", bias, weight.outputs(), out);
    residual(op, residual, out, dims);
    rows(op, "out", out, DType.F32, dims);
    apart(op, out, x);
  }

  public static void attention(Tensor q, Tensor k, Tensor v, int heads, AttentionMask mask, Tensor bias, Tensor length, Tensor out) {
    String op = "attention";
    shape(op, "q", q, DType.F32, ANY, ANY, ANY);
    require(heads >= 1 && q.dim(2) % heads == 0, op, "q " + q + " does not split into " + heads + " heads");
    shape(op, "k", k, DType.F32, q.dim(0), ANY, q.dim(2));
    require(k.dim(1) >= 1, op, "k " + k + " has no keys");
    shape(op, "v", v, DType.F32, k.shape().toArray());
    shape(op, "out", out, DType.F32, q.shape().toArray());
    apart(op, out, q, k, v);
    if (bias != null) {
      shape(op, "bias", bias, DType.F32, ANY, ANY, q.dim(1), k.dim(1));
      require(bias.dim(0) == 1 || bias.dim(0) == q.dim(0), op, "bias " + bias + " does not repeat over " + q.dim(0) + " batches");
      require(bias.dim(1) == 1 || bias.dim(1) == heads, op, "bias " + bias + " does not repeat over " + heads + " heads");
      apart(op, out, bias);
    }
    if (length != null) {
      shape(op, "length", length, DType.I32, 1);
      require(mask == AttentionMask.NONE, op, "a length and the mask " + mask + " exclude each other");
      apart(op, out, length);
    }
  }

  public static void rotary(Tensor x, Tensor table, int heads, Tensor out) {
    String op = "rotary";
    shape(op, "x", x, DType.F32, ANY, ANY, ANY);
    require(heads >= 1 && x.dim(2) % (2L * heads) == 0, op, "x " + x + " does not split into pairs of " + heads + " heads");
    shape(op, "table", table, DType.F32, x.dim(1), x.dim(2) / heads / 2, 2);
    require(table.isDense(), op, "table " + table + " is not dense");
    shape(op, "out", out, DType.F32, x.shape().toArray());
    apart(op, out, table);
    apartOrSame(op, out, x);
  }

  // ---- norms --------------------------------------------------------------------------------------------------------------

  public static void norm(Tensor x, Tensor weight, Tensor bias, Tensor scaleShift, Tensor out) {
    String op = "norm";
    likeInput(op, x, out);
    vector(op, "weight", weight, x.columns(), out);
    vector(op, "bias", bias, x.columns(), out);
    if (scaleShift != null) {
      shape(op, "x", x, DType.F32, ANY, ANY, ANY);
      scaleShift(op, x, scaleShift, out);
    }
  }

  public static void groupNorm(Tensor x, int groups, Tensor weight, Tensor bias, Tensor out) {
    String op = "groupNorm";
    shape(op, "x", x, DType.F32, ANY, ANY, ANY, ANY);
    require(groups >= 1 && x.dim(3) % groups == 0, op, "x " + x + " does not split into " + groups + " groups");
    likeInput(op, x, out);
    vector(op, "weight", weight, x.dim(3), out);
    vector(op, "bias", bias, x.dim(3), out);
  }

  public static void globalResponseNorm(Tensor x, Tensor gamma, Tensor beta, Tensor out) {
    String op = "globalResponseNorm";
    shape(op, "x", x, DType.F32, ANY, ANY, ANY);
    likeInput(op, x, out);
    require(gamma != null && beta != null, op, "gamma and beta are needed");
    vector(op, "gamma", gamma, x.dim(2), out);
    vector(op, "beta", beta, x.dim(2), out);
  }

  // ---- images -------------------------------------------------------------------------------------------------------------

  public static void conv2d(Tensor x, Filter filter, Tensor bias, int stride, Padding padding, Tensor residual, Tensor out) {
    String op = "conv2d";
    rows(op, "x", x, DType.F32, ANY, ANY, ANY, filter.inputs());
    require(stride >= 1, op, "the stride is " + stride);
    require(padding.top() >= 0 && padding.left() >= 0 && padding.bottom() >= 0 && padding.right() >= 0, op, "negative " + padding);
    long height = x.dim(1) + padding.top() + padding.bottom() - filter.height();
    long width = x.dim(2) + padding.left() + padding.right() - filter.width();
    require(height >= 0 && width >= 0, op, "the filter is larger than x " + x + " with " + padding);
    long[] dims = {x.dim(0), height / stride + 1, width / stride + 1, filter.outputs()};
    vector(op, "bias", bias, filter.outputs(), out);
    residual(op, residual, out, dims);
    rows(op, "out", out, DType.F32, dims);
    apart(op, out, x);
  }

  public static void depthwiseConv2d(Tensor x, Tensor weight, Tensor bias, Tensor out) {
    String op = "depthwiseConv2d";
    rows(op, "x", x, DType.F32, ANY, ANY, ANY, ANY);
    shape(op, "weight", weight, DType.F32, x.dim(3), 1, ANY, ANY);
    require(weight.isDense(), op, "weight " + weight + " is not dense");
    require(weight.dim(2) % 2 == 1 && weight.dim(3) % 2 == 1, op, "weight " + weight + " has no middle to keep the image's size");
    vector(op, "bias", bias, x.dim(3), out);
    rows(op, "out", out, DType.F32, x.shape().toArray());
    apart(op, out, x, weight);
  }

  public static void pool2d(Tensor x, int height, int width, int stride, Padding padding, Tensor out) {
    String op = "pool2d";
    rows(op, "x", x, DType.F32, ANY, ANY, ANY, ANY);
    require(height >= 1 && width >= 1 && stride >= 1, op, "the window is " + height + " x " + width + ", the stride " + stride);
    long down = windows(op, x.dim(1), height, stride, padding.top(), padding.bottom());
    long across = windows(op, x.dim(2), width, stride, padding.left(), padding.right());
    rows(op, "out", out, DType.F32, x.dim(0), down, across, x.dim(3));
    apart(op, out, x);
  }

  /** How many windows fit along a side of an image, the first and the last of which must reach into it. */
  private static long windows(String op, long size, int window, int stride, int before, int after) {
    require(before >= 0 && after >= 0, op, "negative padding");
    long room = size + before + after - window;
    require(room >= 0 && before < window && room / stride * stride - before < size, op,
        "windows of " + window + " at a stride of " + stride + " do not all see a side of " + size + " with padding of " + before + " and " + after);
    return room / stride + 1;
  }

  public static void upsample(Tensor x, Tensor out) {
    String op = "upsample";
    rows(op, "x", x, DType.F32, ANY, ANY, ANY, ANY);
    rows(op, "out", out, DType.F32, x.dim(0), 2 * x.dim(1), 2 * x.dim(2), x.dim(3));
    apart(op, out, x);
  }

  public static void depthToSpace(Tensor x, Tensor out) {
    String op = "depthToSpace";
    rows(op, "x", x, DType.F32, ANY, ANY, ANY, ANY);
    require(x.dim(3) % 4 == 0, op, "the channels of x " + x + " do not split into 4");
    rows(op, "out", out, DType.F32, x.dim(0), 2 * x.dim(1), 2 * x.dim(2), x.dim(3) / 4);
    apart(op, out, x);
  }

  // ---- sampling -----------------------------------------------------------------------------------------------------------

  public static void openCells(Tensor grid, Tensor open, Tensor count) {
    String op = "openCells";
    rows(op, "grid", grid, DType.I32, ANY, ANY);
    rows(op, "open", open, DType.I32, grid.dim(0), ANY);
    shape(op, "count", count, DType.I32, grid.dim(0));
    apart(op, open, grid, count);
    apart(op, count, grid);
  }

  public static void draw(Tensor logits, Draw draw, Tensor open, Noise noise, Tensor step, Tensor tokens, Tensor probability, Tensor ledger,
      Tensor usage, Tensor fault) {
    String op = "draw";
    rows(op, "logits", logits, DType.F32, ANY, ANY, ANY, ANY);
    require(logits.dim(0) == 1 || logits.dim(0) == 2, op, "logits " + logits + " should have one or two guidance halves");
    require(logits.dim(3) >= 1, op, "logits " + logits + " have no codes");
    long batch = logits.dim(1);
    long[] dims = {batch, logits.dim(2)};
    rows(op, "open", open, DType.I32, dims);
    noise(op, noise, batch, ANY, logits.dim(3));
    shape(op, "step", step, DType.I32, 1);
    rows(op, "tokens", tokens, DType.I32, dims);
    rows(op, "probability", probability, DType.F32, dims);
    shape(op, "fault", fault, DType.I32, 1);
    apart(op, tokens, logits, open, step, probability, fault);
    apart(op, probability, logits, open, step, fault);
    apart(op, fault, logits, open, step);
    codebook(op, draw, logits.dim(3), tokens, probability, ledger, usage, fault);
    if (ledger != null) {
      rows(op, "ledger", ledger, DType.F32, batch, logits.dim(2), Ledger.Drawn.COLUMNS);
      apart(op, ledger, logits, open, step, tokens, probability, fault);
    }
    if (usage != null) {
      shape(op, "usage", usage, DType.I32, logits.dim(3));
      apart(op, usage, logits, open, step, tokens, probability, fault);
    }
  }

  private static void codebook(String op, Draw draw, long codes, Tensor... outputs) {
    if (draw.codebook() != null) {
      shape(op, "codebook", draw.codebook(), DType.F32, codes);
      for (Tensor out : outputs) {
        if (out != null) {
          apart(op, out, draw.codebook());
        }
      }
    }
  }

  public static void reveal(Tensor grid, Tensor open, Tensor tokens) {
    String op = "reveal";
    rows(op, "grid", grid, DType.I32, ANY, ANY);
    rows(op, "open", open, DType.I32, grid.dim(0), ANY);
    rows(op, "tokens", tokens, DType.I32, open.shape().toArray());
    apart(op, grid, open, tokens);
  }

  public static void remask(Tensor grid, Tensor open, Tensor count, Tensor probability, Noise noise, Tensor step, Tensor confidence,
      Tensor surprisal) {
    String op = "remask";
    rows(op, "grid", grid, DType.I32, ANY, ANY);
    require(grid.dim(1) >= 2, op, "grid " + grid + " has no two cells to rank");
    rows(op, "open", open, DType.I32, grid.dim(0), ANY);
    shape(op, "count", count, DType.I32, grid.dim(0));
    rows(op, "probability", probability, DType.F32, open.shape().toArray());
    noise(op, noise, grid.dim(0), grid.dim(1));
    shape(op, "step", step, DType.I32, 1);
    rows(op, "confidence", confidence, DType.F32, grid.shape().toArray());
    apart(op, grid, open, count, probability, step, confidence);
    apart(op, confidence, open, count, probability, step);
    if (surprisal != null) {
      shape(op, "surprisal", surprisal, DType.F32, grid.dim(0));
      apart(op, surprisal, grid, open, count, probability, step, confidence);
    }
  }

  public static void startDistribution(Tensor logits, Draw draw, Tensor step, Tensor logStart, Tensor ledger, Tensor fault) {
    String op = "startDistribution";
    rows(op, "logits", logits, DType.F32, ANY, ANY, ANY, ANY);
    require(logits.dim(0) == 1 || logits.dim(0) == 2, op, "logits " + logits + " should have one or two guidance halves");
    require(logits.dim(3) >= 1, op, "logits " + logits + " have no codes");
    require(draw.temperature() == 1 && draw.topK() == 0, op, "a diffusion knows neither temperature nor top-k, but the draw is " + draw);
    codebook(op, draw, logits.dim(3), logStart, ledger, fault);
    shape(op, "step", step, DType.I32, 1);
    rows(op, "logStart", logStart, DType.F32, logits.dim(1), logits.dim(2), logits.dim(3));
    shape(op, "fault", fault, DType.I32, 1);
    apart(op, logStart, logits, step, fault);
    apart(op, fault, logits, step);
    if (ledger != null) {
      rows(op, "ledger", ledger, DType.F32, logits.dim(1), logits.dim(2), Ledger.Drawn.COLUMNS);
      apart(op, ledger, logits, step, logStart, fault);
    }
  }

  public static void diffuse(Tensor logStart, Transition transition, Tensor grid, Noise noise, Noise path, Tensor step, Tensor posterior, Tensor ledger) {
    String op = "diffuse";
    rows(op, "logStart", logStart, DType.F32, ANY, ANY, ANY);
    require(logStart.dim(2) >= 1, op, "logStart " + logStart + " has no codes");
    long batch = logStart.dim(0);
    long cells = logStart.dim(1);
    long classes = logStart.dim(2) + (transition.last() ? 0 : 1);
    rows(op, "grid", grid, DType.I32, batch, cells);
    noise(op, noise, batch, cells, classes);
    if (path != null) {
      noise(op, path, batch, cells);
    }
    shape(op, "step", step, DType.I32, 1);
    apart(op, grid, logStart, step);
    if (ledger != null) {
      rows(op, "ledger", ledger, DType.F32, batch, cells, Ledger.Moved.COLUMNS);
      apart(op, ledger, logStart, grid, step);
    }
    if (posterior != null) {
      rows(op, "posterior", posterior, DType.F32, batch, cells, classes);
      apart(op, posterior, logStart, grid, step);
    }
  }

  /** An index that an op reads from a tensor; returns it. Only a host can look: on a device it is undefined what a wrong one does. */
  public static int index(String op, int index, int size) {
    if (index < 0 || index >= size) {
      throw new IllegalArgumentException(op + ": index " + index + " is outside 0.." + (size - 1));
    }
    return index;
  }

  // ---- the rules they are made of -----------------------------------------------------------------------------------------

  private static void require(boolean holds, String op, String message) {
    if (!holds) {
      throw new IllegalArgumentException(op + ": " + message);
    }
  }

  private static void shape(String op, String name, Tensor x, DType dtype, long... dims) {
    boolean fits = x.dtype() == dtype && x.shape().rank() == dims.length;
    for (int i = 0; fits && i < dims.length; i++) {
      fits = dims[i] == ANY || dims[i] == x.dim(i);
    }
    if (!fits) {
      String wanted = Arrays.stream(dims).mapToObj(d -> d == ANY ? "*" : Long.toString(d)).collect(Collectors.joining(", ", "[", "]"));
      throw new IllegalArgumentException(op + ": " + name + " should be " + dtype + " " + wanted + ", is " + x);
    }
  }

  /** A shape whose rows a kernel can walk with one stride. */
  private static void rows(String op, String name, Tensor x, DType dtype, long... dims) {
    shape(op, name, x, dtype, dims);
    x.rowStride();
  }

  /** An optional parameter of one dimension. */
  private static void vector(String op, String name, Tensor x, long length, Tensor out) {
    if (x != null) {
      shape(op, name, x, DType.F32, length);
      apart(op, out, x);
    }
  }

  private static void residual(String op, Tensor residual, Tensor out, long[] dims) {
    if (residual != null) {
      rows(op, "residual", residual, DType.F32, dims);
      apartOrSame(op, out, residual);
    }
  }

  /** An op from rows to rows of the same shape that may work in place. */
  private static void likeInput(String op, Tensor x, Tensor out) {
    require(x.shape().rank() >= 1, op, "x is a scalar");
    rows(op, "x", x, DType.F32, x.shape().toArray());
    rows(op, "out", out, DType.F32, x.shape().toArray());
    apartOrSame(op, out, x);
  }

  private static void scaleShift(String op, Tensor x, Tensor scaleShift, Tensor out) {
    rows(op, "scaleShift", scaleShift, DType.F32, x.dim(0), 2 * x.dim(2));
    apart(op, out, scaleShift);
  }

  private static void noise(String op, Noise noise, long batch, long... dims) {
    switch (noise) {
      case Noise.Counter(Tensor keys, _) -> rows(op, "keys", keys, DType.I64, batch, 2);
      case Noise.Given(Tensor values) -> rows(op, "noise", values, DType.F32, prepend(batch, dims));
    }
  }

  private static void apart(String op, Tensor out, Tensor... inputs) {
    for (Tensor x : inputs) {
      require(!overlap(out, x), op, "the output " + out + " overlaps " + x);
    }
  }

  private static void apartOrSame(String op, Tensor out, Tensor x) {
    boolean same = out.buffer() == x.buffer() && out.offset() == x.offset() && out.shape().equals(x.shape());
    for (int i = 0; same && i < out.shape().rank(); i++) {
      same = out.dim(i) == 1 || out.stride(i) == x.stride(i);
    }
    if (!same) {
      apart(op, out, x);
    }
  }

  private static boolean overlap(Tensor a, Tensor b) {
    boolean empty = a.shape().elements() == 0 || b.shape().elements() == 0;
    if (empty || a.buffer() != b.buffer() || a.offset() + a.extent() <= b.offset() || b.offset() + b.extent() <= a.offset()) {
      return false;
    }
    return !besideInRows(a, b);
  }

  /** Whether two views take different columns of rows with one stride, as the parts of a fused projection do. */
  private static boolean besideInRows(Tensor a, Tensor b) {
    if (a.shape().rank() < 2 || b.shape().rank() < 2 || a.stride(-2) == 0) {
      return false;
    }
    long stride = a.stride(-2);
    for (Tensor x : new Tensor[] {a, b}) {
      for (int i = 0; i < x.shape().rank() - 1; i++) {
        if (x.stride(i) % stride != 0) {
          return false;
        }
      }
    }
    long shift = Math.floorMod(a.offset() - b.offset(), stride);
    return shift >= b.columns() && shift + a.columns() <= stride;
  }

  private static long[] append(long[] dims, long last) {
    long[] out = Arrays.copyOf(dims, dims.length + 1);
    out[dims.length] = last;
    return out;
  }

  private static long[] prepend(long first, long[] dims) {
    long[] out = new long[dims.length + 1];
    out[0] = first;
    System.arraycopy(dims, 0, out, 1, dims.length);
    return out;
  }
}

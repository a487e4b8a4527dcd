package azulejo.kernels;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/**
 * Each op of {@link Backend} with arguments of awkward sizes.
 *
 * <p>Tolerances: arguments are uniform in [-1, 1), so a sum of n of them wanders to about sqrt(n), and every one of the n roundings of an f32 sum
 * errs by at most 2^-24 of the partial sum's magnitude m, independently, which adds up to {@code 2^-24 * sqrt(n) * m}; {@link #roundings} adds 8 for
 * the handful of operations around the sum. An op that only moves values, or rounds once, has none.
 */
final class OpCases {
  /** An op with its arguments, asked from and reported to the run. */
  interface Op {
    void run(OpRun run);
  }

  /**
   * @param op the method of {@link Backend}
   * @param absolute largest error of an output element beyond {@code relative} times its value; integers are exact
   * @param product of a linear layer, else null
   */
  record Case(String op, String arguments, double absolute, double relative, Product product, Op body) {
    Case(String op, String arguments, double absolute, double relative, Op body) {
      this(op, arguments, absolute, relative, null, body);
    }
  }

  /** M rows of input times a weight of K inputs kept in a format. */
  record Product(WeightFormat format, int m, int k) {}

  private static final int[] SIZES = {1, 3, 4, 6, 8, 13, 17, 33, 64, 65, 129, 257};
  private static final float EPS = 1e-5f;
  private static final DType[] WEIGHT_TYPES = {DType.F32, DType.F16, DType.BF16};
  private static final Activation[] ACTIVATIONS = Activation.values();

  private final List<Case> cases = new ArrayList<>();

  private OpCases() {}

  static List<Case> all() {
    OpCases all = new OpCases();
    all.memory();
    all.pointwise();
    all.linear();
    all.formats();
    all.attention();
    all.rotary();
    all.norms();
    all.convolutions();
    all.pools();
    all.moves();
    all.masks();
    all.draws();
    all.truncatedDraws();
    all.restrictedDraws();
    all.diffusions();
    return all.cases;
  }

  /** A few of {@link #all}'s kind for each kernel that computes: whole vectors, tails and several tasks, yet small. */
  static List<Case> computing() {
    OpCases some = new OpCases();
    some.within("activate", "C=65", 0, r -> r.backend.activate(r.floats(33, 65), Activation.SILU, r.output(DType.F32, 33, 65)));
    some.within("gate", "F=65", 0, r -> r.backend.gate(r.floats(33, 130), Activation.GELU, r.output(DType.F32, 33, 65)));
    some.within("modulate", "C=65", 0, r -> r.backend.modulate(r.floats(2, 33, 65), r.floats(2, 130), r.output(DType.F32, 2, 33, 65)));
    some.linear(1, 129, 65, DType.F32, 1);
    some.linear(65, 129, 65, DType.F32, 6);
    some.linear(33, 65, 129, DType.F16, 11);
    some.linear(33, 65, 129, DType.BF16, 15);
    some.within("activate", "relu, C=65", 0, r -> r.backend.activate(r.floats(33, 65), Activation.RELU, r.output(DType.F32, 33, 65)));
    some.within("activate", "tanh, C=65", 0, r -> r.backend.activate(r.floats(33, 65), Activation.GELU_TANH, r.output(DType.F32, 33, 65)));
    for (WeightFormat format : new WeightFormat[] {WeightFormat.F32, WeightFormat.BF16, WeightFormat.INT8}) {
      some.linear(2, 129, 65, DType.F32, 3, format);
      some.linear(33, 129, 65, DType.F32, 3, format);
    }
    some.attention(2, 33, 65, 2, 17, 1, 0);
    some.attention(2, 33, 65, 2, 17, 1, 1);
    some.biasedAttention(2, 33, 65, 2, 17, 2, 2, 0);
    some.attention(2, 1, 300, 3, 65, 1, 1);
    some.cachedAttention(2, 1, 300, 3, 65, 70, true);
    some.biasedAttention(2, 1, 300, 3, 65, 2, 1, 1);
    some.rotary(3, 7, 2, 34);
    some.norm(Norm.LAYER, 129, 7, 0);
    some.norm(Norm.RMS, 129, 7, 0);
    some.groupNorm(2, 9, 7, 4, 17, 5, 0);
    some.within("globalResponseNorm", "C=129", 0, r ->
        r.backend.globalResponseNorm(r.floats(2, 33, 129), r.floats(129), r.floats(129), r.output(DType.F32, 2, 33, 129)));
    some.convolution(9, 7, 17, 33, 3, 3, 1, Padding.same(1), DType.F32, 3);
    some.convolution(9, 7, 17, 33, 1, 1, 1, Padding.NONE, DType.F16, 0);
    some.convolution(9, 8, 17, 33, 3, 3, 2, new Padding(0, 0, 1, 1), DType.F32, 1);
    some.depthwise(9, 7, 65, 3, true);
    some.pool(9, 7, 65, 3, 3, 2, new Padding(1, 0, 1, 0));
    some.draw(2, 17, 257, 2, 8, true);
    some.draw(2, 17, 257, 1, 8, false);
    some.draw(2, 17, 257, 2, 8, true, new Draw(3, 0.7f, 20, 1));
    some.draw(2, 17, 257, 2, 8, true, new Draw(3, 1.3f, 0, 0.9f));
    some.draw(2, 17, 257, 1, 8, false, new Draw(1, 1, 0, 1).argmax());
    some.restrictedDraw(257, 2, true, new Draw(3, 1, 0, 1), Codebook.SOME, true);
    some.restrictedDraw(257, 2, true, new Draw(3, 0.7f, 90, 0.9f), Codebook.FAR_BELOW, true);
    some.restrictedDraw(257, 1, true, new Draw(3, 0.7f, 0, 1), Codebook.SOME, false);
    some.remask(65, 20, 1.5f);
    some.startDistribution(2, 9, 257, 2, 0.9f, 8);
    some.restrictedStart(2, 257, 2, 0.9f, Draw.Pick.RANDOM, Codebook.SOME);
    some.diffuse(2, 9, 257, false, true);
    some.diffuse(2, 9, 257, true, true);
    some.diffuse(2, 9, 257, false, true, new Split(true, true, false, true));
    return some.cases;
  }

  private static double roundings(int n, double magnitude) {
    return 0x1p-24 * (8 + Math.sqrt(n)) * magnitude;
  }

  private void exact(String op, String arguments, Op body) {
    within(op, arguments, 0, body);
  }

  private void within(String op, String arguments, double absolute, Op body) {
    cases.add(new Case(op, arguments, absolute, 0, body));
  }

  private void memory() {
    for (int c : SIZES) {
      exact("copy", "C=" + c, r -> r.backend.copy(r.floats(2, 3, c).slice(1, 1, 2), r.output(DType.F32, 2, 2, c)));
    }
  }

  private void pointwise() {
    for (int c : SIZES) {
      for (DType dtype : WEIGHT_TYPES) {
        exact("gather", dtype + " weight, C=" + c, r -> {
          int[] index = {4, -1, 0, 4, 2, 1};
          r.backend.gather(r.backend.weight(r.host(dtype, 5, c)), r.ints(index, 2, 3), r.output(DType.F32, 2, 3, c));
        });
      }
      exact("gather", "C=" + c, r -> r.backend.gather(r.floats(5, c), r.ints(new int[] {3, -1, 0}, 3), r.output(DType.F32, 3, c)));

      exact("place", "C=" + c, r -> r.backend.place(r.floats(2, 3, c), r.ints(new int[] {4}, 1), r.inOut(r.floats(2, 7, c))));
      exact("place", "C=" + c + " to and from wider tensors", r -> {
        Tensor x = r.floats(2, 4, 3L * c).slice(1, 1, 2).slice(2, c, c);
        r.backend.place(x, r.ints(new int[] {0}, 1), r.inOut(r.floats(3, 9, 2L * c)).slice(0, 1, 2).slice(1, 2, 5).slice(2, c, c));
      });
      exact("increment", "C=" + c, r -> {
        int[] values = new int[2 * c];
        Arrays.setAll(values, i -> i * i - 3);
        r.backend.increment(r.inOut(r.ints(values, 2, c)));
      });

      // the sum of two f32 is rounded once by any backend
      for (int rank = 1; rank <= 3; rank++) {
        long[] dims = Arrays.copyOfRange(new long[] {2, 3, c}, 3 - rank, 3);
        exact("add", "C=" + c + ", b " + Shape.of(dims), r -> {
          Tensor a = r.floats(2, 3, c);
          r.backend.add(a, r.floats(dims), r.outputOver(a));
        });
      }
      for (Activation activation : ACTIVATIONS) {
        // x times a factor between 0 and 1
        within("activate", activation + ", C=" + c, roundings(1, 8), r -> {
          Tensor x = r.floats(r.uniform(3L * c, 8), 3, c);
          r.backend.activate(x, activation, r.outputOver(x));
        });
        within("gate", activation + ", F=" + c, roundings(1, 1), r ->
            r.backend.gate(r.floats(3, 2L * c), activation, r.output(DType.F32, 3, c)));
      }
      within("modulate", "C=" + c, roundings(1, 1), r -> {
        Tensor x = r.floats(2, 3, c);
        r.backend.modulate(x, r.floats(2, 2L * c), r.outputOver(x));
      });
    }
    for (Activation activation : ACTIVATIONS) {
      cases.add(new Case("activate", activation + " of extremes", 1e-6, 1e-6, r -> {
        float[] x = {0, -0f, 1e-30f, -1e-30f, 20, -20, 87, -87, 89, -89, 104, -104, 1e4f, -1e4f, 1e30f, -1e30f, Float.MAX_VALUE, -Float.MAX_VALUE};
        r.backend.activate(r.floats(x, x.length), activation, r.output(DType.F32, x.length));
      }));
    }
  }

  private void linear() {
    int i = 0;
    for (int n : SIZES) {
      for (int k : SIZES) {
        linear(SIZES[i++ % SIZES.length], n, k, DType.F32, i);
      }
      linear(n, 65, 33, DType.F16, i);
      linear(n, 33, 65, DType.BF16, i);
      linear(5, n, 257, DType.F16, i);
      linear(5, 257, n, DType.BF16, i);
    }
    // more than one block of any cache blocking in every direction
    linear(129, 300, 1031, DType.F32, 7);
    linear(600, 65, 129, DType.F32, 2);
    linear(2, 1100, 300, DType.F32, 5);
    // sizes and addresses that a device can read four numbers at a time: several of its largest tiles, and sums that are split among blocks
    linear(129, 260, 68, DType.F32, 7);
    linear(33, 33, 1028, DType.F32, 3);
  }

  private void formats() {
    int i = 0;
    for (WeightFormat format : new WeightFormat[] {WeightFormat.BF16, WeightFormat.F16, WeightFormat.INT8}) {
      for (int size : SIZES) {
        for (int m : format == WeightFormat.F16 ? new int[] {2, 8, 33} : new int[] {1, 2, 3, 8, 16, 33}) {
          linear(m, size, SIZES[i % SIZES.length], WEIGHT_TYPES[i % 3], i++, format);
          linear(m, SIZES[i % SIZES.length], size, WEIGHT_TYPES[i % 3], i++, format);
        }
      }
      linear(2, 300, 1031, DType.F32, 3, format);
      linear(129, 300, 1031, DType.F32, 3, format);
      linear(129, 260, 68, DType.F32, 7, format);
      linear(33, 33, 1028, DType.F32, 3, format);
    }
  }

  private void linear(int m, int n, int k, DType dtype, int variant) {
    linear(m, n, k, dtype, variant, WeightFormat.F32);
  }

  /** {@code variant} counts through the epilogues. */
  private void linear(int m, int n, int k, DType dtype, int variant, WeightFormat format) {
    boolean bias = (variant & 1) != 0;
    boolean residual = (variant & 2) != 0;
    Activation activation = ACTIVATIONS[variant / 4 % ACTIVATIONS.length];
    String arguments = "M=" + m + " N=" + n + " K=" + k + " " + dtype + " as " + format + " " + activation + (bias ? " bias" : "") + (residual ? " residual" : "");
    cases.add(new Case("linear", arguments, roundings(k, Math.max(1, Math.sqrt(k))), 0, new Product(format, m, k), r -> {
      Matrix weight = r.backend.matrix(r.host(dtype, n, k), format);
      Tensor x = r.floats(m, k);
      Tensor b = bias ? r.floats(n) : null;
      Tensor s = residual ? r.floats(m, n) : null;
      r.backend.linear(x, weight, b, activation, s, residual ? r.outputOver(s) : r.output(DType.F32, m, n));
    }));
  }

  private void attention() {
    int i = 0;
    for (int size : SIZES) {
      if (size <= 129) {
        attention(2, 5, 7, 2, size, 1, i++);
      }
      attention(1, size, SIZES[i % SIZES.length], 3, 8, 1, i++);
      attention(1, SIZES[i % SIZES.length], size, 1, 16, 1, i++);
    }
    attention(2, 77, 77, 2, 64, 1, 0);
    attention(1, 64, 300, 2, 33, 1, 1);
    attention(1, 3, 1030, 1, 13, 1, 1);
    for (int size : SIZES) {
      attention(2, 1, SIZES[i % SIZES.length], 2, size, 1, i++);
      biasedAttention(2, 1, size, 3, SIZES[i % SIZES.length], 1 + i % 2, 1 + 2 * (i / 2 % 2), i++);
      biasedAttention(2, SIZES[i % SIZES.length], size, 3, 8, 1 + i % 2, 1 + 2 * (i / 2 % 2), i++);
      biasedAttention(2, size, SIZES[i % SIZES.length], 3, 8, 1 + i % 2, 1 + 2 * (i / 2 % 2), i++);
    }
    attention(2, 1, 1030, 2, 64, 1, 1);
    biasedAttention(2, 1, 1030, 2, 64, 2, 1, 1);
    biasedAttention(1, 64, 300, 2, 33, 1, 2, 1);
    for (int filled : new int[] {1, 5, 63, 64, 65, 300}) {
      cachedAttention(2, 1, 300, 2, 17, filled, filled % 2 == 0);
      cachedAttention(2, 3, 300, 2, 33, filled, filled % 2 == 1);
    }
    // heads of more than 64, whose outputs a tile of many queries has in two parts, and of sizes that are no power of two
    attention(1, 70, 130, 2, 100, 1, 0);
    attention(2, 17, 65, 1, 128, 1, 1);
    // scores up to hundreds: an unstable softmax overflows, and one key takes nearly all
    attention(1, 33, 65, 2, 17, 300, 0);
    attention(1, 33, 65, 2, 17, 300, 1);
  }

  private void attention(int batch, int t, int s, int heads, int size, float spread, int variant) {
    AttentionMask mask = variant % 2 == 0 ? AttentionMask.CAUSAL : AttentionMask.NONE;
    String arguments = "B=" + batch + " T=" + t + " S=" + s + " heads=" + heads + " D=" + size + " " + mask + " spread=" + spread;
    float scale = spread / (float) Math.sqrt(size);
    int c = heads * size;
    // a score's error moves the weights by as much
    double absolute = roundings(s + size, spread);
    within("attention", arguments, absolute, r ->
        r.backend.attention(r.floats(batch, t, c), r.floats(batch, s, c), r.floats(batch, s, c), heads, scale, mask, r.output(DType.F32, batch, t, c)));
    // rows of a fused projection, and batches further apart than their rows
    within("attention", arguments + " from wider tensors", absolute, r -> {
      Tensor q = r.floats(batch, t + 1, c).slice(1, 1, t);
      Tensor kv = r.floats(batch, s + 2, 2L * c).slice(1, 1, s);
      r.backend.attention(q, kv.slice(2, 0, c), kv.slice(2, c, c), heads, scale, mask, r.output(DType.F32, batch, t + 2, c).slice(1, 1, t));
    });
  }

  /** With keys hidden, among them the first 140 or so: more than a block of any kernel. Query t sees key t at least. */
  private void biasedAttention(int batch, int t, int s, int heads, int size, int batches, int biasHeads, int variant) {
    AttentionMask mask = variant % 2 == 0 ? AttentionMask.CAUSAL : AttentionMask.NONE;
    String arguments = "B=" + batch + " T=" + t + " S=" + s + " heads=" + heads + " D=" + size + " " + mask + " bias [" + batches + ", " + biasHeads + "]";
    int c = heads * size;
    within("attention", arguments, roundings(s + size, 3), r -> {
      float[] bias = r.uniform((long) batches * biasHeads * t * s, 2);
      for (int i = 0; i < bias.length; i++) {
        int key = i % s;
        int query = i / s % t;
        if (key != Math.min(query, s - 1) && (key < s / 2 || r.random.nextInt(5) == 0)) {
          bias[i] = Float.NEGATIVE_INFINITY;
        }
      }
      r.backend.attention(r.floats(batch, t, c), r.floats(batch, s, c), r.floats(batch, s, c), heads, 1 / (float) Math.sqrt(size), mask,
          r.floats(bias, batches, biasHeads, t, s), r.output(DType.F32, batch, t, c));
    });
  }

  /** Keys, values and biases past {@code filled} are NaN. */
  private void cachedAttention(int batch, int t, int s, int heads, int size, int filled, boolean biased) {
    int c = heads * size;
    within("attention", "B=" + batch + " T=" + t + " S=" + s + " heads=" + heads + " D=" + size + " length=" + filled + (biased ? " bias" : ""),
        roundings(filled + size, 3), r -> {
      Tensor keys = r.floats(unfilled(r, batch, s, c, filled), batch, s, c);
      Tensor values = r.floats(unfilled(r, batch, s, c, filled), batch, s, c);
      float[] bias = r.uniform((long) batch * t * s, 2);
      for (int i = 0; i < bias.length; i++) {
        bias[i] = i % s >= filled ? Float.NaN : i % s < filled / 2 ? Float.NEGATIVE_INFINITY : bias[i];
      }
      r.backend.attention(r.floats(batch, t, c), keys, values, heads, 1 / (float) Math.sqrt(size), AttentionMask.NONE,
          biased ? r.floats(bias, batch, 1, t, s) : null, r.ints(new int[] {filled}, 1), r.output(DType.F32, batch, t, c));
    });
  }

  private static float[] unfilled(OpRun r, int batch, int s, int c, int filled) {
    float[] values = r.uniform((long) batch * s * c, 1);
    for (int b = 0; b < batch; b++) {
      Arrays.fill(values, (b * s + filled) * c, (b + 1) * s * c, Float.NaN);
    }
    return values;
  }

  private void rotary() {
    for (int size : SIZES) {
      rotary(2, 3, 2, 2 * size);
    }
    rotary(3, 65, 1, 6);
  }

  private void rotary(int batch, int t, int heads, int size) {
    within("rotary", "B=" + batch + " T=" + t + " heads=" + heads + " D=" + size, roundings(1, 1), r -> {
      Tensor table = r.backend.weight(r.host(DType.F32, t, size / 2, 2));
      Tensor x = r.floats(batch, t, (long) heads * size);
      r.backend.rotary(x, table, heads, r.outputOver(x));
    });
    within("rotary", "B=" + batch + " T=" + t + " heads=" + heads + " D=" + size + " to and from wider tensors", roundings(1, 1), r -> {
      Tensor table = r.backend.weight(r.host(DType.F32, t + 2, size / 2, 2)).slice(0, 1, t);
      long c = (long) heads * size;
      r.backend.rotary(r.floats(batch, t + 1, 3 * c).slice(1, 1, t).slice(2, c, c), table, heads, r.output(DType.F32, batch, t + 2, c).slice(1, 2, t));
    });
  }

  private void norms() {
    int i = 0;
    for (int c : SIZES) {
      for (Norm norm : Norm.values()) {
        for (int variant = 0; variant < 8; variant++) {
          norm(norm, c, variant, 0);
        }
        norm(norm, c, 7, 100);
      }
      for (int groups : new int[] {1, 3, 32}) {
        groupNorm(2, 1 + i % 3, 1 + i % 5, groups, c, i, 0);
        i++;
      }
      groupNorm(1, 5, 7, 2, c, 3, 100);
      within("globalResponseNorm", "C=" + c, roundings(13 + c, 4), r -> {
        Tensor x = r.floats(2, 13, c);
        r.backend.globalResponseNorm(x, r.floats(c), r.floats(c), r.outputOver(x));
      });
      within("globalResponseNorm", "T=" + c, roundings(c + 6, 4), r -> {
        Tensor x = r.floats(1, c, 6);
        r.backend.globalResponseNorm(x, r.floats(6), r.floats(6), r.outputOver(x));
      });
    }
    norm(Norm.LAYER, 1031, 7, 0);
    norm(Norm.RMS, 1031, 7, 0);
    groupNorm(1, 33, 17, 32, 4, 5, 0);
    // groups that more than one block of a device takes the moments of, with fewer and with more channels than a block has threads
    groupNorm(1, 96, 90, 3, 4, 3, 100);
    groupNorm(2, 12, 11, 1, 300, 5, 0);
    exact("globalResponseNorm", "of zeros", r -> {
      Tensor x = r.floats(new float[2 * 3 * 5], 2, 3, 5);
      r.backend.globalResponseNorm(x, r.floats(5), r.floats(5), r.outputOver(x));
    });
  }

  /**
   * The largest number that a norm rounds: of values around {@code mean} that spread by 1/2 or so; a single value has no spread but the root of eps.
   * Moments in one pass would lose twice as many digits to the mean.
   */
  private static double magnitude(int count, float mean) {
    return count == 1 ? (1 + mean) / Math.sqrt(EPS) : 8 + 4 * mean;
  }

  private void norm(Norm norm, int c, int variant, float mean) {
    boolean weight = (variant & 1) != 0;
    boolean bias = (variant & 2) != 0;
    boolean scaleShift = (variant & 4) != 0;
    String arguments = norm + " C=" + c + (weight ? " weight" : "") + (bias ? " bias" : "") + (scaleShift ? " scaleShift" : "") + " mean=" + mean;
    within("norm", arguments, roundings(c, magnitude(c, mean)), r -> {
      Tensor x = r.floats(around(mean, r.uniform(2L * 3 * c, 1)), 2, 3, c);
      r.backend.norm(norm, x, weight ? r.floats(c) : null, bias ? r.floats(c) : null, EPS, scaleShift ? r.floats(2, 2L * c) : null,
          r.outputOver(x));
    });
  }

  private void groupNorm(int batch, int height, int width, int groups, int size, int variant, float mean) {
    boolean weight = (variant & 1) != 0;
    boolean bias = (variant & 2) != 0;
    Activation activation = ACTIVATIONS[variant % ACTIVATIONS.length];
    String arguments = "B=" + batch + " H=" + height + " W=" + width + " groups=" + groups + " of " + size + " " + activation + " mean=" + mean;
    long c = (long) groups * size;
    within("groupNorm", arguments, roundings(height * width * size, magnitude(height * width * size, mean)), r -> {
      Tensor x = r.floats(around(mean, r.uniform(batch * height * width * c, 1)), batch, height, width, c);
      r.backend.groupNorm(x, groups, weight ? r.floats(c) : null, bias ? r.floats(c) : null, EPS, activation, r.outputOver(x));
    });
  }

  private static float[] around(float mean, float[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] += mean;
    }
    return values;
  }

  private void convolutions() {
    int i = 0;
    for (int size : SIZES) {
      DType dtype = WEIGHT_TYPES[i % WEIGHT_TYPES.length];
      convolution(3, 4, size, SIZES[i % 8], 3, 3, 1, Padding.same(1), dtype, i++);
      convolution(4, 3, SIZES[i % 8], size, 3, 3, 1, Padding.same(1), dtype, i++);
      convolution(1 + i % 3, size, 5, 6, 3, 3, 1, Padding.same(1), dtype, i++);
      convolution(3, 2, size, 13, 1, 1, 1, Padding.NONE, dtype, i++);
      convolution(8, 7, 6, size, 2, 2, 2, new Padding(0, 0, 1, 1), dtype, i++);
      convolution(7, 8, size, 3, 3, 3, 2, new Padding(0, 0, 1, 1), dtype, i++);
    }
    convolution(17, 33, 33, 17, 3, 3, 1, Padding.same(1), DType.F32, 3);
    convolution(9, 6, 3, 4, 5, 3, 1, new Padding(2, 1, 2, 1), DType.F32, 1);
    convolution(6, 9, 3, 4, 3, 4, 3, new Padding(1, 2, 0, 3), DType.F32, 2);
    convolution(1, 1, 129, 65, 3, 3, 1, Padding.same(1), DType.F32, 1);
    // few outputs with long sums, which a device splits among blocks
    convolution(2, 3, 64, 33, 3, 3, 1, Padding.same(1), DType.F32, 7);
    // the shapes of LPIPS' and FID's networks
    convolution(23, 19, 3, 16, 11, 11, 4, Padding.same(2), DType.F32, 5);
    convolution(9, 10, 17, 33, 1, 7, 1, new Padding(0, 3, 0, 3), DType.F32, 5);
    convolution(10, 9, 16, 17, 7, 1, 1, new Padding(3, 0, 3, 0), DType.F16, 6);
    convolution(9, 11, 16, 20, 3, 3, 2, Padding.NONE, DType.F32, 7);
    convolution(9, 11, 4, 20, 5, 5, 1, Padding.same(2), DType.BF16, 7);

    for (int c : SIZES) {
      for (int k : new int[] {1, 3, 5}) {
        depthwise(1 + c % 5, 2 + c % 7, c, k, c % 2 == 0);
      }
    }
  }

  private void pools() {
    int i = 0;
    for (int c : SIZES) {
      pool(8 + i % 2, 7 + i % 3, c, 3, 3, 2, Padding.NONE);
      // ceil_mode
      pool(8, 7, c, 3, 3, 2, new Padding(0, 0, 1, 0));
      pool(5, 1 + i % 4, c, 3, 3, 1, Padding.same(1));
      pool(4, 6, c, 2, 2, 2, Padding.NONE);
      pool(5, 6, c, 5, 6, 1, Padding.NONE);
      i++;
    }
    pool(9, 10, 5, 2, 4, 3, new Padding(1, 2, 0, 3));
  }

  private void pool(int height, int width, int c, int kh, int kw, int stride, Padding padding) {
    int h = (height + padding.top() + padding.bottom() - kh) / stride + 1;
    int w = (width + padding.left() + padding.right() - kw) / stride + 1;
    String arguments = "H=" + height + " W=" + width + " C=" + c + " window=" + kh + "x" + kw + " stride=" + stride + " " + padding;
    exact("pool2d", "max " + arguments, r ->
        r.backend.pool2d(Pooling.MAX, r.floats(2, height, width, c), kh, kw, stride, padding, r.output(DType.F32, 2, h, w, c)));
    within("pool2d", "mean " + arguments, roundings(kh * kw, 1), r ->
        r.backend.pool2d(Pooling.MEAN, r.floats(2, height, width, c), kh, kw, stride, padding, r.output(DType.F32, 2, h, w, c)));
  }

  private void depthwise(int height, int width, int c, int kh, boolean bias) {
    String arguments = "H=" + height + " W=" + width + " C=" + c + " K=" + kh + "x3" + (bias ? " bias" : "");
    within("depthwiseConv2d", arguments, roundings(kh * 3, kh), r ->
        r.backend.depthwiseConv2d(r.floats(2, height, width, c), r.backend.weight(r.host(DType.F32, c, 1, kh, 3)), bias ? r.floats(c) : null,
            r.output(DType.F32, 2, height, width, c)));
  }

  private void convolution(int height, int width, int inputs, int outputs, int kh, int kw, int stride, Padding padding, DType dtype, int variant) {
    boolean bias = (variant & 1) != 0;
    boolean residual = (variant & 2) != 0;
    int h = (height + padding.top() + padding.bottom() - kh) / stride + 1;
    int w = (width + padding.left() + padding.right() - kw) / stride + 1;
    int sums = inputs * kh * kw;
    Activation activation = ACTIVATIONS[variant / 4 % ACTIVATIONS.length];
    String arguments = "H=" + height + " W=" + width + " I=" + inputs + " O=" + outputs + " K=" + kh + "x" + kw + " stride=" + stride + " " + padding
        + " " + dtype + " " + activation + (bias ? " bias" : "") + (residual ? " residual" : "");
    within("conv2d", arguments, roundings(sums, Math.max(1, Math.sqrt(sums))), r -> {
      Filter filter = r.backend.filter(r.host(dtype, outputs, inputs, kh, kw));
      Tensor x = r.floats(2, height, width, inputs);
      Tensor b = bias ? r.floats(outputs) : null;
      Tensor s = residual ? r.floats(2, h, w, outputs) : null;
      r.backend.conv2d(x, filter, b, stride, padding, activation, s, residual ? r.outputOver(s) : r.output(DType.F32, 2, h, w, outputs));
    });
  }

  private void moves() {
    for (int c : SIZES) {
      exact("upsample", "C=" + c, r -> r.backend.upsample(r.floats(2, 3, 5, c), r.output(DType.F32, 2, 6, 10, c)));
      exact("depthToSpace", "C=" + c, r -> r.backend.depthToSpace(r.floats(2, 3, 5, 4L * c), r.output(DType.F32, 2, 6, 10, c)));
    }
  }

  private void masks() {
    for (int cells : SIZES) {
      for (int room : new int[] {1, Math.max(1, cells / 2), cells, cells + 3}) {
        exact("openCells", "L=" + cells + " P=" + room, r ->
            r.backend.openCells(r.ints(grid(r, 3, cells, 50), 3, cells), 50, r.output(DType.I32, 3, room), r.output(DType.I32, 3)));
      }
      exact("reveal", "L=" + cells, r -> {
        int[] open = open(r, 2, cells, cells);
        int[] tokens = Arrays.stream(open).map(cell -> cell == -1 ? -1 : cell + 1000).toArray();
        r.backend.reveal(r.inOut(r.ints(new int[2 * cells], 2, cells)), r.ints(open, 2, cells), r.ints(tokens, 2, cells));
      });
      for (int maskLength : new int[] {-1, 1, cells / 3, cells / 2, cells}) {
        for (float temperature : new float[] {0, 1.5f}) {
          if (cells > 1) {
            remask(cells, maskLength, temperature);
          }
        }
      }
    }
  }

  /** A third of the cells masked, all of them in the first image and none in the last. */
  private static int[] grid(OpRun r, int batch, int cells, int maskId) {
    int[] grid = new int[batch * cells];
    for (int i = 0; i < grid.length; i++) {
      int b = i / cells;
      grid[i] = b == 0 || b < batch - 1 && r.random.nextInt(3) == 0 ? maskId : r.random.nextInt(maskId);
    }
    return grid;
  }

  /** For each image up to {@code room} different cells in ascending order, then -1. */
  private static int[] open(OpRun r, int batch, int cells, int room) {
    int[] open = new int[batch * room];
    Arrays.fill(open, -1);
    for (int b = 0; b < batch; b++) {
      int p = 0;
      for (int cell = 0; cell < cells && p < room; cell++) {
        if (r.random.nextInt(4) != 0) {
          open[b * room + p++] = cell;
        }
      }
    }
    return open;
  }

  private void remask(int cells, int maskLength, float temperature) {
    String arguments = "L=" + cells + " maskLength=" + maskLength + " temperature=" + temperature;
    // logarithms in f32: a unit in the last place each, of numbers up to log(FLT_MAX) = 89
    cases.add(new Case("remask", arguments, 1e-6, 2e-7, r -> {
      int[] open = open(r, 3, cells, cells);
      Arrays.fill(open, 2 * cells, 3 * cells, -1);
      remask(r, cells, open, maskLength, temperature, new Noise.Given(r.floats(uniforms(r, 3 * cells), 3, cells)), false);
    }));
    cases.add(new Case("remask", arguments + " counter", 1e-6, 2e-7, r ->
        remask(r, cells, open(r, 3, cells, cells), maskLength, temperature, new Noise.Counter(r.longs(keys(3), 3, 2), Stream.PATH), true)));
  }

  private static void remask(OpRun r, int cells, int[] open, int maskLength, float temperature, Noise noise, boolean surprisal) {
    int[] count = new int[3];
    for (int i = 0; i < open.length; i++) {
      count[i / cells] += open[i] == -1 ? 0 : 1;
    }
    float[] probability = uniforms(r, open.length);
    probability[0] = 0;
    Tensor grid = r.inOut(r.ints(grid(r, 3, cells, 50), 3, cells));
    r.backend.remask(grid, r.ints(open, 3, cells), r.ints(count, 3), r.floats(probability, 3, cells), maskLength, temperature, 50, noise,
        r.ints(new int[] {5}, 1), r.output(DType.F32, 3, cells), surprisal ? r.output(DType.F32, 3) : null);
  }

  private static float[] uniforms(OpRun r, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = r.random.nextFloat();
    }
    return values;
  }

  /** Seeds and image numbers that fill their words. */
  private static long[] keys(int batch) {
    long[] keys = new long[2 * batch];
    for (int b = 0; b < batch; b++) {
      keys[2 * b] = 0x9E3779B97F4A7C15L * (b + 1);
      keys[2 * b + 1] = b == 1 ? 1_000_000_007 : b;
    }
    return keys;
  }

  private void draws() {
    int i = 0;
    for (int codes : SIZES) {
      for (int guidances = 1; guidances <= 2; guidances++) {
        draw(1 + i % 3, SIZES[i % 10], codes, guidances, 4, true);
        draw(1 + i % 3, SIZES[(i + 5) % 10], codes, guidances, 4, false);
        i++;
      }
      // weights down to e^-200, which is 0 in f32
      draw(2, 5, codes, 2, 100, true);
      // a tie of all codes, and of one in seven
      draw("L=3 V=" + codes + " tie", 1, 3, 1, codes, Draw.guided(3), r -> new float[3 * codes], r -> given(r, 1, 3, codes, _ -> 0.75f));
      draw("L=3 V=" + codes + " tie of some", 1, 3, 1, codes, Draw.guided(3), r -> {
        float[] logits = new float[3 * codes];
        for (int v = codes / 2; v < logits.length; v += 7) {
          logits[v] = 1;
        }
        return logits;
      }, r -> given(r, 1, 3, codes, _ -> 0.75f));
    }
    draw(2, 17, 1030, 2, 8, true);
  }

  private void truncatedDraws() {
    int i = 0;
    for (int codes : SIZES) {
      for (int k : new int[] {1, 2, Math.max(1, codes / 3), codes - 1, codes + 5}) {
        if (k > 0) {
          draw(2, 7, codes, 1 + i % 2, 4, i++ % 2 == 0, new Draw(3, 1 + i % 3, k, 1));
        }
      }
      for (float p : new float[] {0, 0.05f, 0.5f, 0.9f, 0.995f}) {
        draw(2, 7, codes, 1 + i % 2, 4, i++ % 2 == 0, new Draw(3, 0.6f, 0, p));
      }
      draw(2, 7, codes, 2, 4, true, new Draw(3, 0.8f, Math.max(1, codes / 2), 0.8f));
      draw(2, 7, codes, 1, 4, true, new Draw(3, 0.8f, Math.max(1, codes / 2), 0.8f).argmax());
      draw(2, 7, codes, 2, 4, false, new Draw(3, 1, 0, 1).argmax());
      // weights down to e^-200, which is 0 in f32, and a temperature below the lowest
      draw(2, 5, codes, 2, 100, true, new Draw(3, 1, codes, 0.99f));
      draw(2, 5, codes, 2, 4, true, new Draw(3, 1e-9f, 3, 1));
      // ties across the cut: logits of five values, both zeros among them
      for (Draw draw : List.of(new Draw(1, 1, Math.max(1, codes / 2), 1), new Draw(1, 1, 0, 0.4f), new Draw(1, 1, 0, 0),
          new Draw(1, 2, Math.max(1, codes / 2), 0.7f).argmax())) {
        draw("L=5 V=" + codes + " ties " + draw, 1, 5, 1, codes, draw, r -> {
          float[] logits = new float[5 * codes];
          for (int v = 0; v < logits.length; v++) {
            logits[v] = new float[] {-1, -0f, 0, 1, 2}[r.random.nextInt(5)];
          }
          return logits;
        }, r -> given(r, 1, 5, codes, random -> (float) -Math.log1p(-random.nextDouble())));
      }
    }
    draw(2, 17, 1030, 2, 8, true, new Draw(3, 0.9f, 300, 0.95f));
  }

  private void draw(int batch, int cells, int codes, int guidances, float spread, boolean counter) {
    draw(batch, cells, codes, guidances, spread, counter, Draw.guided(3));
  }

  private void draw(int batch, int cells, int codes, int guidances, float spread, boolean counter, Draw draw) {
    String arguments = "B=" + batch + " L=" + cells + " V=" + codes + " G=" + guidances + " spread=" + spread + (counter ? " counter " : " ") + draw;
    draw(arguments, batch, cells, guidances, codes, draw, r -> r.uniform((long) guidances * batch * cells * codes, spread),
        r -> noise(r, batch, cells, codes, counter));
  }

  private static Noise given(OpRun r, int batch, int cells, int codes, ToDoubleFunction<Random> variate) {
    float[] values = new float[batch * cells * codes];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) variate.applyAsDouble(r.random);
    }
    return new Noise.Given(r.floats(values, batch, cells, codes));
  }

  /** A probability's relative error is that of exp, which an error of its argument becomes: 8 roundings and the guided logits' magnitude. */
  private void draw(String arguments, int batch, int cells, int guidances, int codes, Draw draw, Function<OpRun, float[]> logits,
      Function<OpRun, Noise> noise) {
    draw(arguments, batch, cells, guidances, codes, draw, logits, noise, Codebook.WHOLE, false);
    draw(arguments, batch, cells, guidances, codes, draw, logits, noise, Codebook.WHOLE, true);
  }

  /** Which codes may be drawn. */
  private enum Codebook {
    WHOLE,
    ALL,
    ONE,
    SOME,
    /** Some whose logits are 250 below the others. */
    FAR_BELOW,
    /** Some whose logits are 250 above the others. */
    FAR_ABOVE;

    /** F32 [V], or null for the whole codebook without saying so. */
    float[] rule(Random random, int codes) {
      if (this == WHOLE) {
        return null;
      }
      float[] rule = new float[codes];
      int one = random.nextInt(codes);
      for (int v = 0; v < codes; v++) {
        boolean allowed = this == ALL || v == one || this != ONE && random.nextInt(3) == 0;
        rule[v] = allowed ? 0 : Float.NEGATIVE_INFINITY;
      }
      return rule;
    }

    float shift() {
      return this == FAR_BELOW ? -250 : this == FAR_ABOVE ? 250 : 0;
    }
  }

  /** A ledger's numbers are good to 1e-6 and 1e-5 of their value ({@link Ledger}); a backend with one must draw the same tokens. */
  private void draw(String arguments, int batch, int cells, int guidances, int codes, Draw draw, Function<OpRun, float[]> logits,
      Function<OpRun, Noise> noise, Codebook codebook, boolean ledger) {
    String how = (codebook == Codebook.WHOLE ? "" : " codebook " + codebook) + (ledger ? " ledger" : "");
    cases.add(new Case("draw", arguments + how, ledger ? 1e-6 : 1e-30, roundings(codes, 1) + 1e-5, r -> {
      int[] open = open(r, batch, cells, cells);
      float[] values = logits.apply(r);
      for (int row = 0; row < guidances * batch * cells; row++) {
        if (open[row % (batch * cells)] == -1) {
          // logits of a row without a cell are not computed
          Arrays.fill(values, row * codes, (row + 1) * codes, Float.NaN);
        }
      }
      float[] rule = codebook.rule(r.random, codes);
      for (int i = 0; i < values.length && rule != null; i++) {
        values[i] += rule[i % codes] == 0 ? codebook.shift() : 0;
      }
      int[] usage = new int[codes];
      Arrays.setAll(usage, v -> 3 * v);
      r.backend.draw(r.floats(values, guidances, batch, cells, codes), rule == null ? draw : draw.codebook(r.floats(rule, codes)),
          r.ints(open, batch, cells), noise.apply(r), r.ints(new int[] {7}, 1), r.output(DType.I32, batch, cells), r.output(DType.F32, batch, cells),
          ledger ? r.output(DType.F32, batch, cells, Ledger.Drawn.COLUMNS) : null, ledger ? r.inOut(r.ints(usage, codes)) : null,
          r.inOut(r.ints(new int[] {0}, 1)));
    }));
  }

  private void restrictedDraws() {
    List<Draw> draws = List.of(new Draw(3, 1, 0, 1), new Draw(3, 1, 0, 1).argmax(), new Draw(3, 0.6f, 0, 1), new Draw(3, 1.7f, 0, 1).pick(Draw.Pick.ARGMAX_TRANSITION),
        new Draw(3, 1, 9, 1), new Draw(3, 0.8f, 1, 1), new Draw(3, 1, 0, 0.7f), new Draw(3, 0.9f, 40, 0.9f), new Draw(3, 0.9f, 40, 0.9f).argmax(),
        new Draw(3, 2, 2, 0));
    int i = 0;
    for (int codes : new int[] {1, 2, 3, 17, 64, 257, 1030}) {
      for (Codebook codebook : Codebook.values()) {
        for (Draw draw : draws) {
          int guidances = 1 + i % 2;
          boolean counter = i / 2 % 2 == 0;
          restrictedDraw(codes, guidances, counter, draw, codebook, false);
          restrictedDraw(codes, guidances, counter, draw, codebook, true);
          i++;
        }
      }
    }
  }

  private void restrictedDraw(int codes, int guidances, boolean counter, Draw draw, Codebook codebook, boolean ledger) {
    String arguments = "B=2 L=3 V=" + codes + " G=" + guidances + (counter ? " counter " : " ") + draw;
    draw(arguments, 2, 3, guidances, codes, draw, r -> r.uniform(guidances * 6L * codes, 4), r -> noise(r, 2, 3, codes, counter), codebook, ledger);
  }

  private static Noise noise(OpRun r, int batch, int cells, int codes, boolean counter) {
    return counter
        ? new Noise.Counter(r.longs(keys(batch), batch, 2), Stream.DRAW)
        : given(r, batch, cells, codes, random -> (float) -Math.log1p(-random.nextDouble()));
  }

  private void diffusions() {
    int i = 0;
    for (int codes : SIZES) {
      for (float rate : new float[] {Float.POSITIVE_INFINITY, 0, 0.3f, 0.86f, 1}) {
        startDistribution(1 + i % 2, SIZES[i % 8], codes, 1 + i % 2, rate, 4);
        i++;
      }
      startDistribution(1, 3, codes, 2, 1, 80);
      // a tie of all codes, at the cut too
      cases.add(new Case("startDistribution", "V=" + codes + " tie", 0, 1e-6, r ->
          startDistribution(r, new float[3 * codes], 1, 1, 3, codes, 0.5f)));
      for (boolean counter : new boolean[] {true, false}) {
        diffuse(1 + i % 2, SIZES[i % 10], codes, false, counter);
        diffuse(1 + i % 2, SIZES[i % 10], codes, true, counter);
      }
    }
    for (int codes : new int[] {1, 2, 3, 17, 64, 257, 1030}) {
      for (Codebook codebook : Codebook.values()) {
        restrictedStart(2, codes, 1 + i % 2, 0.6f, Draw.Pick.RANDOM, codebook);
        restrictedStart(1, codes, 1 + i % 2, 1, Draw.Pick.ARGMAX, codebook);
        restrictedStart(1, codes, 1 + i % 2, 1.5f, i % 4 < 2 ? Draw.Pick.RANDOM : Draw.Pick.ARGMAX_TRANSITION, codebook);
        i++;
      }
      for (boolean last : new boolean[] {false, true}) {
        for (boolean counter : new boolean[] {false, true}) {
          for (boolean outside : new boolean[] {false, true}) {
            diffuse(2, 7, codes, last, counter, new Split(outside, true, false, true));
            diffuse(2, 7, codes, last, counter, new Split(outside, true, false, false));
            diffuse(2, 7, codes, last, counter, new Split(outside, false, false, true));
            diffuse(2, 7, codes, last, counter, new Split(outside, outside, true, true));
          }
        }
      }
    }
    startDistribution(2, 17, 1030, 2, 0.86f, 8);
    diffuse(2, 17, 1030, false, true);
  }

  /** Both sum in double, and round alike but where a sum comes within 1e-16 of the middle of two floats. */
  private void startDistribution(int batch, int cells, int codes, int guidances, float rate, float spread) {
    String arguments = "B=" + batch + " L=" + cells + " V=" + codes + " G=" + guidances + " rate=" + rate + " spread=" + spread;
    cases.add(new Case("startDistribution", arguments, 1e-7, 1e-6, r ->
        startDistribution(r, r.uniform((long) guidances * batch * cells * codes, spread), guidances, batch, cells, codes, rate)));
  }

  private void restrictedStart(int batch, int codes, int guidances, float rate, Draw.Pick pick, Codebook codebook) {
    String arguments = "B=" + batch + " V=" + codes + " G=" + guidances + " rate=" + rate + " " + pick + " codebook " + codebook;
    cases.add(new Case("startDistribution", arguments, 1e-6, 1e-6, r -> {
      float[] logits = r.uniform(guidances * batch * 3L * codes, 4);
      float[] rule = codebook.rule(r.random, codes);
      for (int i = 0; i < logits.length && rule != null; i++) {
        logits[i] += rule[i % codes] == 0 ? codebook.shift() : 0;
      }
      r.backend.startDistribution(r.floats(logits, guidances, batch, 3, codes),
          new Draw(5, 1, 0, rate, pick, rule == null ? null : r.floats(rule, codes)), r.ints(new int[] {7}, 1), r.output(DType.F32, batch, 3, codes),
          r.output(DType.F32, batch, 3, Ledger.Drawn.COLUMNS), r.inOut(r.ints(new int[] {0}, 1)));
    }));
  }

  private static void startDistribution(OpRun r, float[] logits, int guidances, int batch, int cells, int codes, float rate) {
    r.backend.startDistribution(r.floats(logits, guidances, batch, cells, codes), new Draw(5, 1, 0, rate), r.ints(new int[] {7}, 1),
        r.output(DType.F32, batch, cells, codes), null, r.inOut(r.ints(new int[] {0}, 1)));
  }

  private void diffuse(int batch, int cells, int codes, boolean last, boolean counter) {
    diffuse(batch, cells, codes, last, counter, new Split(false, false, false, false));
  }

  /** @param outside whether a third of the codes is outside the codebook */
  private record Split(boolean outside, boolean path, boolean argmax, boolean ledger) {}

  /** Some cells are masked. A log of up to 140 is rounded a dozen times. */
  private void diffuse(int batch, int cells, int codes, boolean last, boolean counter, Split split) {
    String arguments = "B=" + batch + " L=" + cells + " V=" + codes + (last ? " last" : "") + (counter ? " counter " : " ") + split;
    Transition transition = new Transition(logs(0.97, 0.02), logs(0.5, 0.45), logs(0.52, 0.43), last);
    int classes = codes + (last ? 0 : 1);
    cases.add(new Case("diffuse", arguments, 5e-5, 0, r -> {
      float[] logStart = r.uniform((long) batch * cells * codes, 6);
      for (int i = 0; i < logStart.length; i++) {
        logStart[i] = r.random.nextInt(5) == 0 ? -70 : logStart[i] - 7;
        logStart[i] = split.outside && i % codes > 0 && i % codes % 3 == 0 ? Float.NEGATIVE_INFINITY : logStart[i];
      }
      int[] grid = new int[batch * cells];
      for (int i = 0; i < grid.length; i++) {
        grid[i] = r.random.nextBoolean() ? codes : r.random.nextInt(codes);
      }
      Tensor posterior = r.output(DType.F32, batch, cells, classes);
      Tensor keys = counter ? r.longs(keys(batch), batch, 2) : null;
      Noise path = counter ? new Noise.Counter(keys, Stream.PATH) : new Noise.Given(r.floats(uniforms(r, batch * cells), batch, cells));
      r.backend.diffuse(r.floats(logStart, batch, cells, codes), transition, split.argmax, r.inOut(r.ints(grid, batch, cells)),
          counter ? new Noise.Counter(keys, Stream.DRAW) : new Noise.Given(r.floats(uniforms(r, batch * cells * classes), batch, cells, classes)),
          split.path ? path : null, r.ints(new int[] {3}, 1), posterior, split.ledger ? r.output(DType.F32, batch, cells, Ledger.Moved.COLUMNS) : null);
    }));
  }

  /** With 100 codes' share of what a and c leave. */
  private static Transition.Logs logs(double a, double c) {
    return new Transition.Logs((float) Math.log(a), (float) Math.log((1 - a - c) / 100), (float) Math.log(c));
  }
}

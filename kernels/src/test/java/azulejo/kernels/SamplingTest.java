package azulejo.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import azulejo.kernels.Draw.Pick;
import azulejo.kernels.Ledger.Drawn;
import azulejo.kernels.Ledger.Moved;
import azulejo.kernels.vector.VectorBackend;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the sampling ops promise whatever the backend: of the codebook, of their randomness, of the ledger. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SamplingTest {
  private static final float OUT = Float.NEGATIVE_INFINITY;

  /** As much as a large uniform can be. */
  private static final float ALMOST_ONE = 1 - 0x1p-24f;

  List<Supplier<Backend>> backends() {
    return ConformanceTest.CPU;
  }

  /** How many draws stand for their distribution. */
  int draws() {
    return 40_000;
  }

  /** How often what must never happen is given a chance, as a share of the full test. */
  double trials() {
    return 1;
  }

  /** What a draw of [B, P] cells wrote. */
  private record Drawing(int[] tokens, float[] probability, float[] ledger, int[] usage, int fault) {
    double ledger(int row, Drawn column) {
      return ledger[row * Drawn.COLUMNS + column.ordinal()];
    }
  }

  /** Draws every cell. {@code logits} [G, B, P, V]; {@code keys} a seed and an image each, or noise [B, P, V] in their place. */
  private static Drawing draw(Backend b, float[] logits, int batch, int cells, int codes, Draw draw, float[] codebook, long[] keys, float[] noise,
      boolean ledger) {
    try (Backend.Scope _ = b.scope()) {
      int[] open = new int[batch * cells];
      Arrays.setAll(open, i -> i % cells);
      Tensor tokens = b.alloc(DType.I32, batch, cells);
      Tensor probability = b.alloc(DType.F32, batch, cells);
      Tensor book = ledger ? b.alloc(DType.F32, batch, cells, Drawn.COLUMNS) : null;
      Tensor usage = ledger ? tensor(b, new int[codes], codes) : null;
      Tensor fault = tensor(b, new int[1], 1);
      b.draw(tensor(b, logits, logits.length / batch / cells / codes, batch, cells, codes),
          codebook == null ? draw : draw.codebook(tensor(b, codebook, codes)), tensor(b, open, batch, cells),
          noise == null ? counter(b, keys, Stream.DRAW) : new Noise.Given(tensor(b, noise, batch, cells, codes)), tensor(b, new int[] {3}, 1), tokens,
          probability, book, usage, fault);
      return new Drawing(b.download(tokens).toInts(), b.download(probability).toFloats(), ledger ? b.download(book).toFloats() : null,
          ledger ? b.download(usage).toInts() : null, b.download(fault).toInts()[0]);
    }
  }

  private static Noise counter(Backend b, long[] keys, Stream stream) {
    return new Noise.Counter(b.tensor(HostTensor.of("keys", keys, keys.length / 2, 2)), stream);
  }

  private static Tensor tensor(Backend b, float[] values, long... dims) {
    return b.tensor(HostTensor.of("x", values, dims));
  }

  private static Tensor tensor(Backend b, int[] values, long... dims) {
    return b.tensor(HostTensor.of("x", values, dims));
  }

  private static float[] uniform(Random random, int count, float spread) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) ((2 * random.nextDouble() - 1) * spread);
    }
    return values;
  }

  /** 0 for {@code allowed} codes, -infinity for the others. */
  private static float[] codebook(Random random, int codes, int allowed) {
    float[] codebook = new float[codes];
    Arrays.fill(codebook, OUT);
    for (int left = allowed; left > 0;) {
      int v = random.nextInt(codes);
      left -= codebook[v] == 0 ? 0 : 1;
      codebook[v] = 0;
    }
    return codebook;
  }

  private static final List<Draw> DRAWS = List.of(new Draw(3, 1, 0, 1), new Draw(3, 0.7f, 0, 1), new Draw(3, 1.5f, 9, 1), new Draw(3, 1, 0, 0.8f),
      new Draw(3, 0.9f, 30, 0.9f), new Draw(3, 1, 0, 1).argmax(), new Draw(3, 0.9f, 30, 0.9f).pick(Pick.ARGMAX_TRANSITION));

  // ---- the codebook -------------------------------------------------------------------------------------------------------

  /** Whatever the seed, with logits that would rather have the other codes, and with noise that lets them win whenever they could. */
  @ParameterizedTest
  @MethodSource("backends")
  void noCodeOutsideTheCodebookIsDrawn(Supplier<Backend> factory) {
    Random random = new Random(1);
    try (Backend b = factory.get()) {
      for (int seed = 0; seed < 200 * trials(); seed++) {
        int codes = new int[] {2, 3, 17, 64, 257}[seed % 5];
        float[] codebook = codebook(random, codes, seed % 3 == 0 ? 1 : 1 + random.nextInt(codes));
        float[] logits = uniform(random, 2 * 2 * 3 * codes, 5);
        float[] noise = new float[2 * 3 * codes];
        float lower = seed % 4 == 0 ? -300 : seed % 4 == 1 ? -30 : 0;
        for (int i = 0; i < logits.length; i++) {
          logits[i] += codebook[i % codes] == 0 ? lower : 0;
          noise[i % noise.length] = codebook[i % codes] == 0 ? 90 : 1e-30f;
        }
        for (Draw draw : DRAWS) {
          assertWithin(codebook, draw(b, logits, 2, 3, codes, draw, codebook, new long[] {seed, 0, seed, 1}, null, false).tokens);
          assertWithin(codebook, draw(b, logits, 2, 3, codes, draw, codebook, new long[] {seed, 0, seed, 1}, null, true).tokens);
          assertWithin(codebook, draw(b, logits, 2, 3, codes, draw, codebook, null, noise, seed % 2 == 0).tokens);
        }
      }
    }
  }

  /** Bit by bit. */
  @ParameterizedTest
  @MethodSource("backends")
  void aCodebookOfAllCodesChangesNothing(Supplier<Backend> factory) {
    Random random = new Random(11);
    try (Backend b = factory.get()) {
      for (int codes : new int[] {1, 2, 3, 17, 64, 257, 1030}) {
        for (Draw draw : DRAWS) {
          float[] logits = uniform(random, 2 * 3 * 5 * codes, 4);
          Drawing without = draw(b, logits, 3, 5, codes, draw, null, keys(3, i -> i), null, true);
          Drawing with = draw(b, logits, 3, 5, codes, draw, new float[codes], keys(3, i -> i), null, true);
          assertThat(with.tokens).isEqualTo(without.tokens);
          assertThat(with.probability).isEqualTo(without.probability);
        }
      }
    }
  }

  private static void assertWithin(float[] codebook, int[] tokens) {
    for (int token : tokens) {
      assertThat(codebook[token]).isZero();
    }
  }

  /**
   * Five steps from a grid of masks and codes, some outside: after one step none is left, whether the draw decides all or the path comes first, and with noise
   * that lets the others win whenever they could. The transition replaces half of the codes by any of the codebook.
   */
  @ParameterizedTest
  @MethodSource("backends")
  void noDiffusionEntersACodeOutsideTheCodebook(Supplier<Backend> factory) {
    Random random = new Random(2);
    try (Backend b = factory.get()) {
      for (int seed = 0; seed < 60 * trials(); seed++) {
        int codes = new int[] {1, 2, 3, 17, 64, 257}[seed % 6];
        float[] codebook = codebook(random, codes, seed % 3 == 0 ? 1 : 1 + random.nextInt(codes));
        float lower = seed % 4 == 0 ? -300 : seed % 4 == 1 ? -30 : 0;
        for (Pick pick : Pick.values()) {
          for (boolean path : new boolean[] {false, true}) {
            for (boolean given : new boolean[] {false, true}) {
              int[] grid = new int[2 * 9];
              Arrays.setAll(grid, i -> random.nextBoolean() ? codes : random.nextInt(codes));
              for (int step = 0; step < 5; step++) {
                float[] logits = uniform(random, 2 * 2 * 9 * codes, 5);
                for (int i = 0; i < logits.length; i++) {
                  logits[i] += codebook[i % codes] == 0 ? lower : 0;
                }
                Transition transition = transition(codes, step == 4);
                Draw draw = new Draw(3, 1, 0, seed % 2 == 0 ? 0.9f : 2, pick, null);
                grid = diffuse(b, start(b, logits, 2, 9, codes, draw, codebook).logStart, codebook, transition, pick == Pick.ARGMAX_TRANSITION, grid, seed, step,
                    path, given).grid;
                for (int class_ : grid) {
                  assertThat(class_ == codes && step < 4 || codebook[class_] == 0).isTrue();
                }
              }
            }
          }
        }
      }
    }
  }

  private static Transition transition(int codes, boolean last) {
    return new Transition(logs(0.3, 0.5 / codes, 0.2), logs(0.1, 0.4 / codes, 0.5), logs(0.3, 0.4 / codes, 0.3), last);
  }

  private static Transition.Logs logs(double a, double b, double c) {
    return new Transition.Logs((float) Math.log(a), (float) Math.log(b), (float) Math.log(c));
  }

  private record Start(float[] logStart, float[] ledger) {}

  private static Start start(Backend b, float[] logits, int batch, int cells, int codes, Draw draw, float[] codebook) {
    try (Backend.Scope _ = b.scope()) {
      Tensor logStart = b.alloc(DType.F32, batch, cells, codes);
      Tensor ledger = b.alloc(DType.F32, batch, cells, Drawn.COLUMNS);
      b.startDistribution(tensor(b, logits, logits.length / batch / cells / codes, batch, cells, codes),
          codebook == null ? draw : draw.codebook(tensor(b, codebook, codes)), tensor(b, new int[1], 1), logStart, ledger, tensor(b, new int[1], 1));
      return new Start(b.download(logStart).toFloats(), b.download(ledger).toFloats());
    }
  }

  private record Move(int[] grid, float[] posterior, float[] ledger) {}

  /** With noise given, codes outside {@code codebook} get the highest, others the lowest, and the path lets no cell keep its class. */
  private static Move diffuse(Backend b, float[] logStart, float[] codebook, Transition transition, boolean argmax, int[] grid, long seed, int step,
      boolean path, boolean given) {
    int batch = 2;
    int cells = grid.length / batch;
    int codes = logStart.length / grid.length;
    int classes = transition.last() ? codes : codes + 1;
    float[] u = new float[grid.length * classes];
    float[] paths = new float[grid.length];
    Arrays.fill(paths, ALMOST_ONE);
    for (int i = 0; i < u.length; i++) {
      int v = i % classes;
      u[i] = v < codes && codebook != null && codebook[v] != 0 ? ALMOST_ONE : 0;
    }
    try (Backend.Scope _ = b.scope()) {
      long[] keys = {seed, 0, seed, 1};
      return diffuse(b, logStart, transition, argmax, grid, batch, step,
          given ? new Noise.Given(tensor(b, u, batch, cells, classes)) : counter(b, keys, Stream.DRAW),
          !path ? null : given ? new Noise.Given(tensor(b, paths, batch, cells)) : counter(b, keys, Stream.PATH));
    }
  }

  private static Move diffuse(Backend b, float[] logStart, Transition transition, boolean argmax, int[] grid, int batch, int step, Noise noise, Noise path) {
    int cells = grid.length / batch;
    int codes = logStart.length / grid.length;
    try (Backend.Scope _ = b.scope()) {
      Tensor now = tensor(b, grid, batch, cells);
      Tensor posterior = b.alloc(DType.F32, batch, cells, transition.last() ? codes : codes + 1);
      Tensor ledger = b.alloc(DType.F32, batch, cells, Moved.COLUMNS);
      b.diffuse(tensor(b, logStart, batch, cells, codes), transition, argmax, now, noise, path, tensor(b, new int[] {step}, 1), posterior, ledger);
      return new Move(b.download(now).toInts(), b.download(posterior).toFloats(), b.download(ledger).toFloats());
    }
  }

  // ---- randomness ---------------------------------------------------------------------------------------------------------

  /** Six images of five cells, together, in reverse order, and each alone; on one thread and on three. Every number is the same. */
  @ParameterizedTest
  @MethodSource("backends")
  void aDrawDependsNeitherOnBatchNorOrderNorThreads(Supplier<Backend> factory) {
    Random random = new Random(3);
    int batch = 6;
    int cells = 5;
    int codes = 4100;
    int row = cells * codes;
    float[] logits = uniform(random, batch * row, 6);
    float[] codebook = codebook(random, codes, codes / 2);
    for (Draw draw : DRAWS) {
      Drawing together;
      try (Backend b = factory.get()) {
        together = draw(b, logits, batch, cells, codes, draw, codebook, keys(batch, i -> i), null, true);
        float[] reversed = new float[logits.length];
        for (int i = 0; i < batch; i++) {
          System.arraycopy(logits, i * row, reversed, (batch - 1 - i) * row, row);
        }
        Drawing backwards = draw(b, reversed, batch, cells, codes, draw, codebook, keys(batch, i -> batch - 1 - i), null, true);
        assertThat(backwards.usage).isEqualTo(together.usage);
        for (int i = 0; i < batch; i++) {
          int image = i;
          assertSameImage(together, i, backwards, batch - 1 - i, cells);
          Drawing alone = draw(b, Arrays.copyOfRange(logits, i * row, (i + 1) * row), 1, cells, codes, draw, codebook, keys(1, _ -> image), null, true);
          assertSameImage(together, i, alone, 0, cells);
        }
        assertThat(together.usage).isEqualTo(histogram(together.tokens, codes));
      }
      for (int threads = 1; threads <= 3; threads += 2) {
        try (Backend b = new VectorBackend(threads); Backend own = factory.get()) {
          if (own.name().equals(b.name())) {
            Drawing again = draw(b, logits, batch, cells, codes, draw, codebook, keys(batch, i -> i), null, true);
            assertThat(again.tokens).isEqualTo(together.tokens);
            assertThat(again.probability).isEqualTo(together.probability);
            assertThat(again.ledger).isEqualTo(together.ledger);
            assertThat(again.usage).isEqualTo(together.usage);
          }
        }
      }
    }
  }

  private static long[] keys(int batch, java.util.function.IntUnaryOperator image) {
    long[] keys = new long[2 * batch];
    for (int i = 0; i < batch; i++) {
      keys[2 * i] = 77;
      keys[2 * i + 1] = image.applyAsInt(i);
    }
    return keys;
  }

  private static void assertSameImage(Drawing a, int i, Drawing b, int j, int cells) {
    for (int cell = 0; cell < cells; cell++) {
      assertThat(b.tokens[j * cells + cell]).isEqualTo(a.tokens[i * cells + cell]);
      assertThat(b.probability[j * cells + cell]).isEqualTo(a.probability[i * cells + cell]);
      for (Drawn column : Drawn.values()) {
        assertThat(b.ledger(j * cells + cell, column)).isEqualTo(a.ledger(i * cells + cell, column));
      }
    }
  }

  private static int[] histogram(int[] tokens, int codes) {
    int[] counts = new int[codes];
    for (int token : tokens) {
      counts[token]++;
    }
    return counts;
  }

  /** The token and its probability, bit by bit. */
  @ParameterizedTest
  @MethodSource("backends")
  void aLedgerChangesNoToken(Supplier<Backend> factory) {
    Random random = new Random(4);
    try (Backend b = factory.get()) {
      for (int codes : new int[] {1, 2, 3, 17, 64, 257, 1030}) {
        for (Draw draw : DRAWS) {
          for (float[] codebook : new float[][] {null, new float[codes], codebook(random, codes, 1), codebook(random, codes, 1 + codes / 2)}) {
            float[] logits = uniform(random, 2 * 3 * 5 * codes, 4);
            Drawing without = draw(b, logits, 3, 5, codes, draw, codebook, keys(3, i -> i), null, false);
            Drawing with = draw(b, logits, 3, 5, codes, draw, codebook, keys(3, i -> i), null, true);
            assertThat(with.tokens).isEqualTo(without.tokens);
            assertThat(with.probability).isEqualTo(without.probability);
            assertThat(with.usage).isEqualTo(histogram(with.tokens, codes));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("backends")
  void anArgmaxNeedsNoNoise(Supplier<Backend> factory) {
    Random random = new Random(5);
    int codes = 65;
    try (Backend b = factory.get()) {
      float[] logits = uniform(random, 2 * 4 * codes, 4);
      float[] codebook = codebook(random, codes, 20);
      for (Draw draw : DRAWS.subList(0, 5)) {
        Drawing one = draw(b, logits, 2, 4, codes, draw.argmax(), codebook, new long[] {1, 0, 1, 1}, null, true);
        Drawing other = draw(b, logits, 2, 4, codes, draw.argmax(), codebook, new long[] {2, 9, 5, 4}, null, true);
        assertThat(one.tokens).isEqualTo(other.tokens);
        for (int r = 0; r < 8; r++) {
          assertThat(one.tokens[r]).isEqualTo(likeliest(logits, r * codes, codebook));
          assertThat(one.ledger(r, Drawn.SURPRISAL)).isZero();
          assertThat(one.ledger(r, Drawn.TRUNCATED)).isEqualTo(other.ledger(r, Drawn.TRUNCATED));
        }
      }
    }
  }

  private static int likeliest(float[] logits, int from, float[] codebook) {
    return IntStream.range(0, codebook.length).filter(v -> codebook[v] == 0).boxed().max(Comparator.comparingDouble(v -> logits[from + v])).orElseThrow();
  }

  /** A row that is not drawn, and one whose logits are at fault, leave no trace. */
  @ParameterizedTest
  @MethodSource("backends")
  void whatIsNotDrawnIsNotWrittenDown(Supplier<Backend> factory) {
    try (Backend b = factory.get()) {
      int codes = 20;
      float[] logits = uniform(new Random(6), 3 * codes, 1);
      logits[codes + 7] = Float.NaN;
      Tensor tokens = b.alloc(DType.I32, 1, 3);
      Tensor ledger = tensor(b, uniform(new Random(7), 3 * Drawn.COLUMNS, 1), 1, 3, Drawn.COLUMNS);
      Tensor usage = tensor(b, new int[codes], codes);
      Tensor fault = tensor(b, new int[1], 1);
      b.draw(tensor(b, logits, 1, 1, 3, codes), Draw.guided(1), tensor(b, new int[] {4, 5, -1}, 1, 3), counter(b, new long[] {1, 1}, Stream.DRAW),
          tensor(b, new int[] {8}, 1), tokens, b.alloc(DType.F32, 1, 3), ledger, usage, fault);
      int[] drawn = b.download(tokens).toInts();
      assertThat(b.download(usage).toInts()).isEqualTo(histogram(new int[] {drawn[0]}, codes));
      assertThat(Arrays.copyOfRange(b.download(ledger).toFloats(), Drawn.COLUMNS, 3 * Drawn.COLUMNS)).containsOnly(0);
      assertThat(b.download(fault).toInts()).containsExactly(9);

      Tensor logStart = b.alloc(DType.F32, 1, 3, codes);
      b.startDistribution(tensor(b, logits, 1, 1, 3, codes), Draw.guided(1), tensor(b, new int[] {8}, 1), logStart, ledger, fault);
      float[] written = b.download(ledger).toFloats();
      assertThat(Arrays.copyOfRange(written, Drawn.COLUMNS, 2 * Drawn.COLUMNS)).containsOnly(0);
      assertThat(written[0]).isPositive();
    }
  }

  /** Many draws of seven codes; see {@link ChiSquare} for the threshold. Temperature 2 makes the weights square roots. */
  @ParameterizedTest
  @MethodSource("backends")
  void drawsFollowTheirDistribution(Supplier<Backend> factory) {
    double[] p = {1, 4, 16, 25, 36, 2, 64};
    float[] codebook = {0, 0, 0, OUT, 0, 0, 0};
    assertFollows(factory, p, Draw.guided(0), null, p, 1);
    assertFollows(factory, p, Draw.guided(0), codebook, new double[] {1, 4, 16, 0, 36, 2, 64}, 2);
    assertFollows(factory, p, new Draw(0, 2, 0, 1), codebook, new double[] {1, 2, 4, 0, 6, Math.sqrt(2), 8}, 3);
    assertFollows(factory, p, new Draw(0, 1, 3, 1), codebook, new double[] {0, 0, 16, 0, 36, 0, 64}, 4);
    // before 16 are 100 of 123
    assertFollows(factory, p, new Draw(0, 1, 0, 0.82f), codebook, new double[] {0, 0, 16, 0, 36, 0, 64}, 5);
  }

  private void assertFollows(Supplier<Backend> factory, double[] p, Draw draw, float[] codebook, double[] weights, long seed) {
    int cells = draws();
    int codes = p.length;
    float[] logits = logs(p, cells);
    try (Backend b = factory.get()) {
      int[] counts = histogram(draw(b, logits, 1, cells, codes, draw, codebook, new long[] {seed, 0}, null, true).tokens, codes);
      assertFollows(draw + "", counts, weights);
    }
  }

  /** The logarithms, again and again. */
  private static float[] logs(double[] p, int times) {
    float[] logs = new float[times * p.length];
    for (int i = 0; i < logs.length; i++) {
      logs[i] = (float) Math.log(p[i % p.length]);
    }
    return logs;
  }

  private static void assertFollows(String what, int[] counts, double[] weights) {
    double draws = Arrays.stream(counts).sum();
    double total = Arrays.stream(weights).sum();
    ChiSquare test = new ChiSquare();
    for (int v = 0; v < counts.length; v++) {
      test.add(counts[v], draws * weights[v] / total);
      assertThat(weights[v] > 0 || counts[v] == 0).as("%s: class %d", what, v).isTrue();
    }
    test.check(what);
  }

  /** From a mask and from a code, where one draw decides and where the path comes first: both have the posterior's distribution, which the op tells. */
  @ParameterizedTest
  @MethodSource("backends")
  void diffusionFollowsThePosterior(Supplier<Backend> factory) {
    int cells = draws();
    double[] p = {0.1, 0.25, 0, 0.05, 0.6};
    int codes = p.length;
    float[] logStart = logs(p, cells);
    try (Backend b = factory.get()) {
      for (boolean last : new boolean[] {false, true}) {
        for (int x : new int[] {codes, 1, 3}) {
          for (boolean path : new boolean[] {false, true}) {
            int[] grid = new int[cells];
            Arrays.fill(grid, x);
            Move move = diffuse(b, logStart, transition(codes, last), false, grid, 1, 2, counter(b, new long[] {31, 0}, Stream.DRAW),
                path ? counter(b, new long[] {32, 0}, Stream.PATH) : null);
            int classes = last ? codes : codes + 1;
            double[] weights = new double[classes];
            Arrays.setAll(weights, v -> Math.exp(move.posterior[v]));
            assertThat(weights[2]).isZero();
            assertFollows("class " + x + (path ? ", path first" : ""), histogram(move.grid, classes), weights);
          }
        }
      }
    }
  }

  /** The path alone says which cells move: with its lowest variate all stay, with its highest all move, and no noise of the draw changes that. */
  @ParameterizedTest
  @MethodSource("backends")
  void thePathDecidesWhichCellsMove(Supplier<Backend> factory) {
    Random random = new Random(8);
    int codes = 33;
    int cells = 40;
    try (Backend b = factory.get()) {
      float[] logStart = uniform(random, cells * codes, 3);
      for (int i = 0; i < logStart.length; i++) {
        logStart[i] -= 5;
      }
      int[] grid = new int[cells];
      Arrays.setAll(grid, _ -> random.nextBoolean() ? codes : random.nextInt(codes));
      float[] paths = new float[cells];
      for (int i = 1; i < cells; i += 2) {
        paths[i] = ALMOST_ONE;
      }
      Noise path = new Noise.Given(tensor(b, paths, 1, cells));
      int[][] results = new int[2][];
      for (int seed = 0; seed < 2; seed++) {
        results[seed] = diffuse(b, logStart, transition(codes, false), false, grid, 1, 0, counter(b, new long[] {seed, 0}, Stream.DRAW), path).grid;
        for (int i = 0; i < cells; i++) {
          assertThat(results[seed][i] == grid[i]).as("cell %d", i).isEqualTo(i % 2 == 0);
        }
      }
      assertThat(results[0]).isNotEqualTo(results[1]);
    }
  }

  /** Five open cells, two of which are masked again: ten sets. (See {@link ChiSquare} for the threshold.) */
  @ParameterizedTest
  @MethodSource("backends")
  void remaskChoosesSetsAsSurprisingAsItSays(Supplier<Backend> factory) {
    int batch = draws() / 2;
    int cells = 5;
    float[] p = {0.9f, 0.4f, 0.05f, 0.3f, 0.6f};
    for (float temperature : new float[] {0.5f, 2, 8}) {
      Map<Integer, Integer> counts = new HashMap<>();
      try (Backend b = factory.get()) {
        int[] open = new int[batch * cells];
        float[] probability = new float[batch * cells];
        int[] count = new int[batch];
        long[] keys = new long[2 * batch];
        Arrays.fill(count, cells);
        for (int i = 0; i < open.length; i++) {
          open[i] = i % cells;
          probability[i] = p[i % cells];
        }
        for (int i = 0; i < batch; i++) {
          keys[2 * i] = 99;
          keys[2 * i + 1] = i;
        }
        Tensor grid = b.tensor(HostTensor.of("grid", new int[batch * cells], batch, cells));
        Tensor surprisal = b.alloc(DType.F32, batch);
        b.remask(grid, b.tensor(HostTensor.of("open", open, batch, cells)), b.tensor(HostTensor.of("count", count, batch)),
            b.tensor(HostTensor.of("probability", probability, batch, cells)), 2, temperature, 7,
            new Noise.Counter(b.tensor(HostTensor.of("keys", keys, batch, 2)), Stream.PATH), b.tensor(HostTensor.of("step", new int[1], 1)),
            b.alloc(DType.F32, batch, cells), surprisal);
        int[] tokens = b.download(grid).toInts();
        float[] surprisals = b.download(surprisal).toFloats();
        for (int image = 0; image < batch; image++) {
          int set = 0;
          for (int cell = 0; cell < cells; cell++) {
            set |= tokens[image * cells + cell] == 7 ? 0 : 1 << cell;
          }
          counts.merge(set, 1, Integer::sum);
          assertThat((double) surprisals[image]).isCloseTo(surprisal(p, temperature, set), within(1e-6));
        }
      }
      ChiSquare test = new ChiSquare();
      for (int set = 0; set < 1 << cells; set++) {
        if (Integer.bitCount(set) == 3) {
          test.add(counts.getOrDefault(set, 0), batch * Math.exp(-surprisal(p, temperature, set)));
        }
      }
      test.check("temperature " + temperature);
    }
  }

  private static double surprisal(float[] p, float temperature, int set) {
    double[] logRates = new double[p.length];
    for (int i = 0; i < p.length; i++) {
      logRates[i] = Math.log(p[i]) / temperature;
    }
    return PathSurprisal.of(logRates, PathSurprisalTest.members(set, p.length));
  }

  /** A grid of 32 x 32 with a third of its cells settled, at temperatures that leave the choice to chance and to the probabilities. */
  @ParameterizedTest
  @MethodSource("backends")
  void theSurprisalOfAPathIsThatOfItsRates(Supplier<Backend> factory) {
    Random random = new Random(12);
    int cells = 1024;
    int[] open = IntStream.range(0, cells).filter(_ -> random.nextInt(3) > 0).toArray();
    float[] p = new float[open.length];
    for (int i = 0; i < p.length; i++) {
      p[i] = (float) Math.exp(-12 * random.nextDouble());
    }
    try (Backend b = factory.get()) {
      for (float temperature : new float[] {0.02f, 1, 10.5f}) {
        for (int masked : new int[] {1, open.length / 2, open.length - 1}) {
          Tensor grid = tensor(b, new int[cells], 1, cells);
          Tensor surprisal = b.alloc(DType.F32, 1);
          b.remask(grid, tensor(b, open, 1, open.length), tensor(b, new int[] {open.length}, 1), tensor(b, p, 1, open.length), masked, temperature, 7,
              counter(b, new long[] {5, masked}, Stream.PATH), tensor(b, new int[1], 1), b.alloc(DType.F32, 1, cells), surprisal);
          int[] tokens = b.download(grid).toInts();
          double[] logRates = new double[open.length];
          boolean[] kept = new boolean[open.length];
          for (int i = 0; i < open.length; i++) {
            logRates[i] = PathSurprisal.logRate(p[i], temperature);
            kept[i] = tokens[open[i]] != 7;
          }
          assertThat(IntStream.range(0, kept.length).filter(i -> !kept[i]).count()).isEqualTo(masked);
          double expected = PathSurprisal.of(logRates, kept);
          assertThat((double) b.download(surprisal).toFloats()[0]).isCloseTo(expected, within(1e-6 + 1e-7 * expected));
        }
      }
    }
  }

  // ---- the ledger ---------------------------------------------------------------------------------------------------------

  /**
   * Entropies as {@code - sum of p log p} in double. {@link Ledger} promises 1e-6 and a relative 1e-5: the weights' relative error is 3e-6 at most, sums of up
   * to 1024 floats a lane wander by about 32 roundings of 6e-8, and both parts of an entropy are positive. The kept mass has the weights' error alone.
   */
  @ParameterizedTest
  @MethodSource("backends")
  void theLedgerIsWhatADoubleRecomputationGives(Supplier<Backend> factory) {
    Random random = new Random(9);
    try (Backend b = factory.get()) {
      for (int codes : new int[] {1, 2, 3, 17, 257, 1030, 16384}) {
        // nearly uniform, like a model's, and with nearly all in one code
        for (float spread : new float[] {0.1f, 5, 60}) {
          for (float shift : codes == 16384 ? new float[] {-8} : new float[] {0, -8, -60, -300, 300}) {
            float[] logits = uniform(random, 2 * codes, spread);
            float[] codebook = codebook(random, codes, 1 + codes / 3);
            for (int i = 0; i < logits.length; i++) {
              logits[i] += codebook[i % codes] == 0 ? shift : 0;
            }
            for (Draw draw : DRAWS) {
              for (float[] rule : new float[][] {codebook, null}) {
                assertLedger(draw(b, logits, 1, 2, codes, draw, rule, new long[] {codes, 0}, null, true), logits, codes, draw, rule);
              }
            }
          }
        }
      }
    }
  }

  private static void assertLedger(Drawing drawing, float[] logits, int codes, Draw draw, float[] codebook) {
    for (int r = 0; r < 2; r++) {
      int row = r;
      double[] l = new double[codes];
      Arrays.setAll(l, v -> logits[row * codes + v]);
      double[] p = softmax(l);
      assertColumn(drawing, r, Drawn.GUIDED, entropy(p));
      double kept = 0;
      for (int v = 0; v < codes; v++) {
        boolean allowed = codebook == null || codebook[v] == 0;
        kept += allowed ? p[v] : 0;
        l[v] = allowed ? l[v] : OUT;
      }
      assertThat(drawing.ledger(r, Drawn.KEPT)).isCloseTo(kept, within(1e-5 * kept + 1e-44));
      assertColumn(drawing, r, Drawn.SUBSET, entropy(softmax(l)));
      for (int v = 0; v < codes; v++) {
        l[v] = (float) l[v] / draw.temperature();
      }
      assertColumn(drawing, r, Drawn.TEMPERED, entropy(softmax(l)));
      truncate(l, draw);
      p = softmax(l);
      assertColumn(drawing, r, Drawn.TRUNCATED, entropy(p));
      assertColumn(drawing, r, Drawn.SURPRISAL, draw.greedy() ? 0 : -Math.log(p[drawing.tokens[r]]));
    }
  }

  private static void assertColumn(Drawing drawing, int row, Drawn column, double expected) {
    assertThat(drawing.ledger(row, column)).as("%s", column).isCloseTo(expected, within(1e-6 + 1e-5 * expected));
  }

  private static double[] softmax(double[] l) {
    double max = Arrays.stream(l).max().orElseThrow();
    double[] w = Arrays.stream(l).map(x -> Math.exp(x - max)).toArray();
    double sum = Arrays.stream(w).sum();
    return Arrays.stream(w).map(x -> x / sum).toArray();
  }

  private static double entropy(double[] p) {
    return Arrays.stream(p).filter(x -> x > 0).map(x -> -x * Math.log(x)).sum();
  }

  /** Top-k keeps ties with the k-th, top-p those of lower codes. */
  private static void truncate(double[] l, Draw draw) {
    int[] order = IntStream.range(0, l.length).boxed().sorted(Comparator.comparingDouble(v -> -l[v])).mapToInt(v -> v).toArray();
    double least = draw.topK() > 0 && draw.topK() < l.length ? l[order[draw.topK() - 1]] : OUT;
    for (int v = 0; v < l.length; v++) {
      l[v] = l[v] < least ? OUT : l[v];
    }
    double[] p = softmax(l);
    double before = 0;
    for (int i = 0; i < l.length && draw.topP() < 1; i++) {
      if (i > 0 && before > draw.topP()) {
        l[order[i]] = OUT;
      }
      before += p[order[i]];
    }
  }

  /** The posterior's values are what the ledger speaks of, so only the ledger's own rounding to f32 counts: 1e-6 and 1e-6 of the value. */
  @ParameterizedTest
  @MethodSource("backends")
  void aDiffusionsLedgerIsThatOfItsPosterior(Supplier<Backend> factory) {
    Random random = new Random(10);
    try (Backend b = factory.get()) {
      for (int codes : new int[] {1, 2, 3, 17, 257, 1030}) {
        float[] codebook = codebook(random, codes, 1 + codes / 2);
        for (boolean last : new boolean[] {false, true}) {
          for (boolean path : new boolean[] {false, true}) {
            int[] grid = new int[2 * 20];
            Arrays.setAll(grid, _ -> random.nextBoolean() ? codes : random.nextInt(codes));
            float[] logStart = start(b, uniform(random, grid.length * codes, 4), 2, 20, codes, new Draw(1, 1, 0, 2), codebook).logStart;
            int classes = last ? codes : codes + 1;
            Move move = diffuse(b, logStart, null, transition(codes, last), false, grid, codes, 1, path, false);
            for (int r = 0; r < grid.length; r++) {
              double[] l = new double[classes];
              for (int v = 0; v < classes; v++) {
                l[v] = move.posterior[r * classes + v];
              }
              double[] p = softmax(l);
              double stay = last ? 0 : p[grid[r]];
              double stays = move.grid[r] == grid[r] ? stay : 1 - stay;
              double[] expected = {entropy(p), -Math.log(p[move.grid[r]]), last ? 0 : entropy(new double[] {stay, 1 - stay}), last ? 0 : -Math.log(stays)};
              for (int column = 0; column < Moved.COLUMNS; column++) {
                assertThat((double) move.ledger[r * Moved.COLUMNS + column]).as("%s, V=%d", Moved.values()[column], codes)
                    .isCloseTo(expected[column], within(1e-6 + 1e-6 * expected[column]));
              }
            }
          }
        }
      }
    }
  }

  /** Argmax hardens the belief about the clean grid, and the ledger still has the entropy of what it was taken from. */
  @ParameterizedTest
  @MethodSource("backends")
  void aGreedyStartIsOneCode(Supplier<Backend> factory) {
    try (Backend b = factory.get()) {
      float[] logits = {0, (float) Math.log(3), (float) Math.log(4), 0, 0, 0};
      Start start = start(b, logits, 1, 2, 3, new Draw(1, 1, 0, 2).argmax(), new float[] {0, 0, OUT});
      assertThat(start.logStart).containsExactly(-70, 0, OUT, 0, -70, OUT);
      double[] expected = {entropy(new double[] {1 / 8.0, 3 / 8.0, 4 / 8.0}), entropy(new double[] {0.25, 0.75}), entropy(new double[] {0.25, 0.75}),
          entropy(new double[] {0.25, 0.75}), 0.5, 0};
      for (int i = 0; i < expected.length; i++) {
        assertThat((double) start.ledger[i]).isCloseTo(expected[i], within(3e-7));
      }
    }
  }

  /** The mode that hardens the transition too: no noise matters, and the ledger has nothing to say. */
  @Test
  void anArgmaxTransitionIsTheLikeliestClass() {
    Random random = new Random(11);
    int codes = 50;
    int[] grid = new int[20];
    Arrays.setAll(grid, _ -> random.nextBoolean() ? codes : random.nextInt(codes));
    float[] logStart = uniform(random, grid.length * codes, 3);
    for (int i = 0; i < logStart.length; i++) {
      logStart[i] -= 5;
    }
    for (Supplier<Backend> factory : backends()) {
      try (Backend b = factory.get()) {
        Move move = diffuse(b, logStart, null, transition(codes, false), true, grid, 1, 0, true, false);
        for (int r = 0; r < grid.length; r++) {
          for (int v = 0; v <= codes; v++) {
            assertThat(move.posterior[r * (codes + 1) + move.grid[r]]).isGreaterThanOrEqualTo(move.posterior[r * (codes + 1) + v]);
          }
        }
        assertThat(move.ledger).containsOnly(0);
      }
    }
  }
}

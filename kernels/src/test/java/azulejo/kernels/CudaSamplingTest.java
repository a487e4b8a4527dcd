package azulejo.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import azulejo.kernels.cuda.CudaBackends;
import azulejo.kernels.reference.ReferenceBackend;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The same promises on the emulation of a device, and rows longer than those of the conformance cases, which other kernels work on. */
class CudaSamplingTest extends SamplingTest {
  @Override
  List<Supplier<Backend>> backends() {
    return List.of(CudaBackends::emulated);
  }

  /** A block of threads each, of which the emulation runs some ten thousand a second. */
  @Override
  int draws() {
    return 2000;
  }

  /** Every kind of trial still comes: they repeat after sixty and after twelve. */
  @Override
  double trials() {
    return 0.3;
  }

  /**
   * 9000 codes are drawn from by the largest block, 60 000 do not fit its shared memory. Logits of 32 values make ties, which the cuts of top-k and top-p, and
   * of a start distribution, go through.
   */
  @ParameterizedTest
  @ValueSource(ints = {9000, 60_000})
  void longRowsAreDrawnAsTheReferenceDrawsThem(int codes) {
    Random random = new Random(codes);
    float[] logits = new float[2 * 2 * codes];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (i < 2 * codes ? random.nextInt(32) : random.nextInt(2)) / 8f;
    }
    float[] rule = new float[codes];
    for (int v = 0; v < codes; v++) {
      rule[v] = random.nextInt(4) == 0 ? Float.NEGATIVE_INFINITY : 0;
    }
    try (Backend device = CudaBackends.emulated(); Backend reference = new ReferenceBackend()) {
      for (Draw draw : List.of(Draw.guided(2), new Draw(2, 0.7f, codes / 3, 1), new Draw(2, 1, 0, 0.8f), new Draw(2, 0.9f, codes / 2, 0.3f).argmax())) {
        assertSame(draw + "", draw(reference, logits, rule, codes, draw), draw(device, logits, rule, codes, draw));
      }
      for (Draw draw : List.of(new Draw(2, 1, 0, 2), new Draw(2, 1, 0, 0.6f), new Draw(2, 1, 0, 0.9f).argmax())) {
        List<HostTensor> expected = diffuse(reference, logits, rule, codes, draw);
        assertSame(draw + "", expected, diffuse(device, logits, rule, codes, draw));
      }
    }
  }

  private static List<HostTensor> draw(Backend b, float[] logits, float[] rule, int codes, Draw draw) {
    try (Backend.Scope _ = b.scope()) {
      Tensor tokens = b.alloc(DType.I32, 1, 2);
      Tensor probability = b.alloc(DType.F32, 1, 2);
      Tensor ledger = b.alloc(DType.F32, 1, 2, Ledger.Drawn.COLUMNS);
      Tensor usage = b.tensor(HostTensor.of("usage", new int[codes], codes));
      Tensor fault = b.tensor(HostTensor.of("fault", new int[1], 1));
      b.draw(b.tensor(HostTensor.of("logits", logits, 2, 1, 2, codes)), draw.codebook(b.tensor(HostTensor.of("rule", rule, codes))),
          b.tensor(HostTensor.of("open", new int[] {3, 5}, 1, 2)), keys(b, Stream.DRAW), b.tensor(HostTensor.of("step", new int[] {4}, 1)), tokens, probability,
          ledger, usage, fault);
      return List.of(b.download(tokens), b.download(probability), b.download(ledger), b.download(usage), b.download(fault));
    }
  }

  /** A start distribution and a step from it. */
  private static List<HostTensor> diffuse(Backend b, float[] logits, float[] rule, int codes, Draw draw) {
    try (Backend.Scope _ = b.scope()) {
      Tensor logStart = b.alloc(DType.F32, 1, 2, codes);
      Tensor drawn = b.alloc(DType.F32, 1, 2, Ledger.Drawn.COLUMNS);
      Tensor moved = b.alloc(DType.F32, 1, 2, Ledger.Moved.COLUMNS);
      Tensor step = b.tensor(HostTensor.of("step", new int[] {4}, 1));
      Tensor fault = b.tensor(HostTensor.of("fault", new int[1], 1));
      b.startDistribution(b.tensor(HostTensor.of("logits", logits, 2, 1, 2, codes)), draw.codebook(b.tensor(HostTensor.of("rule", rule, codes))), step, logStart,
          drawn, fault);
      Tensor grid = b.tensor(HostTensor.of("grid", new int[] {codes, 7}, 1, 2));
      Transition.Logs logs = new Transition.Logs((float) Math.log(0.5), (float) Math.log(0.3 / codes), (float) Math.log(0.2));
      b.diffuse(logStart, new Transition(logs, logs, logs, false), false, grid, keys(b, Stream.DRAW), keys(b, Stream.PATH), step, null, moved);
      return List.of(b.download(logStart), b.download(drawn), b.download(grid), b.download(moved), b.download(fault));
    }
  }

  /** A step of a masked walk and one of a diffusion, recorded before anything else was done, replayed without a look from the host until the end. */
  @Test
  void recordedStepsGoWhereTheReferenceGoes() {
    try (Backend device = CudaBackends.emulated(); Backend reference = new ReferenceBackend()) {
      Walk expected = new Walk(reference);
      Walk actual = new Walk(device);
      Backend.Recording step = device.record(actual::step);
      for (int i = 0; i < 5; i++) {
        expected.step();
        step.replay();
      }
      // one kernel each, and a counter
      assertThat(step.launches()).isEqualTo(7);
      assertSame("the last step", expected.results(), actual.results());
    }
  }

  /** 20 cells of 600 codes, of which a step of the masked walk draws those that are open and masks 7 again; and the cells of a diffusion. */
  private static final class Walk {
    static final int CELLS = 20;
    static final int CODES = 600;
    final Backend b;
    final Tensor step;
    final Tensor grid;
    final Tensor classes;
    final Tensor open;
    final Tensor count;
    final Tensor tokens;
    final Tensor probability;
    final Tensor ledger;
    final Tensor usage;
    final Tensor surprisal;
    final Tensor confidence;
    final Tensor logits;
    final Tensor logStart;
    final Tensor drawn;
    final Tensor moved;
    final Tensor fault;
    final Noise draw;
    final Noise path;

    Walk(Backend b) {
      this.b = b;
      int[] masks = new int[2 * CELLS];
      Arrays.fill(masks, CODES);
      float[] values = new float[2 * CELLS * CODES];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) (3 * Math.sin(i * i));
      }
      step = b.tensor(HostTensor.of("step", new int[1], 1));
      grid = b.tensor(HostTensor.of("grid", masks, 2, CELLS));
      classes = b.tensor(HostTensor.of("classes", masks, 2, CELLS));
      open = b.alloc(DType.I32, 2, CELLS);
      count = b.alloc(DType.I32, 2);
      tokens = b.alloc(DType.I32, 2, CELLS);
      probability = b.alloc(DType.F32, 2, CELLS);
      ledger = b.alloc(DType.F32, 2, CELLS, Ledger.Drawn.COLUMNS);
      usage = b.tensor(HostTensor.of("usage", new int[CODES], CODES));
      surprisal = b.alloc(DType.F32, 2);
      confidence = b.alloc(DType.F32, 2, CELLS);
      logits = b.tensor(HostTensor.of("logits", values, 1, 2, CELLS, CODES));
      logStart = b.alloc(DType.F32, 2, CELLS, CODES);
      drawn = b.alloc(DType.F32, 2, CELLS, Ledger.Drawn.COLUMNS);
      moved = b.alloc(DType.F32, 2, CELLS, Ledger.Moved.COLUMNS);
      fault = b.tensor(HostTensor.of("fault", new int[1], 1));
      Tensor keys = b.tensor(HostTensor.of("keys", new long[] {5, 0, 5, 1}, 2, 2));
      draw = new Noise.Counter(keys, Stream.DRAW);
      path = new Noise.Counter(keys, Stream.PATH);
    }

    void step() {
      b.openCells(grid, CODES, open, count);
      b.draw(logits, new Draw(1, 0.9f, 300, 0.9f), open, draw, step, tokens, probability, ledger, usage, fault);
      b.reveal(grid, open, tokens);
      b.remask(grid, open, count, probability, 7, 1.5f, CODES, path, step, confidence, surprisal);
      b.startDistribution(logits, new Draw(1, 1, 0, 0.8f), step, logStart, drawn, fault);
      Transition.Logs logs = new Transition.Logs((float) Math.log(0.5), (float) Math.log(0.3 / CODES), (float) Math.log(0.2));
      b.diffuse(logStart, new Transition(logs, logs, logs, false), false, classes, draw, path, step, null, moved);
      b.increment(step);
    }

    List<HostTensor> results() {
      return java.util.stream.Stream.of(grid, tokens, probability, ledger, usage, surprisal, confidence, classes, moved, fault).map(b::download).toList();
    }
  }

  private static Noise keys(Backend b, Stream stream) {
    return new Noise.Counter(b.tensor(HostTensor.of("keys", new long[] {77, 1}, 1, 2)), stream);
  }

  /** As exact as a {@link Ledger}; a difference in a code that a cut takes out, or in a token, is more than that. */
  private static void assertSame(String what, List<HostTensor> expected, List<HostTensor> actual) {
    for (int i = 0; i < expected.size(); i++) {
      if (!expected.get(i).dtype().isFloat()) {
        assertThat(actual.get(i).toInts()).as("%s, output %d", what, i).isEqualTo(expected.get(i).toInts());
        continue;
      }
      float[] e = expected.get(i).toFloats();
      float[] a = actual.get(i).toFloats();
      assertThat(Arrays.equals(infinite(a), infinite(e))).as("%s, output %d", what, i).isTrue();
      for (int j = 0; j < e.length; j++) {
        if (!Float.isInfinite(e[j])) {
          assertThat(a[j]).as("%s, output %d", what, i).isCloseTo(e[j], within(1e-6f + 1e-5f * Math.abs(e[j])));
        }
      }
    }
  }

  private static boolean[] infinite(float[] x) {
    boolean[] infinite = new boolean[x.length];
    for (int i = 0; i < x.length; i++) {
      infinite[i] = Float.isInfinite(x[i]);
    }
    return infinite;
  }
}

package azulejo.kernels.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import azulejo.kernels.Activation;
import azulejo.kernels.AttentionMask;
import azulejo.kernels.DType;
import azulejo.kernels.Draw;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Noise;
import azulejo.kernels.Norm;
import azulejo.kernels.Padding;
import azulejo.kernels.Stream;
import azulejo.kernels.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The oracle against numbers that a reader can work out by hand, or that another program gave. */
class ReferenceBackendTest {
  private final ReferenceBackend backend = new ReferenceBackend();

  @AfterEach
  void close() {
    backend.close();
  }

  @Test
  void gatherTakesRowsAndZeroesForMinusOne() {
    Tensor out = floats(3, 2);
    backend.gather(tensor(new float[] {1, 2, 3, 4}, 2, 2), tensor(new int[] {1, -1, 0}, 3), out);
    assertThat(values(out)).containsExactly(3, 4, 0, 0, 1, 2);
  }

  @Test
  void addRepeatsTheLowerRankedTensor() {
    Tensor out = floats(2, 2);
    backend.add(tensor(new float[] {1, 2, 3, 4}, 2, 2), tensor(new float[] {10, 20}, 2), out);
    assertThat(values(out)).containsExactly(11, 22, 13, 24);
  }

  /** Expected: Python's {@code x / (1 + exp(-x))}, {@code x / 2 * erfc(-x / sqrt(2))} and {@code x / (1 + exp(-1.702 * x))}. */
  @Test
  void activationsAreTheExactForms() {
    Tensor x = tensor(new float[] {-6, -1, 0, 0.5f, 3}, 5);
    Tensor out = floats(5);
    backend.activate(x, Activation.SILU, out);
    assertClose(out, -0.014835738939808647, -0.2689414213699951, 0, 0.3112296656009273, 2.8577223804672998);
    backend.activate(x, Activation.GELU, out);
    assertClose(out, -5.919525870226207e-09, -0.15865525393145707, 0, 0.34573123063700656, 2.99595030590511);
    backend.activate(x, Activation.QUICK_GELU, out);
    assertClose(out, -0.00022035354978739246, -0.1542042340671787, 0, 0.35038843660638014, 2.981928690292214);
  }

  @Test
  void gateMultipliesTheFirstHalfByTheActivatedSecond() {
    Tensor out = floats(1, 2);
    backend.gate(tensor(new float[] {2, 3, 5, 7}, 1, 4), Activation.NONE, out);
    assertThat(values(out)).containsExactly(10, 21);
  }

  @Test
  void modulateScalesThenShiftsPerBatch() {
    Tensor out = floats(2, 1, 2);
    backend.modulate(tensor(new float[] {1, 2, 3, 4}, 2, 1, 2), tensor(new float[] {1, 2, 10, 20, 0, -1, 5, 6}, 2, 4), out);
    assertThat(values(out)).containsExactly(12, 26, 8, 6);
  }

  @Test
  void linearActivatesBeforeItAddsTheResidual() {
    Tensor out = floats(1, 2);
    Tensor residual = tensor(new float[] {100, 200}, 1, 2);
    backend.linear(tensor(new float[] {1, 2, 3}, 1, 3), backend.matrix(HostTensor.of("w", new float[] {1, 0, -1, 2, 1, 0}, 2, 3)),
        tensor(new float[] {2, -4}, 2), Activation.SILU, residual, out);
    assertThat(values(out)).containsExactly(100, 200);
    backend.linear(tensor(new float[] {1, 2, 3}, 1, 3), backend.matrix(HostTensor.of("w", new float[] {1, 0, -1, 2, 1, 0}, 2, 3)), null,
        Activation.NONE, residual, out);
    assertThat(values(out)).containsExactly(98, 204);
  }

  /** Scores of 0, log 2 and log 3 weigh the values 1 : 2 : 3; the scale of 1/2 takes back the query's 2. */
  @Test
  void attentionWeighsValuesBySoftmaxOfScaledScores() {
    Tensor q = tensor(new float[] {2, 2, 2}, 1, 3, 1);
    Tensor k = tensor(new float[] {0, (float) Math.log(2), (float) Math.log(3)}, 1, 3, 1);
    Tensor v = tensor(new float[] {6, 12, 36}, 1, 3, 1);
    Tensor out = floats(1, 3, 1);
    backend.attention(q, k, v, 1, 0.5f, AttentionMask.NONE, out);
    assertClose(out, 23, 23, 23);
    backend.attention(q, k, v, 1, 0.5f, AttentionMask.CAUSAL, out);
    assertClose(out, 6, 10, 23);
  }

  @Test
  void attentionHeadsAreSlicesOfTheChannels() {
    Tensor q = tensor(new float[] {1, 1000}, 1, 1, 2);
    Tensor k = tensor(new float[] {0, 0, 0, 1}, 1, 2, 2);
    Tensor v = tensor(new float[] {4, 4, 8, 8}, 1, 2, 2);
    Tensor out = floats(1, 1, 2);
    backend.attention(q, k, v, 2, 1, AttentionMask.NONE, out);
    assertClose(out, 6, 8);
  }

  @Test
  void layerAndRmsNorm() {
    Tensor x = tensor(new float[] {1, 2, 3, 6}, 1, 1, 4);
    Tensor out = floats(1, 1, 4);
    backend.norm(Norm.LAYER, x, null, tensor(new float[] {0, 0, 0, 1}, 4), 0.5f, null, out);
    assertClose(out, -1, -0.5, 0, 2.5);
    backend.norm(Norm.RMS, x, tensor(new float[] {1, 1, 2, 2}, 4), null, 3.5f, tensor(new float[] {0, 1, 0, 0, 0, 0, 5, 0}, 1, 8), out);
    assertClose(out, 0.25, 1, 6.5, 3);
  }

  /** Two groups of two channels over two pixels: means 2.5 and 0, variances 1.25 and 4. */
  @Test
  void groupNormTakesItsMomentsOverPixelsAndTheGroupsChannels() {
    Tensor out = floats(1, 1, 2, 4);
    backend.groupNorm(tensor(new float[] {1, 2, 2, -2, 3, 4, -2, 2}, 1, 1, 2, 4), 2, tensor(new float[] {1, 1, 1, 2}, 4),
        tensor(new float[] {0, 0, 0, 1}, 4), 0, Activation.NONE, out);
    double d = Math.sqrt(1.25);
    assertClose(out, -1.5 / d, -0.5 / d, 1, -1, 0.5 / d, 1.5 / d, -1, 3);
  }

  /** Channel lengths 5 and 0 with mean 2.5, so n is 2 and 0, less what 1e-6 takes. */
  @Test
  void globalResponseNormComparesChannels() {
    Tensor out = floats(1, 2, 2);
    backend.globalResponseNorm(tensor(new float[] {3, 0, 4, 0}, 1, 2, 2), tensor(new float[] {0.5f, 1}, 2), tensor(new float[] {1, -1}, 2), out);
    assertThat(values(out)).containsExactly(new float[] {7, -1, 9, -1}, within(1e-5f));
  }

  /** Stride 2 with one row of zeros below and one column right, as the official downsampling pads. */
  @Test
  void convolutionDoesNotFlipItsFilterAndPadsEachSideByItself() {
    Tensor x = tensor(new float[] {1, 2, 3, 4, 5, 6, 7, 8, 9}, 1, 3, 3, 1);
    HostTensor weight = HostTensor.of("w", new float[] {1, 10, 100, 1000}, 1, 1, 2, 2);
    Tensor out = floats(1, 2, 2, 1);
    backend.conv2d(x, backend.filter(weight), tensor(new float[] {0.5f}, 1), 2, new Padding(0, 0, 1, 1), null, out);
    assertThat(values(out)).containsExactly(5421.5f, 603.5f, 87.5f, 9.5f);
  }

  @Test
  void convolutionSumsInputChannelsForEachOutput() {
    Tensor out = tensor(new float[] {100, 200}, 1, 1, 1, 2);
    backend.conv2d(tensor(new float[] {1, 2, 3}, 1, 1, 1, 3), backend.filter(HostTensor.of("w", new float[] {1, 2, 3, 4, 5, 6}, 2, 3, 1, 1)), null,
        1, Padding.NONE, out, out);
    assertThat(values(out)).containsExactly(114, 232);
  }

  @Test
  void depthwiseConvolutionKeepsChannelsApart() {
    Tensor out = floats(1, 1, 3, 2);
    float[] taps = {0, 0, 0, 1, 10, 100, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0};
    backend.depthwiseConv2d(tensor(new float[] {1, 7, 2, 8, 3, 9}, 1, 1, 3, 2), tensor(taps, 2, 1, 3, 3), tensor(new float[] {0, 0.5f}, 2), out);
    assertThat(values(out)).containsExactly(210, 7.5f, 321, 8.5f, 32, 9.5f);
  }

  @Test
  void upsampleAndDepthToSpace() {
    Tensor up = floats(1, 2, 4, 1);
    backend.upsample(tensor(new float[] {1, 2}, 1, 1, 2, 1), up);
    assertThat(values(up)).containsExactly(1, 1, 2, 2, 1, 1, 2, 2);
    Tensor space = floats(1, 2, 2, 2);
    backend.depthToSpace(tensor(new float[] {1, 2, 3, 4, 5, 6, 7, 8}, 1, 1, 1, 8), space);
    assertThat(values(space)).containsExactly(1, 2, 3, 4, 5, 6, 7, 8);
  }

  @Test
  void openCellsAreListedInOrderUpToTheRoomThereIs() {
    Tensor open = ints(2, 2);
    Tensor count = ints(2);
    backend.openCells(tensor(new int[] {9, 0, 9, 9, 0, 1, 2, 9}, 2, 4), 9, open, count);
    assertThat(backend.download(open).toInts()).containsExactly(0, 2, 3, -1);
    assertThat(backend.download(count).toInts()).containsExactly(2, 1);
  }

  /** Guided logits log 1, log 2, log 5 at cell 1; p / q is 1/8 : 2/(8/5) : 5/(8/3), over 8, so code 2 wins by 1.875 to 1.25. */
  @Test
  void drawIsAnExponentialRaceOnGuidedLogits() {
    float[] logits = {0, 0, 0, 0, 0, 0, 7, 7, 7, 0, (float) Math.log(2) / 3, (float) Math.log(5) / 3};
    float[] noise = {1, 1, 1, 8, 1.6f, 8f / 3};
    Tensor tokens = ints(1, 2);
    Tensor probability = floats(1, 2);
    Tensor fault = tensor(new int[] {0}, 1);
    backend.draw(tensor(logits, 2, 1, 2, 3), Draw.guided(3), tensor(new int[] {-1, 1}, 1, 2), new Noise.Given(tensor(noise, 1, 2, 3)),
        tensor(new int[] {4}, 1), tokens, probability, fault);
    assertThat(backend.download(tokens).toInts()).containsExactly(-1, 2);
    assertClose(probability, 0, 0.625);
    assertThat(backend.download(fault).toInts()).containsExactly(0);
  }

  @Test
  void drawGivesATieToTheLowestCode() {
    Tensor tokens = ints(1, 1);
    backend.draw(tensor(new float[] {-3, 2, 2}, 1, 1, 1, 3), Draw.guided(0), tensor(new int[] {0}, 1, 1), new Noise.Given(tensor(new float[] {1, 1, 1}, 1, 1, 3)),
        tensor(new int[] {0}, 1), tokens, floats(1, 1), tensor(new int[] {0}, 1));
    assertThat(backend.download(tokens).toInts()).containsExactly(1);
  }

  @Test
  void theFirstFaultStays() {
    Tensor fault = tensor(new int[] {0}, 1);
    for (int step = 4; step < 6; step++) {
      Tensor tokens = ints(1, 1);
      backend.draw(tensor(new float[] {0, Float.NaN}, 1, 1, 1, 2), Draw.guided(0), tensor(new int[] {0}, 1, 1),
          new Noise.Counter(tensor(new long[] {1, 0}, 1, 2), Stream.DRAW), tensor(new int[] {step}, 1), tokens, floats(1, 1), fault);
      assertThat(backend.download(tokens).toInts()[0]).isBetween(0, 1);
    }
    assertThat(backend.download(fault).toInts()).containsExactly(5);
  }

  /** 40000 counter-based draws from p = (0.1, 0.2, 0.7) hit each code within 4 standard deviations of the binomial. */
  @Test
  void drawsFollowTheSoftmax() {
    int cells = 40_000;
    float[] logits = new float[cells * 3];
    int[] open = new int[cells];
    for (int i = 0; i < cells; i++) {
      logits[3 * i + 1] = (float) Math.log(2);
      logits[3 * i + 2] = (float) Math.log(7);
      open[i] = i;
    }
    Tensor tokens = ints(1, cells);
    backend.draw(tensor(logits, 1, 1, cells, 3), Draw.guided(0), tensor(open, 1, cells), new Noise.Counter(tensor(new long[] {7, 0}, 1, 2), Stream.DRAW),
        tensor(new int[] {0}, 1), tokens, floats(1, cells), tensor(new int[] {0}, 1));
    int[] counts = new int[3];
    for (int token : backend.download(tokens).toInts()) {
      counts[token]++;
    }
    double[] p = {0.1, 0.2, 0.7};
    for (int v = 0; v < 3; v++) {
      assertThat((double) counts[v]).isCloseTo(cells * p[v], within(4 * Math.sqrt(cells * p[v] * (1 - p[v]))));
    }
  }

  @Test
  void revealWritesOpenCellsOnly() {
    Tensor grid = tensor(new int[] {9, 5, 9, 6}, 2, 2);
    backend.reveal(grid, tensor(new int[] {0, -1, 0, -1}, 2, 2), tensor(new int[] {1, -1, 2, -1}, 2, 2));
    assertThat(backend.download(grid).toInts()).containsExactly(1, 5, 2, 6);
  }

  /** With temperature 0 the confidences are log p: two of the three open cells are masked again, settled ones never. */
  @Test
  void remaskTakesBackTheLeastConfident() {
    Tensor grid = tensor(new int[] {1, 2, 3, 4}, 1, 4);
    Tensor confidence = floats(1, 4);
    backend.remask(grid, tensor(new int[] {0, 2, 3}, 1, 3), tensor(new int[] {3}, 1), tensor(new float[] {0.5f, 0.25f, 0.125f}, 1, 3), 7, 0, 9,
        new Noise.Given(tensor(new float[] {0.1f, 0.2f, 0.3f, 0.4f}, 1, 4)), tensor(new int[] {0}, 1), confidence);
    assertThat(backend.download(grid).toInts()).containsExactly(1, 2, 9, 9);
    assertClose(confidence, -0.6931471805599453, 88.72283905206835, -1.3862943611198906, -2.0794415416798357);
  }

  private Tensor floats(long... dims) {
    return backend.alloc(DType.F32, dims);
  }

  private Tensor ints(long... dims) {
    return backend.alloc(DType.I32, dims);
  }

  private Tensor tensor(float[] values, long... dims) {
    return backend.tensor(HostTensor.of("x", values, dims));
  }

  private Tensor tensor(int[] values, long... dims) {
    return backend.tensor(HostTensor.of("x", values, dims));
  }

  private Tensor tensor(long[] values, long... dims) {
    return backend.tensor(HostTensor.of("x", values, dims));
  }

  private float[] values(Tensor t) {
    return backend.download(t).toFloats();
  }

  /** To f32's rounding of the exact value, and as much again for a rounded input. */
  private void assertClose(Tensor actual, double... expected) {
    float[] values = values(actual);
    assertThat(values).hasSameSizeAs(expected);
    for (int i = 0; i < values.length; i++) {
      assertThat((double) values[i]).isCloseTo(expected[i], within(1.2e-7 * Math.abs(expected[i])));
    }
  }
}

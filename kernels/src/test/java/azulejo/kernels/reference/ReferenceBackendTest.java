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
import azulejo.kernels.Pooling;
import azulejo.kernels.Stream;
import azulejo.kernels.Tensor;
import azulejo.kernels.Transition;
import azulejo.kernels.WeightFormat;
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

  /** Expected: Python's {@code x / (1 + exp(-x))}, {@code x / 2 * erfc(-x / sqrt(2))}, {@code x / (1 + exp(-1.702 * x))} and {@code x / (1 + exp(-2 * sqrt(2 / pi) * (x + 0.044715 * x ** 3)))}. */
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
    backend.activate(x, Activation.GELU_TANH, out);
    assertClose(out, -8.43964670076231e-11, -0.15880800939172326, 0, 0.34571400982514394, 2.9963626079182273);
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

  /** Scores of 0 and log 2, to which the biases add log 3 or nothing and hide a key. */
  @Test
  void attentionAddsABiasForEachHeadAndQuery() {
    float hidden = Float.NEGATIVE_INFINITY;
    Tensor q = tensor(new float[] {1, 1, 1, 1}, 1, 2, 2);
    Tensor k = tensor(new float[] {0, 0, (float) Math.log(2), (float) Math.log(2)}, 1, 2, 2);
    Tensor v = tensor(new float[] {5, 5, 10, 10}, 1, 2, 2);
    Tensor bias = tensor(new float[] {(float) Math.log(3), 0, hidden, 0, 0, 0, 0, hidden}, 1, 2, 2, 2);
    Tensor out = floats(1, 2, 2);
    backend.attention(q, k, v, 2, 1, AttentionMask.NONE, bias, out);
    assertClose(out, 7, 25 / 3.0, 10, 5);
    backend.attention(q, k, v, 2, 1, AttentionMask.NONE, bias.slice(1, 0, 1), out);
    assertClose(out, 7, 7, 10, 10);
  }

  /** Quarter and half turns; the second token's pair is multiplied by zero, as LlamaGen's condition tokens are. */
  @Test
  void rotaryTurnsInterleavedPairsOfEachHead() {
    Tensor x = tensor(new float[] {1, 2, 3, 4, 5, 6, 7, 8}, 1, 2, 4);
    Tensor table = tensor(new float[] {0, 1, 0, 0}, 2, 1, 2);
    Tensor out = floats(1, 2, 4);
    backend.rotary(x, table, 2, out);
    assertThat(values(out)).containsExactly(-2, 1, -4, 3, 0, 0, 0, 0);
    backend.rotary(x, tensor(new float[] {0, 1, -1, 0, 1, 0, 0, -1}, 2, 2, 2), 1, out);
    assertThat(values(out)).containsExactly(-2, 1, -3, -4, 5, 6, 8, -7);
  }

  /** 1 + 2^-8 lies between two bf16 numbers, 1 + 2^-11 between two f16, and goes to the even one, a little more to the other; a row's bytes are in units of its largest / 127. */
  @Test
  void narrowWeightsAreRoundedToNearest() {
    Tensor x = tensor(new float[] {1, 0, 0, 1}, 2, 2);
    Tensor out = floats(2, 2);
    HostTensor weight = HostTensor.of("w", new float[] {1.00390625f, 1.0039064f, -3, 1.01171875f}, 2, 2);
    backend.linear(x, backend.matrix(weight, WeightFormat.BF16), null, Activation.NONE, null, out);
    assertThat(values(out)).containsExactly(1, -3, 1.0078125f, 1.015625f);
    weight = HostTensor.of("w", new float[] {1 + 0x1p-11f, 1 + 0x1.01p-11f, 65504, -0x1p-24f}, 2, 2);
    backend.linear(x, backend.matrix(weight, WeightFormat.F16), null, Activation.NONE, null, out);
    assertThat(values(out)).containsExactly(1, 65504, 1 + 0x1p-10f, -0x1p-24f);
    weight = HostTensor.of("w", new float[] {127, 2.5f, -0.5f, 0.25f}, 2, 2);
    backend.linear(x, backend.matrix(weight, WeightFormat.INT8), null, Activation.NONE, null, out);
    assertClose(out, 127, -0.5, 2, 64 * 0.5 / 127);
    weight = HostTensor.of("w", new float[] {0, 0, Float.NaN, 1}, 2, 2);
    backend.linear(x, backend.matrix(weight, WeightFormat.INT8), null, Activation.NONE, null, out);
    assertThat(values(out)).containsExactly(0, Float.NaN, 0, Float.NaN);
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
  void convolutionActivatesBeforeItAddsTheResidual() {
    Tensor out = tensor(new float[] {100, 200}, 1, 1, 1, 2);
    backend.conv2d(tensor(new float[] {1}, 1, 1, 1, 1), backend.filter(HostTensor.of("w", new float[] {3, -3}, 2, 1, 1, 1)), null, 1, Padding.NONE,
        Activation.RELU, out, out);
    assertThat(values(out)).containsExactly(103, 200);
  }

  /** All numbers are negative, so that a zero of the padding would win or spoil the mean. */
  @Test
  void poolingLeavesThePaddingOut() {
    Tensor x = tensor(new float[] {-1, -2, -3, -4, -5, -6, -7, -8, -9}, 1, 3, 3, 1);
    Tensor out = floats(1, 2, 2, 1);
    backend.pool2d(Pooling.MAX, x, 2, 2, 2, new Padding(0, 0, 1, 1), out);
    assertThat(values(out)).containsExactly(-1, -3, -7, -9);
    backend.pool2d(Pooling.MEAN, x, 2, 2, 2, new Padding(1, 1, 0, 0), out);
    assertThat(values(out)).containsExactly(-1, -2.5f, -5.5f, -7);
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

  /** p = (1, 2, 2, 5) / 10; equal noise makes the likeliest code win, noise of 1/100 any code that is left. */
  @Test
  void drawKeepsTheLikeliestCodes() {
    float two = (float) Math.log(2);
    float[] logits = {0, two, two, (float) Math.log(5)};
    assertDraw(new Draw(1, 1, 0, 1), logits, 0, 0, 0.1);
    assertDraw(new Draw(1, 1, 1, 1), logits, 0, 3, 1);
    // the second and third are equal, so two are three
    assertDraw(new Draw(1, 1, 2, 1), logits, 2, 2, 2 / 9.0);
    assertDraw(new Draw(1, 1, 2, 1), logits, 0, 3, 5 / 9.0);
    // 5/10 is before the second, 7/10 before the third
    assertDraw(new Draw(1, 1, 0, 0.45f), logits, 1, 3, 1);
    assertDraw(new Draw(1, 1, 0, 0.6f), logits, 1, 1, 2 / 7.0);
    assertDraw(new Draw(1, 1, 0, 0.6f), logits, 2, 3, 5 / 7.0);
    assertDraw(new Draw(1, 1, 0, 0), logits, 0, 3, 1);
    // of the three that top-k left, shares of 5/9 and 7/9
    assertDraw(new Draw(1, 1, 2, 0.6f), logits, 2, 3, 5 / 7.0);
    // p^2, p^(1/2)
    assertDraw(new Draw(1, 0.5f, 0, 1), logits, 0, 0, 1 / 34.0);
    assertDraw(new Draw(1, 2, 3, 1), new float[] {0, 2 * two, 4 * two, -9}, 0, 0, 1 / 7.0);
    // greedy: no noise, but the same distribution
    assertDraw(new Draw(1, 1, 0, 1).argmax(), logits, 0, 3, 0.5);
    assertDraw(new Draw(1, 1, 0, 1).argmax(), new float[] {0, two, two, 0}, 2, 1, 1 / 3.0);
  }

  /** {@code favoured} has noise of 1/100, the others 1. */
  private void assertDraw(Draw draw, float[] logits, int favoured, int token, double p) {
    float[] noise = {1, 1, 1, 1};
    noise[favoured] = 0.01f;
    Tensor tokens = ints(1, 1);
    Tensor probability = floats(1, 1);
    backend.draw(tensor(logits, 1, 1, 1, 4), draw, tensor(new int[] {0}, 1, 1), new Noise.Given(tensor(noise, 1, 1, 4)), tensor(new int[] {0}, 1),
        tokens, probability, tensor(new int[] {0}, 1));
    assertThat(backend.download(tokens).toInts()).as(draw.toString()).containsExactly(token);
    assertThat((double) values(probability)[0]).as(draw.toString()).isCloseTo(p, within(2e-7 * p));
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
        new Noise.Given(tensor(new float[] {0.1f, 0.2f, 0.3f, 0.4f}, 1, 4)), tensor(new int[] {0}, 1), confidence, null);
    assertThat(backend.download(grid).toInts()).containsExactly(1, 2, 9, 9);
    assertClose(confidence, -0.6931471805599453, 88.72283905206835, -1.3862943611198906, -2.0794415416798357);
  }

  /** p = (1, 2, 5) / 8 without guidance; with guidance 2 of (1, 1, 2) / 4 by (1, 2, 5) / 8 in the ratio 1/4 : 1 : 25/8, 8/35 of which is 2/35. */
  @Test
  void startDistributionGuidesInLogSpaceThenTruncates() {
    float[] pair = {3, 3, 3 + (float) Math.log(2), 0, (float) Math.log(2), (float) Math.log(5)};
    assertStart(pair, 2, Float.POSITIVE_INFINITY, Math.log(2 / 35.0), Math.log(8 / 35.0), Math.log(25 / 35.0));
    float[] single = {0, (float) Math.log(2), (float) Math.log(5)};
    assertStart(single, 2, Float.POSITIVE_INFINITY, Math.log(1 / 8.0), Math.log(2 / 8.0), Math.log(5 / 8.0));
    // before the second is 5/8, before the third 7/8
    assertStart(single, 2, 0.7f, -70, Math.log(2 / 8.0), Math.log(5 / 8.0));
    assertStart(single, 2, 0.62f, -70, -70, Math.log(5 / 8.0));
    assertStart(single, 2, 0, -70, -70, Math.log(5 / 8.0));
    // after two equal ones of 1/2 the sum is 1, which is not below the rate
    assertStart(new float[] {0, -90, 0}, 2, 1, Math.log(0.5), -70, Math.log(0.5));
    assertStart(new float[] {0, -60, 0}, 2, 1, Math.log(0.5), -70, Math.log(0.5));
    assertStart(new float[] {0, -60, 0}, 2, Float.POSITIVE_INFINITY, Math.log(0.5), Math.log(0.5) - 60, Math.log(0.5));
    assertStart(new float[] {0, 0, 0}, 2, 0.5f, Math.log(1 / 3.0), Math.log(1 / 3.0), -70);
  }

  private void assertStart(float[] logits, float guidance, float truncation, double... expected) {
    Tensor out = floats(1, 1, 3);
    Tensor fault = tensor(new int[] {0}, 1);
    backend.startDistribution(tensor(logits, logits.length / 3, 1, 1, 3), new Draw(guidance, 1, 0, truncation), tensor(new int[] {0}, 1), out, null, fault);
    assertThat(backend.download(fault).toInts()).containsExactly(0);
    float[] values = values(out);
    for (int v = 0; v < 3; v++) {
      assertThat((double) values[v]).isCloseTo(expected[v], within(3e-7 * Math.max(1, Math.abs(expected[v]))));
    }
  }

  /**
   * Two codes, with a, b, c of a step and of all steps: q(x_(t-1) | x_t) by Bayes' rule from x_0 = code 0 with 1/4, code 1 with 3/4. At a masked cell a
   * code comes from either x_0 and is masked now, with its x_0's share: c_step / c_all * (a_before p_v + b_before); the mask stays with
   * c_before / c_all.
   */
  @Test
  void diffuseDrawsFromThePosterior() {
    Transition.Logs step = logs(0.6, 0.1, 0.2);
    Transition.Logs all = logs(0.18, 0.11, 0.6);
    Transition.Logs before = logs(0.3, 0.1, 0.5);
    Tensor logStart = tensor(new float[] {(float) Math.log(0.25), (float) Math.log(0.75), (float) Math.log(0.25), (float) Math.log(0.75)}, 1, 2, 2);
    Tensor posterior = floats(1, 2, 3);
    Tensor grid = tensor(new int[] {2, 0}, 1, 2);
    float[] u = {0.5f, 0.5f, 0.5f, 0.5f, 0.9f, 0.5f};
    backend.diffuse(logStart, new Transition(step, all, before, false), false, grid, new Noise.Given(tensor(u, 1, 2, 3)), null, tensor(new int[] {0}, 1), posterior,
        null);
    // at code 0: shares 1/4 / 0.29 and 3/4 / 0.11 of x_0, spread by the steps before, then the last step's a + b or b
    double near = 0.25 / 0.29;
    double far = 0.75 / 0.11;
    double[] p = {0.2 / 0.6 * 0.175, 0.2 / 0.6 * 0.325, 0.5 / 0.6, 0.7 * (0.3 * near + 0.1 * (near + far)), 0.1 * (0.3 * far + 0.1 * (near + far)), 0};
    float[] values = values(posterior);
    for (int i = 0; i < 6; i++) {
      assertThat(Math.exp(values[i])).as("class %d", i).isCloseTo(p[i], within(1e-6));
    }
    // equal noise leaves the likeliest, the mask; u = 0.9 for 0.5 adds 2.25 - 0.37 to code 1, more than it lacks, log(0.72 / 0.28) = 0.94
    assertThat(backend.download(grid).toInts()).containsExactly(2, 1);
  }

  @Test
  void theLastStepOfADiffusionDrawsFromTheStart() {
    Tensor logStart = tensor(new float[] {-1, -2, -2, -1}, 1, 2, 2);
    Tensor posterior = floats(1, 2, 2);
    Tensor grid = tensor(new int[] {2, 2}, 1, 2);
    backend.diffuse(logStart, new Transition(null, null, null, true), false, grid, new Noise.Given(tensor(new float[] {0.5f, 0.5f, 0.9f, 0.5f}, 1, 2, 2)),
        null, tensor(new int[] {0}, 1), posterior, null);
    assertThat(values(posterior)).containsExactly(-1, -2, -2, -1);
    assertThat(backend.download(grid).toInts()).containsExactly(0, 0);
  }

  private static Transition.Logs logs(double a, double b, double c) {
    return new Transition.Logs((float) Math.log(a), (float) Math.log(b), (float) Math.log(c));
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

package azulejo.kernels.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import azulejo.kernels.Activation;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.kernels.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The packed matrix product against two loops in double, and what must not change a bit of it. */
@Tag("lanes")
class GemmTest {
  private static final Arena ARENA = Arena.ofShared();
  private static final Workers TWO = new Workers(2);

  @BeforeAll
  static void threads() {
    assertThat(TWO.threads()).isEqualTo(2);
  }

  @AfterAll
  static void close() {
    TWO.close();
    ARENA.close();
  }

  /** A product with room around every row, so that a stray write shows. */
  private static final class Product {
    final int m;
    final int n;
    final int k;
    final int xStride;
    final int outStride;
    final float[] weight;
    final float[] bias;
    final MemorySegment x;
    final MemorySegment residual;
    final MemorySegment biasMemory;
    final Panels packed;

    Product(int m, int n, int k, int seed) {
      this.m = m;
      this.n = n;
      this.k = k;
      xStride = k + 3;
      outStride = n + 5;
      Random random = new Random(seed);
      weight = floats(random, n * k);
      bias = floats(random, n);
      x = memory(floats(random, m * xStride));
      residual = memory(floats(random, m * outStride));
      biasMemory = memory(bias);
      packed = Panels.pack(TWO, ARENA, HostTensor.of("w", weight, n, k), WeightFormat.F32);
    }

    MemorySegment run(Workers workers, boolean withBias, Activation activation, boolean withResidual) {
      MemorySegment out = memory(new float[m * outStride]);
      run(workers, 0, m, withBias, activation, withResidual ? residual.address() : 0, out);
      return out;
    }

    void run(Workers workers, int row, int rows, boolean withBias, Activation activation, long residualAddress, MemorySegment out) {
      long skip = 4L * row * outStride;
      Gemm.linear(workers, x.address() + 4L * row * xStride, xStride, rows, packed,
          new Gemm.Epilogue(withBias ? biasMemory.address() : 0, activation, residualAddress == 0 ? 0 : residualAddress + skip, outStride,
              out.address() + skip, outStride));
    }

    double expected(int i, int j, boolean withBias, Activation activation, boolean withResidual) {
      double sum = withBias ? bias[j] : 0;
      for (int q = 0; q < k; q++) {
        sum += (double) at(x, i * xStride + q) * weight[j * k + q];
      }
      double value = switch (activation) {
        case NONE -> sum;
        case RELU -> Math.max(sum, 0);
        case SILU -> sum / (1 + Math.exp(-sum));
        case QUICK_GELU -> sum / (1 + Math.exp(-1.702 * sum));
        case GELU -> sum * normalCdf(sum);
        case GELU_TANH -> sum / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (sum + 0.044715 * sum * sum * sum)));
      };
      return withResidual ? value + at(residual, i * outStride + j) : value;
    }

    void check(MemorySegment out, boolean withBias, Activation activation, boolean withResidual) {
      // The sum of k products of uniform numbers is of the size of sqrt(k) / 3 and is rounded k times, each rounding at most 2^-24 of it: the
      // errors add up as sqrt(k), to k / 3 * 2^-24 in the mean; six times that for the largest of 30,000. The 8 is for the epilogue.
      double tolerance = 0x1p-23 * (k + 8);
      for (int i = 0; i < m; i++) {
        for (int j = 0; j < outStride; j++) {
          double expected = j < n ? expected(i, j, withBias, activation, withResidual) : 0;
          if (Math.abs(at(out, i * outStride + j) - expected) > tolerance) {
            assertThat((double) at(out, i * outStride + j)).as("%d x %d x %d at %d, %d", m, n, k, i, j)
                .isCloseTo(expected, within(tolerance));
          }
        }
      }
    }
  }

  /** Phi by the series x + x^3/3 + x^5/(3*5) + ..., exact in double for the arguments here. */
  private static double normalCdf(double x) {
    double term = x;
    double sum = x;
    for (int i = 3; i < 400; i += 2) {
      term *= x * x / i;
      sum += term;
    }
    return 0.5 + sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  }

  private static float[] floats(Random random, int count) {
    float[] f = new float[count];
    for (int i = 0; i < count; i++) {
      f[i] = random.nextFloat() * 2 - 1;
    }
    return f;
  }

  private static MemorySegment memory(float[] values) {
    return ARENA.allocateFrom(ValueLayout.JAVA_FLOAT, values);
  }

  private static float at(MemorySegment s, int i) {
    return s.getAtIndex(ValueLayout.JAVA_FLOAT, i);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5, 6, 7, 13, 17, 64, 97})
  void agreesWithTwoLoopsForAwkwardSizes(int m) {
    int[] sizes = {1, 3, 16, 17, 33, 47, 64, 65, 96, 129, 300};
    int[] depths = {1, 3, 64, 129, 513, 1100};
    for (int n : sizes) {
      for (int k : depths) {
        Product p = new Product(m, n, k, m * 1000 + n + k);
        p.check(p.run(TWO, false, Activation.NONE, false), false, Activation.NONE, false);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void appliesEveryEpilogue(Activation activation) {
    for (int n : new int[] {5, 70, 128}) {
      Product p = new Product(13, n, 65, n);
      for (boolean bias : new boolean[] {false, true}) {
        for (boolean residual : new boolean[] {false, true}) {
          p.check(p.run(TWO, bias, activation, residual), bias, activation, residual);
        }
      }
    }
  }

  @Test
  void mayWriteOverItsResidual() {
    Product p = new Product(20, 77, 1030, 1);
    MemorySegment apart = p.run(TWO, true, Activation.GELU, true);
    MemorySegment over = ARENA.allocate(p.residual.byteSize(), 4).copyFrom(p.residual);
    p.run(TWO, 0, p.m, true, Activation.GELU, over.address(), over);
    for (int i = 0; i < p.m; i++) {
      for (int j = 0; j < p.n; j++) {
        assertThat(at(over, i * p.outStride + j)).isEqualTo(at(apart, i * p.outStride + j));
      }
    }
  }

  @Test
  void aRowDoesNotDependOnTheRowsBesideIt() {
    Product p = new Product(200, 150, 1100, 2);
    MemorySegment whole = p.run(TWO, true, Activation.SILU, true);
    for (int rows : new int[] {1, 2, 3, 6, 8, 50}) {
      MemorySegment parts = memory(new float[p.m * p.outStride]);
      for (int row = 0; row < p.m; row += rows) {
        p.run(TWO, row, Math.min(rows, p.m - row), true, Activation.SILU, p.residual.address(), parts);
      }
      assertThat(parts.mismatch(whole)).as("%d rows at a time", rows).isEqualTo(-1);
    }
  }

  @Test
  void theNumberOfThreadsChangesNothing() {
    Product p = new Product(190, 200, 700, 3);
    MemorySegment two = p.run(TWO, true, Activation.QUICK_GELU, true);
    for (int threads : new int[] {1, 3, 5}) {
      try (Workers workers = new Workers(threads)) {
        assertThat(p.run(workers, true, Activation.QUICK_GELU, true).mismatch(two)).as("%d threads", threads).isEqualTo(-1);
      }
    }
  }

  /** The result is defined as fused multiply-adds in order over stretches of {@link Gemm#DEPTH}: any lane width and any JIT state give it. */
  @Test
  void equalsItsDefinitionBitForBit() {
    Product p = new Product(9, 83, 1500, 4);
    Consumer<MemorySegment> check = out -> {
      for (int i = 0; i < p.m; i++) {
        for (int j = 0; j < p.n; j++) {
          float sum = 0;
          for (int from = 0; from < p.k; from += Gemm.DEPTH) {
            float part = 0;
            for (int q = from; q < Math.min(from + Gemm.DEPTH, p.k); q++) {
              part = Math.fma(at(p.x, i * p.xStride + q), p.weight[j * p.k + q], part);
            }
            sum = from == 0 ? part : sum + part;
          }
          assertThat(at(out, i * p.outStride + j)).isEqualTo(sum);
        }
      }
    };
    check.accept(p.run(TWO, false, Activation.NONE, false));
    for (int i = 0; i < 300; i++) {
      p.run(TWO, false, Activation.NONE, false);
    }
    check.accept(p.run(TWO, false, Activation.NONE, false));
  }

  @Test
  void readsEveryFloatTypeOnAndOffTheHeap() {
    int n = 67;
    int k = 40;
    short[] halves = new short[n * k];
    short[] brains = new short[n * k];
    float[] fromHalf = new float[n * k];
    float[] fromBrain = new float[n * k];
    double[] doubles = new double[n * k];
    Random random = new Random(5);
    for (int i = 0; i < n * k; i++) {
      float f = random.nextFloat() - 0.5f;
      halves[i] = Float.floatToFloat16(f);
      fromHalf[i] = Float.float16ToFloat(halves[i]);
      brains[i] = (short) (Float.floatToRawIntBits(f) >>> 16);
      fromBrain[i] = Float.intBitsToFloat(brains[i] << 16);
      doubles[i] = fromHalf[i];
    }
    MemorySegment half = packed(HostTensor.of("w", fromHalf, n, k));
    assertThat(packed(new HostTensor("w", DType.F16, Shape.of(n, k), MemorySegment.ofArray(halves))).mismatch(half)).isEqualTo(-1);
    assertThat(packed(new HostTensor("w", DType.F64, Shape.of(n, k), MemorySegment.ofArray(doubles))).mismatch(half)).isEqualTo(-1);
    // An odd address, as a checkpoint's header may leave it.
    MemorySegment odd = ARENA.allocate(2L * n * k + 1, 1).asSlice(1).copyFrom(MemorySegment.ofArray(halves));
    assertThat(packed(new HostTensor("w", DType.F16, Shape.of(n, k), odd)).mismatch(half)).isEqualTo(-1);
    assertThat(packed(new HostTensor("w", DType.BF16, Shape.of(n, k), MemorySegment.ofArray(brains)))
        .mismatch(packed(HostTensor.of("w", fromBrain, n, k)))).isEqualTo(-1);
  }

  private static MemorySegment packed(HostTensor weight) {
    return Panels.pack(TWO, ARENA, weight, WeightFormat.F32).data();
  }

  /** A narrow weight gives, bit for bit, what its numbers, times its scales for bytes, give in f32: few rows and many, depths that end in half a word. */
  @ParameterizedTest
  @EnumSource(names = {"BF16", "INT8"})
  void aNarrowWeightGivesTheBitsOfItsNumbers(WeightFormat format) {
    Random random = new Random(6);
    for (int n : new int[] {1, 17, 64, 130}) {
      for (int k : new int[] {1, 3, 64, 513, 1101}) {
        float[] weight = floats(random, n * k);
        Arrays.fill(weight, 0, k, 0); // an output without weights
        HostTensor exact = HostTensor.of("w", weight, n, k);
        Panels narrow = Panels.pack(TWO, ARENA, exact, format);
        float[] numbers = format.rounded(exact).toFloats();
        float[] scales = new float[n];
        Arrays.fill(scales, 1);
        if (format == WeightFormat.INT8) {
          for (int i = 0; i < n * k; i++) {
            scales[i / k] = WeightFormat.scale(weight, i / k * k, k);
            numbers[i] = WeightFormat.floatToByte(weight[i], scales[i / k]);
          }
        }
        Panels wide = Panels.pack(TWO, ARENA, HostTensor.of("w", numbers, n, k), WeightFormat.F32);
        assertThat(narrow.data().byteSize()).isLessThanOrEqualTo(
            Math.ceilDiv(n, Panels.WIDTH) * Panels.WIDTH * (k + 1L) * (format == WeightFormat.BF16 ? 2 : 1) + 64);
        for (int m : new int[] {1, 2, 3, 7, 20}) {
          MemorySegment x = memory(floats(random, m * k));
          MemorySegment expected = memory(new float[m * n]);
          MemorySegment actual = memory(new float[m * n]);
          Gemm.linear(TWO, x.address(), k, m, wide, new Gemm.Epilogue(0, Activation.NONE, 0, 0, expected.address(), n));
          Gemm.linear(TWO, x.address(), k, m, narrow, new Gemm.Epilogue(0, Activation.NONE, 0, 0, actual.address(), n));
          for (int i = 0; i < m * n; i++) {
            assertThat(at(actual, i)).as("%d x %d x %d at %d", m, n, k, i).isEqualTo(at(expected, i) * scales[i % n]);
          }
        }
      }
    }
  }

  @Test
  void refusesAWeightOfIntegers() {
    assertThatThrownBy(() -> packed(HostTensor.of("w", new int[4], 2, 2))).isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("I32");
  }
}

package azulejo.kernels.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import azulejo.kernels.Activation;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import java.util.function.UnaryOperator;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("lanes")
class ElementaryTest {
  private static final long MEMORY = Arena.global().allocate(16L * Lanes.BYTES, Lanes.BYTES).address();

  private static float first(UnaryOperator<FloatVector> f, float x) {
    return f.apply(FloatVector.broadcast(Lanes.F, x)).lane(0);
  }

  /** Largest error in units in the last place of the exact value, over a fine grid. */
  private static void check(UnaryOperator<FloatVector> f, DoubleUnaryOperator exact, float from, float to, double ulps) {
    for (int i = 0; i <= 3000; i++) {
      float x = from + (to - from) * i / 3000;
      double expected = exact.applyAsDouble(x);
      assertThat((double) first(f, x)).as("at %s", x).isCloseTo(expected, within(ulps * Math.ulp((float) expected)));
    }
  }

  private static UnaryOperator<FloatVector> activation(Activation activation) {
    return x -> {
      Lanes.store(x, MEMORY);
      Elementary.activate(activation, MEMORY, MEMORY, Lanes.COUNT, 0);
      return Lanes.load(MEMORY);
    };
  }

  private static FloatVector weigh(FloatVector x) {
    Lanes.store(x, MEMORY);
    Lanes.store(FloatVector.zero(Lanes.F), MEMORY + Lanes.BYTES);
    Elementary.weigh(MEMORY, Lanes.BYTES, 1, 1, MEMORY + Lanes.BYTES, 0);
    return Lanes.load(MEMORY);
  }

  @Test
  void exponential() {
    check(Elementary::exp, Math::exp, -103, 88.7f, 1.5);
    check(ElementaryTest::weigh, Math::exp, -87, 0, 1.5);
    for (UnaryOperator<FloatVector> exp : List.<UnaryOperator<FloatVector>>of(Elementary::exp, ElementaryTest::weigh)) {
      check(exp, Math::exp, -1, 0, 1.5);
      assertThat(first(exp, 0)).isEqualTo(1);
      assertThat(first(exp, -200)).isZero();
      assertThat(first(exp, Float.NEGATIVE_INFINITY)).isZero();
      assertThat(first(exp, Float.NaN)).isNaN();
    }
    assertThat(first(ElementaryTest::weigh, -88)).isZero();
    check(Elementary::exp, Math::exp, -1, 1, 1.5);
    assertThat(first(Elementary::exp, 89)).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(first(Elementary::exp, Float.POSITIVE_INFINITY)).isEqualTo(Float.POSITIVE_INFINITY);
  }

  /** Three vectors with a gap between them, in one of which lane 0 holds the largest value: e^(2 (x - 5)), and their sum on top of 10. */
  @Test
  void weights() {
    long stride = 2L * Lanes.BYTES;
    long top = MEMORY + 3 * stride;
    long sum = top + Lanes.BYTES;
    for (int i = 0; i < 3; i++) {
      Lanes.store(FloatVector.broadcast(Lanes.F, 5 - i), MEMORY + i * stride);
    }
    Lanes.store(FloatVector.broadcast(Lanes.F, 5), top);
    Lanes.store(FloatVector.broadcast(Lanes.F, 10), sum);
    Elementary.weigh(MEMORY, stride, 3, 2, top, sum);
    for (int i = 0; i < 3; i++) {
      assertThat(Lanes.get(MEMORY + i * stride)).isCloseTo((float) Math.exp(-2 * i), within(1e-7f));
    }
    assertThat(Lanes.get(sum)).isCloseTo((float) (11 + Math.exp(-2) + Math.exp(-4)), within(1e-5f));
  }

  @Test
  void exponentialInDouble() {
    for (int i = 0; i <= 3000; i++) {
      double x = i < 1500 ? -690 + 0.9 * i : -1 + (i - 1500) / 750.0;
      double y = Elementary.exp(DoubleVector.broadcast(Lanes.D, x)).lane(0);
      assertThat(y).as("at %s", x).isCloseTo(Math.exp(x), within(3e-13 * Math.exp(x)));
    }
    assertThat(Elementary.exp(DoubleVector.zero(Lanes.D)).lane(0)).isEqualTo(1);
    assertThat(Elementary.exp(DoubleVector.broadcast(Lanes.D, Double.NEGATIVE_INFINITY)).lane(0)).isBetween(0.0, 1e-300);
    assertThat(Elementary.exp(DoubleVector.broadcast(Lanes.D, Double.NaN)).lane(0)).isNaN();
  }

  @Test
  void logarithm() {
    check(Elementary::log, Math::log, 1e-30f, 1e-28f, 2);
    check(Elementary::log, Math::log, 0.5f, 2, 2);
    check(Elementary::log, Math::log, 0.9999f, 1.0001f, 2);
    check(Elementary::log, Math::log, 1, 1e30f, 2);
    assertThat(first(Elementary::log, 1)).isZero();
    assertThat(first(Elementary::log, 1 - 0x1p-24f)).isEqualTo(-0x1p-24f);
    for (float x = 1e-37f; x < 1e37f; x *= 1.37f) {
      assertThat(Elementary.log(x)).isEqualTo(first(Elementary::log, x));
    }
  }

  @Test
  void silu() {
    check(activation(Activation.SILU), x -> x / (1 + Math.exp(-x)), -87, 30, 3);
    assertThat(first(activation(Activation.SILU), Float.POSITIVE_INFINITY)).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(first(activation(Activation.SILU), -Float.MAX_VALUE)).isEqualTo(-0f);
    assertThat(first(activation(Activation.SILU), Float.NaN)).isNaN();
  }

  /** 1.702 and its product with x are rounded before they go into the exponent, so the relative error grows with x. */
  @Test
  void quickGelu() {
    check(activation(Activation.QUICK_GELU), x -> x / (1 + Math.exp(-1.702 * x)), -1, 30, 4);
    check(activation(Activation.QUICK_GELU), x -> x / (1 + Math.exp(-1.702 * x)), -20, -1, 40);
  }

  /** Its exponent has a rounded cube in it. */
  @Test
  void geluTanh() {
    DoubleUnaryOperator exact = x -> x / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
    check(activation(Activation.GELU_TANH), exact, -1, 20, 5);
    check(activation(Activation.GELU_TANH), exact, -6, -1, 60);
    assertThat(first(activation(Activation.GELU_TANH), Float.MAX_VALUE)).isEqualTo(Float.MAX_VALUE);
    assertThat(first(activation(Activation.GELU_TANH), -Float.MAX_VALUE)).isEqualTo(-0f);
    assertThat(first(activation(Activation.GELU_TANH), Float.NaN)).isNaN();
  }

  /** The upper tail of the normal distribution: its Taylor series near 0, its continued fraction beyond 3. */
  private static double tail(double x) {
    if (x > 3) {
      double f = 0;
      for (int i = 60; i > 0; i--) {
        f = i / (x + f);
      }
      return Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI) / (x + f);
    }
    double term = x;
    double sum = x;
    for (int i = 1; i < 100; i++) {
      term *= -x * x / (2 * i);
      sum += term / (2 * i + 1);
    }
    return 0.5 - sum / Math.sqrt(2 * Math.PI);
  }

  /** Where the values are not lost in rounding x^2 / 2, as deep in the negative tail, a few ulp. */
  @Test
  void gelu() {
    DoubleUnaryOperator exact = x -> x * (x > 0 ? 1 - tail(x) : tail(-x));
    check(activation(Activation.GELU), exact, 0, 20, 5);
    check(activation(Activation.GELU), exact, -1, 0, 6);
    check(activation(Activation.GELU), exact, -4, -1, 24);
    check(activation(Activation.GELU), exact, -12, -4, 140);
    assertThat(first(activation(Activation.GELU), Float.POSITIVE_INFINITY)).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(first(activation(Activation.GELU), -20)).isEqualTo(-0f);
    assertThat(first(activation(Activation.GELU), Float.NaN)).isNaN();
  }

  /** Pairs far apart first: a sum in any other order loses the small values, or keeps them. */
  @Test
  void sumOfLanesInAFixedOrder() {
    int n = Lanes.COUNT;
    float[] lanes = new float[n];
    lanes[0] = 0x1p24f;
    lanes[n / 2] = 1;
    lanes[n / 2 + 1] = 1;
    lanes[1] = 1;
    float[] tree = lanes.clone();
    for (int half = n / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; i++) {
        tree[i] += tree[i + half];
      }
    }
    assertThat(Elementary.sum(FloatVector.fromArray(Lanes.F, lanes, 0))).isEqualTo(tree[0]);
  }

  @Test
  void activatesAnyNumberOfFloatsAndNoMore() {
    try (Arena arena = Arena.ofConfined()) {
      for (Activation activation : Activation.values()) {
        for (int n = 0; n <= 2 * Lanes.COUNT + 1; n++) {
          float[] values = new float[3 * Lanes.COUNT];
          Arrays.fill(values, 7);
          MemorySegment x = arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
          MemorySegment out = arena.allocate(x.byteSize(), 4).fill((byte) 0);
          Elementary.activate(activation, x.address(), out.address(), n, MEMORY);
          for (int i = 0; i < out.byteSize() / 4; i++) {
            float y = out.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            assertThat(y != 0).as("%s of %d, element %d is %s", activation, n, i, y).isEqualTo(i < n);
          }
        }
      }
    }
  }
}

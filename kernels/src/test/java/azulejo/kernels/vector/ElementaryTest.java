package azulejo.kernels.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.function.DoubleUnaryOperator;
import java.util.function.UnaryOperator;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;

class ElementaryTest {
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

  @Test
  void exponential() {
    check(Elementary::exp, Math::exp, -103, 88.7f, 1.5);
    check(Elementary::exp, Math::exp, -1, 1, 1.5);
    assertThat(first(Elementary::exp, 0)).isEqualTo(1);
    assertThat(first(Elementary::exp, -200)).isZero();
    assertThat(first(Elementary::exp, Float.NEGATIVE_INFINITY)).isZero();
    assertThat(first(Elementary::exp, 89)).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(first(Elementary::exp, Float.POSITIVE_INFINITY)).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(first(Elementary::exp, Float.NaN)).isNaN();
  }

  @Test
  void sigmoid() {
    check(Elementary::sigmoid, x -> 1 / (1 + Math.exp(-x)), -87, 30, 3);
    assertThat(first(Elementary::sigmoid, -200)).isZero();
    assertThat(first(Elementary::sigmoid, 200)).isEqualTo(1);
  }

  /** erf by its Taylor series in double; past 3 the series loses digits, there erf is compared with 1 - erfc from its continued fraction. */
  private static double erf(double x) {
    if (Math.abs(x) > 3) {
      double f = 0;
      for (int i = 60; i > 0; i--) {
        f = i / 2.0 / (Math.abs(x) + f);
      }
      return Math.signum(x) * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (Math.abs(x) + f));
    }
    double term = x;
    double sum = x;
    for (int i = 1; i < 100; i++) {
      term *= -x * x / i;
      sum += term / (2 * i + 1);
    }
    return sum * 2 / Math.sqrt(Math.PI);
  }

  @Test
  void errorFunction() {
    check(Elementary::erf, ElementaryTest::erf, -6, 6, 2);
    check(Elementary::erf, ElementaryTest::erf, -0.01f, 0.01f, 2);
    assertThat(first(Elementary::erf, Float.POSITIVE_INFINITY)).isEqualTo(1);
    assertThat(first(Elementary::erf, Float.NEGATIVE_INFINITY)).isEqualTo(-1);
    assertThat(first(Elementary::erf, -0f)).isEqualTo(-0f);
    assertThat(first(Elementary::erf, Float.NaN)).isNaN();
  }
}

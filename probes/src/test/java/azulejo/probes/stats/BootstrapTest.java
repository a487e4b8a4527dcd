package azulejo.probes.stats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;

class BootstrapTest {
  private static final double[] VALUES = {0.31, 0.28, 0.44, 0.35, 0.29, 0.52, 0.33, 0.38, 0.30, 0.41};

  @Test
  void meanWithItsInterval() {
    Estimate estimate = Bootstrap.STANDARD.mean(VALUES);
    assertThat(estimate.value()).isCloseTo(0.361, within(1e-12)); // the ten values' sum is 3.61
    assertThat(estimate.n()).isEqualTo(10);
    // Student's interval, 2.262 * 0.07666 / sqrt(10), ends 0.0548 on either side; BCa moves both ends to the right, as the values are
    // skewed to the right.
    assertThat(estimate.low()).isBetween(0.361 - 0.0548, 0.361 - 0.0350);
    assertThat(estimate.high()).isBetween(0.361 + 0.0450, 0.361 + 0.0850);
  }

  @Test
  void theSeedDecidesEverything() {
    assertThat(new Bootstrap(1000, 7).mean(VALUES)).isEqualTo(new Bootstrap(1000, 7).mean(VALUES))
        .isNotEqualTo(new Bootstrap(1000, 8).mean(VALUES));
  }

  @Test
  void everyStatisticSeesTheSameResamples() {
    List<Integer> first = new ArrayList<>();
    List<Integer> second = new ArrayList<>();
    Bootstrap.STANDARD.resample(5, prompts -> first.add(Arrays.hashCode(prompts)));
    Bootstrap.STANDARD.resample(5, prompts -> second.add(Arrays.hashCode(prompts)));
    assertThat(first).isEqualTo(second).hasSize(Bootstrap.STANDARD.replicates());
  }

  @Test
  void shiftsAndScalesWithTheValues() {
    Estimate plain = Bootstrap.STANDARD.mean(VALUES);
    Estimate moved = Bootstrap.STANDARD.mean(Arrays.stream(VALUES).map(v -> 3 * v - 10).toArray());
    assertThat(moved.value()).isCloseTo(3 * plain.value() - 10, within(1e-9));
    assertThat(moved.low()).isCloseTo(3 * plain.low() - 10, within(1e-9));
    assertThat(moved.high()).isCloseTo(3 * plain.high() - 10, within(1e-9));
  }

  @Test
  void equalValuesLeaveNoDoubt() {
    double[] zeros = new double[12];
    assertThat(Bootstrap.STANDARD.mean(zeros)).isEqualTo(new Estimate(0, 0, 0, 12));
  }

  @Test
  void fewPromptsGiveNoInterval() {
    assertThat(Bootstrap.STANDARD.mean(new double[] {1, 2, 3}).hasInterval()).isFalse();
    assertThat(Bootstrap.STANDARD.mean(new double[] {1, 2, 3, 4}).hasInterval()).isTrue();
    assertThatThrownBy(() -> Bootstrap.STANDARD.mean(new double[0])).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aStatisticThatIsNotANumberGivesNoInterval() {
    assertThat(Bootstrap.STANDARD.estimate(8, prompts -> Double.NaN).hasInterval()).isFalse();
    assertThat(Bootstrap.STANDARD.estimate(8, prompts -> 1.0 / Arrays.stream(prompts).filter(p -> p == 0).count()).hasInterval()).isFalse();
  }

  /**
   * How often the interval holds the truth. Of 20000 trials it was 0.947, 0.927 and 0.932; plain BCa intervals held it in 0.919, 0.859 and
   * 0.904, plain percentiles in 0.921, 0.861 and 0.895. The bounds are three standard errors of 4000 trials around the former, and leave
   * out the others.
   */
  @Test
  void coverage() {
    assertThat(coverage(16, SplittableRandom::nextGaussian, 0)).isBetween(0.936, 0.958);
    assertThat(coverage(6, SplittableRandom::nextGaussian, 0)).isBetween(0.914, 0.940);
    assertThat(coverage(16, SplittableRandom::nextExponential, 1)).isBetween(0.920, 0.944);
  }

  private static double coverage(int n, ToDoubleFunction<SplittableRandom> draw, double truth) {
    SplittableRandom random = new SplittableRandom(1);
    int trials = 4000;
    int held = 0;
    for (int t = 0; t < trials; t++) {
      double[] values = DoubleStream.generate(() -> draw.applyAsDouble(random)).limit(n).toArray();
      Estimate e = new Bootstrap(1000, t).mean(values);
      held += e.low() <= truth && truth <= e.high() ? 1 : 0;
    }
    return (double) held / trials;
  }
}

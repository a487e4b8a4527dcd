package azulejo.probes.stats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NormalTest {
  /** Abramowitz and Stegun, table 26.1. */
  @ParameterizedTest
  @CsvSource({"0, 0.5", "1, 0.841344746068543", "1.96, 0.975002104851780", "-3, 0.001349898031630", "5, 0.999999713348428"})
  void distribution(double z, double p) {
    assertThat(Normal.below(z)).isCloseTo(p, within(1e-14));
  }

  @ParameterizedTest
  @ValueSource(doubles = {1e-6, 0.025, 0.31, 0.5, 0.975, 0.9999})
  void quantileIsTheInverse(double p) {
    assertThat(Normal.below(Normal.quantile(p))).isCloseTo(p, within(1e-14));
  }

  /** Two-sided 95% points of any table of Student's t. */
  @ParameterizedTest
  @CsvSource({"3, 3.182", "7, 2.365", "15, 2.131", "60, 2.000"})
  void student(int freedom, double t) {
    assertThat(Normal.student(1.959964, freedom)).isCloseTo(t, within(0.01 * t));
  }

  @Test
  void farTails() {
    assertThat(Normal.below(-40)).isZero();
    assertThat(Normal.below(40)).isOne();
  }
}

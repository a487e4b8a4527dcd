package azulejo.probes.stats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class CodeUsageTest {
  /** 4, 2, 1, 1 of 8: 1/2 ln 2 + 1/4 ln 4 + 2/8 ln 8 = 1.75 ln 2; the correction is 3 / 16. */
  @Test
  void byHand() {
    CodeUsage u = CodeUsage.of(new long[] {4, 0, 2, 1, 1, 0, 0, 0});
    assertThat(u.entropy()).isCloseTo(1.75 * Math.log(2), within(1e-12));
    assertThat(u.corrected()).isCloseTo(1.75 * Math.log(2) + 3.0 / 16, within(1e-12));
    assertThat(u.perplexity()).isCloseTo(Math.pow(2, 1.75), within(1e-12));
    assertThat(u.coverage()).isEqualTo(0.5);
    assertThat(u.tokens()).isEqualTo(8);
  }

  @Test
  void extremes() {
    assertThat(CodeUsage.of(new long[] {7, 7, 7, 7}).perplexity()).isCloseTo(4, within(1e-12));
    assertThat(CodeUsage.of(new long[] {0, 9}).entropy()).isZero();
    assertThat(CodeUsage.of(new long[4])).isEqualTo(new CodeUsage(0, 0, 4, 0, 0));
  }
}

package azulejo.probes.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class CodeUsageTest {
  @Test
  void countsWhatWasUsed() {
    CodeUsage usage = CodeUsage.of(8, List.of(new int[] {0, 3, 0, 3}, new int[] {5, 6, 5, 6}));
    assertThat(usage.used()).isEqualTo(4);
    assertThat(usage.coverage()).isEqualTo(0.5);
    assertThat(usage.entropy()).isCloseTo(Math.log(4), within(1e-12));
    assertThat(usage.perplexity()).isCloseTo(4, within(1e-12));
    assertThat(usage.millerMadow()).isCloseTo(Math.log(4) + 3 / 16.0, within(1e-12));
  }

  /** 64 equally likely codes from 128 samples each time: the observed entropy is short by about 63 / 256 nats, the corrected one by a fraction of that. */
  @Test
  void theCorrectionTakesMostOfTheBiasAway() {
    Random random = new Random(4);
    double plain = 0;
    double corrected = 0;
    for (int i = 0; i < 200; i++) {
      CodeUsage usage = CodeUsage.of(64, List.of(random.ints(128, 0, 64).toArray()));
      plain += usage.entropy() / 200;
      corrected += usage.millerMadow() / 200;
    }
    assertThat(plain).isCloseTo(Math.log(64) - 63 / 256.0, within(0.05));
    assertThat(Math.abs(corrected - Math.log(64))).isLessThan(0.25 * (Math.log(64) - plain));
  }

  @Test
  void refusesNothing() {
    assertThatThrownBy(() -> CodeUsage.of(8, List.of())).isInstanceOf(IllegalArgumentException.class);
  }
}

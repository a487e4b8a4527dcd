package azulejo.probes.stats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ComparisonTest {
  /** Differences 1, 2, 3, 4, 5 by hand: mean 3, deviation sqrt(2.5), dz 3 / sqrt(2.5) = 1.897, g = dz (1 - 3 / 15) = 1.518. */
  @Test
  void handComputed() {
    Comparison c = Comparison.of(values(10, 10, 10, 10, 10), values(11, 12, 13, 14, 15), Bootstrap.STANDARD);
    assertThat(c.difference().value()).isEqualTo(3);
    assertThat(c.relative().value()).isCloseTo(0.3, within(1e-12));
    assertThat(c.dz()).isCloseTo(1.8974, within(1e-4));
    assertThat(c.g()).isCloseTo(1.5179, within(1e-4));
    assertThat(c.difference().excludesZero()).isTrue();
  }

  /** Prompts differ much more than the conditions do: an unpaired interval would be over 100 wide. */
  @Test
  void promptsAreComparedWithThemselves() {
    Comparison c = Comparison.of(values(0, 100, 200, 300, 400, 500), values(1, 101.2, 200.9, 301.1, 400.8, 501), Bootstrap.STANDARD);
    assertThat(c.difference().value()).isCloseTo(1, within(1e-9));
    assertThat(c.difference().low()).isBetween(0.7, 1.0);
    assertThat(c.difference().high()).isBetween(1.0, 1.3);
  }

  @Test
  void onlyPromptsThatBothHave() {
    Map<String, Double> shorter = values(2, 3);
    assertThat(Comparison.of(values(1, 1, 50, 60), shorter, Bootstrap.STANDARD).difference()).isEqualTo(Estimate.withoutInterval(1.5, 2));
    assertThatThrownBy(() -> Comparison.of(values(1), Map.of(), Bootstrap.STANDARD)).isInstanceOf(IllegalArgumentException.class);
  }

  /** Diversity that argmax takes away from every prompt alike has no spread, so no effect size in units of spread. */
  @Test
  void noSpread() {
    Comparison c = Comparison.of(values(0.5, 0.5, 0.5, 0.5), values(0, 0, 0, 0), Bootstrap.STANDARD);
    assertThat(c.relative()).isEqualTo(new Estimate(-1, -1, -1, 4));
    assertThat(c.dz()).isInfinite();
  }

  private static Map<String, Double> values(double... values) {
    Map<String, Double> byPrompt = new LinkedHashMap<>();
    for (double v : values) {
      byPrompt.put("p" + byPrompt.size(), v);
    }
    return byPrompt;
  }
}

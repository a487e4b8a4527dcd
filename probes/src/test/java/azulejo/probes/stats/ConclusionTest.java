package azulejo.probes.stats;

import static azulejo.probes.stats.Conclusion.Strategy.COMPRESSION_PRIORITISED;
import static azulejo.probes.stats.Conclusion.Strategy.DECOUPLED;
import static azulejo.probes.stats.Conclusion.Strategy.DIVERSITY_PRIORITISED;
import static azulejo.probes.stats.Conclusion.Strategy.UNDECIDED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class ConclusionTest {

  /**
   * Relative effects from the paper: figure 10's codebook step and argmax to zero; figure 9's three steps; for aMUSEd
   * "significant" drops of both (section 4.2.1).
   */
  @Test
  void thePapersModelsGetThePapersNames() {
    assertThat(Conclusion.classify(-0.025 / 0.602, -1, 0.080 / 0.602)).isEqualTo(COMPRESSION_PRIORITISED);
    assertThat(Conclusion.classify(-0.080 / 0.840, -0.005 / 0.840, -0.003 / 0.840)).isEqualTo(DECOUPLED);
    assertThat(Conclusion.classify(-0.15, -0.2, 0.1)).isEqualTo(DIVERSITY_PRIORITISED);
  }

  @Test
  void theRestIsUndecided() {
    assertThat(Conclusion.classify(-0.3, -1, 0.1)).as("no path, but many codes in use").isEqualTo(UNDECIDED);
    assertThat(Conclusion.classify(0.01, -0.3, 0.1)).as("execution, but few codes in use").isEqualTo(UNDECIDED);
    assertThat(Conclusion.classify(-0.1, 0, 0.2)).as("path, but paraphrases matter").isEqualTo(UNDECIDED);
    assertThat(Conclusion.classify(-0.1, 0.2, 0)).as("argmax adds diversity").isEqualTo(UNDECIDED);
  }

  @Test
  void clearEffects() {
    Conclusion c = Conclusion.of(around(0.6, 1), around(0.59, 2), around(0, 3, 0), around(0.68, 4), Bootstrap.STANDARD);
    assertThat(c.label()).isEqualTo(COMPRESSION_PRIORITISED);
    assertThat(c.argmax().value()).isEqualTo(-1);
    assertThat(c.shares().get(COMPRESSION_PRIORITISED)).isGreaterThan(0.95);
    assertThat(c.shares().values().stream().mapToDouble(s -> s).sum()).isCloseTo(1, within(1e-9));
  }

  /** An argmax effect at the threshold itself: half of the replicates fall on either side, so no label is given. */
  @Test
  void doubt() {
    Map<String, Double> argmax = new LinkedHashMap<>();
    around(0.6, 1).forEach((p, v) -> argmax.put(p, v - 0.05 * 0.6 + (argmax.size() % 2 == 0 ? 0.02 : -0.02)));
    Conclusion c = Conclusion.of(around(0.6, 1), around(0.5, 2, 0), argmax, around(0.6, 1), Bootstrap.STANDARD);
    assertThat(c.label()).isEqualTo(UNDECIDED);
    assertThat(c.shares().get(c.leading())).isLessThan(Conclusion.AGREEMENT);
  }

  /** All replicates of one prompt agree with it, which proves nothing. */
  @Test
  void fewPromptsDecideNothing() {
    Map<String, Double> one = Map.of("p0", 1.0);
    assertThat(Conclusion.of(one, one, one, one, Bootstrap.STANDARD).label()).isEqualTo(UNDECIDED);
  }

  private static Map<String, Double> around(double mean, long seed) {
    return around(mean, seed, 0.01);
  }

  private static Map<String, Double> around(double mean, long seed, double deviation) {
    SplittableRandom random = new SplittableRandom(seed);
    Map<String, Double> values = new LinkedHashMap<>();
    for (int p = 0; p < 16; p++) {
      values.put("p" + p, mean + deviation * random.nextGaussian());
    }
    return values;
  }
}

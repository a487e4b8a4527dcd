package azulejo.probes.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import azulejo.probes.stats.Estimate;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;

class AxisTest {
  @Test
  void endsOnRoundNumbers() {
    Axis axis = Axis.covering(0.013, 0.478, 4, 0, 100);
    assertThat(axis.ticks().stream().map(axis::label)).containsExactly("0.0", "0.1", "0.2", "0.3", "0.4", "0.5");
    assertThat(axis.at(0.25)).isCloseTo(50, within(1e-9));
  }

  @Test
  void oneNumberStillHasAScale() {
    assertThat(Axis.covering(0, 0, 3, 0, 100).at(0)).isFinite();
    Axis axis = Axis.covering(5, 5, 3, 0, 100);
    assertThat(axis.low()).isLessThan(5);
    assertThat(axis.high()).isGreaterThan(5);
    assertThat(Axis.lying(List.of(), true, 0, 100).ticks()).isNotEmpty();
    assertThat(Axis.lying(List.of(Estimate.withoutInterval(0, 3)), true, 0, 100).ticks()).isNotEmpty();
  }

  /** Whatever the numbers: all of them are on the axis, ticks are few, and labels do not run into each other. */
  @RepeatedTest(50)
  void anyNumbers(RepetitionInfo repetition) {
    SplittableRandom random = new SplittableRandom(repetition.getCurrentRepetition());
    double scale = Math.pow(10, random.nextInt(-4, 5));
    List<Estimate> estimates = random.doubles(5, -scale, 2 * scale).mapToObj(v -> new Estimate(v, v - scale / 9, v + scale / 9, 4))
        .toList();
    for (Axis axis : List.of(Axis.covering(estimates, true, 4, 10, 200), Axis.lying(estimates, true, 10, 200))) {
      for (Estimate e : estimates) {
        assertThat(e.low()).isGreaterThanOrEqualTo(axis.low());
        assertThat(e.high()).isLessThanOrEqualTo(axis.high());
      }
      assertThat(axis.ticks()).hasSizeBetween(1, 9).anyMatch(t -> Math.abs(t) < 1e-12 * scale);
      assertThat(axis.ticks().stream().map(axis::label)).doesNotHaveDuplicates();
    }
    Axis lying = Axis.lying(estimates, true, 10, 200);
    List<Double> ticks = lying.ticks();
    for (int i = 1; i < ticks.size(); i++) {
      assertThat(lying.at(ticks.get(i)) - lying.at(ticks.get(i - 1)))
          .isGreaterThan(Svg.widthOf(lying.label(ticks.get(i))) * (ticks.size() > 2 ? 1 : 0));
    }
  }
}

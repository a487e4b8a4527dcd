package azulejo.probes.stats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;

class FactorialTest {
  private static final Bootstrap FEW = new Bootstrap(100, 1);
  private static final List<String> THREE = List.of("sampling", "prompt", "codebook");

  /**
   * Cells 1, 3, 4, 10: effect of the first (3 - 1 + 10 - 4) / 2 = 4, of the second (4 - 1 + 10 - 3) / 2 = 5, interaction ((10 -
   * 4) - (3 - 1)) / 2 = 2.
   */
  @Test
  void twoByTwoByHand() {
    Factorial f = Factorial.of(List.of("a", "b"), cells(1, 3, 4, 10), FEW);
    assertThat(f.effects()).extracting(f::name).containsExactly("a", "b", "a \u00d7 b");
    assertThat(sizes(f)).containsExactly(4, 5, 2);
    Factorial.Waterfall w = f.waterfall();
    assertThat(List.of(w.start().value(), w.additive().value(), w.actual().value(), w.gap().value())).containsExactly(1.0, 10.0, 10.0, 0.0);
  }

  /** Cells (codebook prompt sampling) 000, 001, ... 111. */
  @Test
  void twoByTwoByTwoByHand() {
    Factorial f = Factorial.of(THREE, cells(1, 2, 4, 6, 3, 7, 5, 20), FEW);
    assertThat(f.effects()).extracting(f::name).containsExactly("sampling", "prompt", "codebook",
        "sampling \u00d7 prompt", "sampling \u00d7 codebook", "prompt \u00d7 codebook", "sampling \u00d7 prompt \u00d7 codebook");
    // sampling: ((2 - 1) + (6 - 4) + (7 - 3) + (20 - 5)) / 4 = 5.5;
    // prompt: (3 + 4 + 2 + 13) / 4 = 5.5; codebook: (2 + 5 + 1 + 14) / 4 = 5.5
    // sampling x prompt: ((2 - 1) + (15 - 4)) / 4 = 3;
    // sampling x codebook: ((4 - 1) + (15 - 2)) / 4 = 4; prompt x codebook: ((2 - 3) + (13 - 4)) / 4 = 2
    // all: ((15 - 4) - (2 - 1)) / 4 = 2.5
    assertThat(sizes(f)).containsExactly(5.5, 5.5, 5.5, 3, 4, 2, 2.5);
    assertThat(f.waterfall().additive().value()).isEqualTo(17.5);
    assertThat(f.waterfall().gap().value()).isEqualTo(2.5);
  }

  /** The paper's figure 9: 0.755 + 0.005 - 0.003 + 0.080 = 0.837, no gap. */
  @Test
  void thePapersVqDiffusion() {
    double[] effects = {0.005, -0.003, 0.080};
    double[] cells = IntStream.range(0, 8)
        .mapToDouble(c -> 0.755 + IntStream.range(0, 3).filter(i -> (c >> i & 1) == 1).mapToDouble(i -> effects[i]).sum()).toArray();
    Factorial.Waterfall w = Factorial.of(THREE, cells(cells), FEW).waterfall();
    assertThat(w.steps().get(0).value()).isCloseTo(0.005, within(1e-12));
    assertThat(w.steps().get(1).value()).isCloseTo(-0.003, within(1e-12));
    assertThat(w.steps().get(2).value()).isCloseTo(0.080, within(1e-12));
    assertThat(w.additive().value()).isCloseTo(0.837, within(1e-12));
    assertThat(w.gap().value()).isCloseTo(0, within(1e-12));
  }

  /** What the report says about the gap, on random cells: always nothing with two factors, the three-way interaction with three. */
  @RepeatedTest(20)
  void theGap(RepetitionInfo repetition) {
    SplittableRandom random = new SplittableRandom(repetition.getCurrentRepetition());
    Factorial two = Factorial.of(List.of("a", "b"), random(random, 4), FEW);
    assertThat(two.waterfall().gap().value()).isCloseTo(0, within(1e-12));
    Factorial three = Factorial.of(THREE, random(random, 8), FEW);
    assertThat(three.waterfall().gap().value()).isCloseTo(three.effects().getLast().size().value(), within(1e-12));
  }

  /** Half of every effect, added or subtracted, is the design again: nothing is lost. */
  @RepeatedTest(10)
  void effectsRebuildTheCells(RepetitionInfo repetition) {
    double[][] cells = random(new SplittableRandom(repetition.getCurrentRepetition()), 8);
    Factorial f = Factorial.of(THREE, cells, FEW);
    double grand = IntStream.range(0, 8).mapToDouble(c -> mean(cells[c])).average().orElseThrow();
    for (int c = 0; c < 8; c++) {
      int cell = c;
      double rebuilt = grand + f.effects().stream()
          .mapToDouble(e -> e.size().value() / 2 * (Integer.bitCount(e.factors() & ~cell) % 2 == 0 ? 1 : -1)).sum();
      assertThat(rebuilt).isCloseTo(mean(cells[c]), within(1e-12));
    }
  }

  @Test
  void cellsMustMatch() {
    assertThatThrownBy(() -> Factorial.of(THREE, cells(1, 2, 3, 4), FEW)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Factorial.of(List.of("a"), new double[][] {{1, 2}, {1}}, FEW)).isInstanceOf(IllegalArgumentException.class);
  }

  private static double mean(double[] values) {
    return IntStream.range(0, values.length).mapToDouble(i -> values[i]).average().orElseThrow();
  }

  private static double[] sizes(Factorial f) {
    return f.effects().stream().mapToDouble(e -> e.size().value()).toArray();
  }

  /** Five prompts that are all alike. */
  private static double[][] cells(double... means) {
    return IntStream.range(0, means.length).mapToObj(c -> new double[] {means[c], means[c], means[c], means[c], means[c]})
        .toArray(double[][]::new);
  }

  private static double[][] random(SplittableRandom random, int cells) {
    return IntStream.range(0, cells).mapToObj(_ -> random.doubles(6).toArray()).toArray(double[][]::new);
  }
}

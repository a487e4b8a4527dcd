package azulejo.probes.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What is made of features' eigenvalues and kernels: the Frechet and the kernel distance, the Vendi scores. */
class SpectraTest {
  private static List<float[]> normal(int n, int d, long seed) {
    Random random = new Random(seed);
    return IntStream.range(0, n).mapToObj(_ -> {
      float[] vector = new float[d];
      for (int i = 0; i < d; i++) {
        vector[i] = (float) ((i + 1) * random.nextGaussian());
      }
      return vector;
    }).toList();
  }

  private static float[] unit(int d, int i) {
    float[] vector = new float[d];
    vector[i] = 1;
    return vector;
  }

  // ---- Frechet ------------------------------------------------------------------------------------------------------------

  /** In one dimension (m1 - m2)^2 + (s1 - s2)^2: samples 1, 3 and 10, 16 have the means 2 and 13, the deviations sqrt 2 and sqrt 18. */
  @Test
  void frechetInOneDimension() {
    Gaussian x = Gaussian.of(List.of(new float[] {1}, new float[] {3}));
    Gaussian y = Gaussian.of(List.of(new float[] {10}, new float[] {16}));
    assertThat(x.distance(y)).isCloseTo(121 + 8, within(1e-9));
  }

  @Test
  void frechetOfACollectionToItselfIsNothing() {
    for (int n : new int[] {5, 40}) {
      Gaussian x = Gaussian.of(normal(n, 12, 1));
      assertThat(x.distance(x)).isCloseTo(0, within(1e-9));
    }
  }

  /** Numbers that are always 0 change nothing, but with them there are fewer vectors than dimensions, and the covariance is factored in another way. */
  @Test
  void frechetIsTheSameWithFewerVectorsThanDimensions() {
    List<float[]> x = normal(50, 7, 1);
    List<float[]> y = normal(60, 7, 2);
    double wide = Gaussian.of(padded(x)).distance(Gaussian.of(padded(y)));
    assertThat(Gaussian.of(x).distance(Gaussian.of(y))).isCloseTo(wide, within(1e-9 * wide));
    assertThat(Gaussian.of(x).distance(Gaussian.of(padded(y).stream().map(v -> Arrays.copyOf(v, 7)).toList()))).isCloseTo(wide, within(1e-9 * wide));
  }

  private static List<float[]> padded(List<float[]> vectors) {
    return vectors.stream().map(v -> Arrays.copyOf(v, 100)).toList();
  }

  // ---- kernel distance ----------------------------------------------------------------------------------------------------

  /** By hand, with D = 1: k(x, y) = (xy + 1)^3. x = 1, 2; y = 0, 1: within 27 and 1, across 1, 8, 1, 27 with the mean 9.25. */
  @Test
  void kernelDistanceOfFourNumbers() {
    double distance = KernelDistance.of(List.of(new float[] {1}, new float[] {2}), List.of(new float[] {0}, new float[] {1}));
    assertThat(distance).isCloseTo(27 + 1 - 2 * 9.25, within(1e-12));
  }

  /** Unbiased: over many draws from one distribution the mean is 0, well within its own error. */
  @Test
  void kernelDistanceOfOneDistributionIsNothingOnAverage() {
    double[] values = IntStream.range(0, 400).mapToDouble(i -> KernelDistance.of(normal(8, 3, 2 * i), normal(6, 3, 2 * i + 1))).toArray();
    double mean = Arrays.stream(values).average().orElseThrow();
    double variance = Arrays.stream(values).map(v -> (v - mean) * (v - mean)).sum() / values.length;
    assertThat(mean).isCloseTo(0, within(4 * Math.sqrt(variance / values.length)));
  }

  @Test
  void kernelDistanceOfManyIsThatOfTheirSubsets() {
    List<float[]> many = normal(KernelDistance.SUBSET + 200, 2, 5);
    List<float[]> shifted = many.stream().map(v -> new float[] {v[0] + 1, v[1]}).toList();
    double distance = KernelDistance.of(many, shifted);
    assertThat(KernelDistance.of(many, shifted)).isEqualTo(distance);
    double whole = KernelDistance.of(many.subList(0, KernelDistance.SUBSET), shifted.subList(200, KernelDistance.SUBSET + 200));
    assertThat(distance).isCloseTo(whole, within(0.5 * whole)).isPositive();
  }

  // ---- Vendi --------------------------------------------------------------------------------------------------------------

  @Test
  void vendiCountsWhatHasNothingInCommon() {
    List<float[]> apart = IntStream.range(0, 5).mapToObj(i -> unit(8, i)).toList();
    assertThat(Vendi.score(apart)).isCloseTo(5, within(1e-9));
    assertThat(Vendi.score(Collections.nCopies(5, unit(8, 2)))).isCloseTo(1, within(1e-9));
    List<float[]> twice = new ArrayList<>(apart);
    twice.addAll(apart);
    assertThat(Vendi.score(twice)).isCloseTo(5, within(1e-9));
  }

  /** Twelve vectors in five dimensions go by the smaller matrix, and by the larger one when they get dimensions that are always 0. */
  @Test
  void vendiIsTheSameByEitherMatrix() {
    List<float[]> vectors = normal(12, 5, 3);
    assertThat(Vendi.score(vectors)).isCloseTo(Vendi.score(padded(vectors)), within(1e-6));
  }

  @Test
  void conditionalVendiSplitsWhatPromptsExplain() {
    // two prompts with nothing in common, two images each
    List<float[]> texts = List.of(unit(4, 0), unit(4, 0), unit(4, 1), unit(4, 1));
    List<float[]> byPrompt = List.of(unit(8, 0), unit(8, 0), unit(8, 1), unit(8, 1));
    assertThat(Vendi.conditional(byPrompt, texts)).isCloseTo(1, within(1e-9));
    assertThat(Vendi.information(byPrompt, texts)).isCloseTo(2, within(1e-9));
    List<float[]> byChance = List.of(unit(8, 0), unit(8, 1), unit(8, 0), unit(8, 1));
    assertThat(Vendi.conditional(byChance, texts)).isCloseTo(2, within(1e-9));
    assertThat(Vendi.information(byChance, texts)).isCloseTo(1, within(1e-9));
    List<float[]> onePrompt = Collections.nCopies(4, unit(4, 3));
    assertThat(Vendi.conditional(byChance, onePrompt)).isCloseTo(Vendi.score(byChance), within(1e-9));
  }
}

package azulejo.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PathSurprisalTest {
  /** Rates alike, apart by a factor of e^30, and apart by up to e^300. */
  @Test
  void itIsTheSumOverAllOrdersInWhichTheSetMayArriveFirst() {
    Random random = new Random(5);
    for (int n = 2; n <= 6; n++) {
      for (double spread : new double[] {0, 1, 5, 30, 300}) {
        for (int trial = 0; trial < 20; trial++) {
          double[] logRates = random.doubles(n, -1, 1).map(x -> x * spread).toArray();
          for (int set = 1; set < (1 << n) - 1; set++) {
            boolean[] kept = members(set, n);
            double expected = -logOrders(logRates, kept, new boolean[n]);
            assertThat(PathSurprisal.of(logRates, kept)).as("%s of %s", Arrays.toString(kept), Arrays.toString(logRates))
                .isCloseTo(expected, within(1e-10 + 1e-10 * expected));
          }
        }
      }
    }
  }

  /** The log probability that the kept cells that have not arrived yet all do before any other cell, one first arrival after the other. */
  private static double logOrders(double[] logRates, boolean[] kept, boolean[] arrived) {
    double left = Double.NEGATIVE_INFINITY;
    boolean done = true;
    for (int i = 0; i < logRates.length; i++) {
      left = arrived[i] ? left : logAdd(left, logRates[i]);
      done &= !kept[i] || arrived[i];
    }
    double sum = done ? 0 : Double.NEGATIVE_INFINITY;
    for (int i = 0; i < logRates.length && !done; i++) {
      if (kept[i] && !arrived[i]) {
        arrived[i] = true;
        sum = logAdd(sum, logRates[i] - left + logOrders(logRates, kept, arrived));
        arrived[i] = false;
      }
    }
    return sum;
  }

  private static double logAdd(double a, double b) {
    double max = Math.max(a, b);
    return Double.isInfinite(max) ? max : max + Math.log1p(Math.exp(Math.min(a, b) - max));
  }

  @Test
  void theSetsOfASizeExcludeEachOtherAndOneOfThemComesTrue() {
    Random random = new Random(6);
    int n = 12;
    for (double spread : new double[] {0, 3, 40}) {
      double[] logRates = random.doubles(n, -1, 1).map(x -> x * spread).toArray();
      double[] sums = new double[n + 1];
      for (int set = 0; set < 1 << n; set++) {
        sums[Integer.bitCount(set)] += Math.exp(-PathSurprisal.of(logRates, members(set, n)));
      }
      for (double sum : sums) {
        assertThat(sum).isCloseTo(1, within(1e-9));
      }
    }
  }

  /** A thousand cells, as many as a large image has: half of them kept of equal rates is one of C(1024, 512) sets. */
  @Test
  void equalRatesMakeAllSetsOfASizeEquallyLikely() {
    double[] logRates = new double[1024];
    Arrays.fill(logRates, -3);
    boolean[] kept = new boolean[1024];
    double expected = 0;
    for (int i = 0; i < 512; i++) {
      kept[2 * i] = true;
      expected += Math.log(1024 - i) - Math.log(512 - i);
    }
    assertThat(PathSurprisal.of(logRates, kept)).isCloseTo(expected, within(1e-10 * expected));
  }

  /**
   * As the temperature falls the likeliest cells stay for certain. A set with a less likely cell needs that one to come before a likelier: of p = 0.5, 0.3 and
   * 0.1 the first and third have log P of (log 0.1 - log 0.3) / temperature.
   */
  @Test
  void nearTemperatureZeroTheLikeliestStay() {
    float[] p = {0.5f, 0.3f, 0.1f};
    for (float temperature : new float[] {0.02f, 0.005f, 0.001f}) {
      double[] logRates = {PathSurprisal.logRate(p[0], temperature), PathSurprisal.logRate(p[1], temperature), PathSurprisal.logRate(p[2], temperature)};
      assertThat(PathSurprisal.of(logRates, new boolean[] {true, true, false})).isCloseTo(0, within(1e-10));
      assertThat(temperature * PathSurprisal.of(logRates, new boolean[] {true, false, true})).isCloseTo(Math.log(3), within(1e-6));
    }
  }

  /** A few of very many cells, and nearly all of them; no rate is too small. */
  @Test
  void itIsFiniteForAnyRates() {
    Random random = new Random(7);
    for (double spread : new double[] {0, 10, 1000, 46_000}) {
      for (int count : new int[] {1, 2, 500, 1022, 1023}) {
        double[] logRates = random.doubles(1024, -1, 0).map(x -> x * spread).toArray();
        boolean[] kept = new boolean[1024];
        for (int i = 0; i < count; i++) {
          kept[i] = true;
        }
        assertThat(PathSurprisal.of(logRates, kept)).isFinite().isGreaterThan(-1e-10);
      }
    }
  }

  /** Those whose bits are in {@code set}. */
  static boolean[] members(int set, int n) {
    boolean[] members = new boolean[n];
    for (int i = 0; i < n; i++) {
      members[i] = (set & 1 << i) != 0;
    }
    return members;
  }
}

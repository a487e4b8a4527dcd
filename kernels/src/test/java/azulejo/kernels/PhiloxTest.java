package azulejo.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PhiloxTest {
  /** Random123's kat_vectors, philox4x32 with 10 rounds: counter, key, block. */
  private static final int[][][] KNOWN = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{-1, -1, -1, -1}, {-1, -1}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {
      {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}
    },
  };

  @Test
  void blocksAreThePublishedOnes() {
    for (int[][] known : KNOWN) {
      int[] c = known[0];
      int[] block = IntStream.range(0, 4).map(w -> Philox.word(known[1][0], known[1][1], c[0], c[1], c[2], c[3], w)).toArray();
      assertThat(block).containsExactly(known[2]);
    }
  }

  @Test
  void seedStreamImageStepPositionAndCodeGoWhereTheDocumentationSays() {
    long seed = 0x299f31d0_a4093822L;
    assertThat(Philox.word(seed, Stream.DRAW, 5, 7, 11, 14)).isEqualTo(Philox.word(0xa4093822, 0x299f31d0, 3, 11, 7, 10, 2));
    assertThat(Philox.word(seed, Stream.PATH, 5, 7, 11, 0)).isEqualTo(Philox.word(0xa4093822, 0x299f31d0, 0, 11, 7, 11, 0));
  }

  /** The bound of the documentation; 1.5e-7 is the largest error seen over all words. */
  @Test
  void exponentialKeepsItsRelativeErrorEverywhere() {
    int[] seams = {0, -1, Integer.MAX_VALUE, Integer.MIN_VALUE, (int) (Philox.ONE_MINUS_SQRT_HALF * 0x1p32), (int) (long) (Math.sqrt(0.5) * 0x1p32)};
    for (int seam : seams) {
      for (int d = -5000; d < 5000; d++) {
        assertExponential(seam + d);
      }
    }
    for (int bit = 0; bit < 32; bit++) {
      assertExponential(1 << bit);
      assertExponential(~(1 << bit));
    }
    for (long x = 0; x < 1L << 32; x += 1009) {
      assertExponential((int) x);
    }
  }

  private static void assertExponential(int word) {
    double u = ((word & 0xFFFFFFFFL) + 0.5) * 0x1p-32;
    double exact = -Math.log1p(-u);
    double error = Math.abs(Philox.exponential(word) - exact) / exact;
    if (!(error < 3e-7)) {
      throw new AssertionError(Integer.toHexString(word) + ": relative error " + error);
    }
  }

  /** Moments of Exp(1) and U(0, 1), each within 4 standard errors of the mean of 2^20 independent variates. */
  @Test
  void variatesHaveTheirDistributionsMoments() {
    int n = 1 << 20;
    double e1 = 0;
    double e2 = 0;
    double u1 = 0;
    double u2 = 0;
    for (int i = 0; i < n; i++) {
      int word = Philox.word(42, Stream.DRAW, i >>> 12, 3, i >>> 6 & 63, i & 63);
      double e = Philox.exponential(word);
      double u = Philox.uniform(word);
      e1 += e / n;
      e2 += e * e / n;
      u1 += u / n;
      u2 += u * u / n;
    }
    double error = 4 / Math.sqrt(n);
    assertThat(e1).isCloseTo(1, within(error));
    assertThat(e2).isCloseTo(2, within(error * Math.sqrt(20)));
    assertThat(u1).isCloseTo(0.5, within(error * Math.sqrt(1 / 12.0)));
    assertThat(u2).isCloseTo(1 / 3.0, within(error * Math.sqrt(4 / 45.0)));
  }

  @Test
  void uniformNeverReachesOne() {
    assertThat(Philox.uniform(0)).isZero();
    assertThat(Philox.uniform(-1)).isEqualTo(1 - 0x1p-24f);
  }
}

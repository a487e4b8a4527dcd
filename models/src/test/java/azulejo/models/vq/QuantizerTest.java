package azulejo.models.vq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.models.vq.Quantizer.Bsq;
import azulejo.models.vq.Quantizer.Fsq;
import azulejo.models.vq.Quantizer.Fsq.Bound;
import azulejo.models.vq.Quantizer.Lfq;
import azulejo.models.vq.Quantizer.Vq;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What quantisers have in common; their numbers are held against the reference implementations in the golden checks. */
class QuantizerTest {
  private static Stream<Quantizer> quantizers() {
    return Stream.of(new Vq(new float[] {0, 0, 1, 0, 0, 1, -2, 3}, 2, false), new Fsq(List.of(8, 5, 4), Bound.SYMMETRIC),
        new Lfq(7, 0.5f, false, false),
        new Lfq(7, 1, true, true), new Bsq(9, true), new Bsq(5, false));
  }

  @ParameterizedTest
  @MethodSource("quantizers")
  void everyCodeIsItsOwnNearest(Quantizer quantizer) {
    long[] all = LongStream.range(0, quantizer.codebookSize()).toArray();
    float[] vectors = quantizer.codes(all);
    if (quantizer instanceof Fsq) {
      // Levels are bounded by tanh once more on the way in, so a vector must lie where tanh brings it to its level.
      for (int i = 0; i < vectors.length; i++) {
        double level = Math.clamp(vectors[i], -0.999, 0.999);
        vectors[i] = (float) ((Math.log1p(level) - Math.log1p(-level)) / 2);
      }
    }
    assertThat(vectors).hasSize(all.length * quantizer.width());
    assertThat(quantizer.indices(vectors)).isEqualTo(all);
  }

  @Test
  void zeroCountsAsNegative() {
    float[] zeros = {0, -0f, Float.MIN_VALUE};
    assertThat(new Lfq(3, 1, false, false).indices(zeros)).containsExactly(1);
    assertThat(new Lfq(3, 1, false, true).indices(zeros)).containsExactly(4);
    assertThat(new Bsq(3, true).indices(zeros)).containsExactly(1);
  }

  @Test
  void theFirstOfEquallyNearCodesIsTaken() {
    assertThat(new Vq(new float[] {1, 0, 0, 1, 1, 0}, 2, false).indices(new float[] {1, 0, 0.5f, 0.5f})).containsExactly(0, 0);
  }

  @Test
  void anglesIgnoreLengths() {
    Vq vq = new Vq(new float[] {100, 0, 0, 0.1f}, 2, true);
    assertThat(vq.indices(new float[] {1, 1.1f})).containsExactly(1);
    assertThat(vq.codes(new long[] {0, 1})).containsExactly(1, 0, 0, 1);
  }

  @Test
  void wideCodesKeepEveryBit() {
    Bsq wide = new Bsq(62, false);
    long code = 0x2AAA_AAAA_AAAA_AAA5L;
    assertThat(wide.indices(wide.codes(new long[] {code}))).containsExactly(code);
    assertThat(wide.groupIndices(wide.codes(new long[] {code}), 31)).containsExactly(code >>> 31, code & 0x7FFF_FFFF);
    assertThat(wide.codebookSize()).isEqualTo(1L << 62);
  }

  @Test
  void refusesWhatIsNoQuantiser() {
    assertThatThrownBy(() -> new Vq(new float[5], 2, false)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Fsq(List.of(8, 1), Bound.TANH)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Lfq(63, 1, false, false)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Bsq(0, true)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Bsq(9, true).groupIndices(new float[9], 4)).isInstanceOf(IllegalArgumentException.class);
  }
}

package azulejo.runtime.random;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Expected numbers without another source are PyTorch 1.13.1's for seed 42; the whole set is in the golden folder torch-rng of the module tests. */
class TorchGeneratorTest {

  /** The value that the C++ standard requires of std::mt19937, [rand.predef]. */
  @Test
  void theTenThousandthWordIsTheStandards() {
    TorchGenerator generator = new TorchGenerator(5489);
    generator.skip(9999);
    assertThat(Integer.toUnsignedLong(generator.word())).isEqualTo(4123659995L);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 623, 624, 625, 1248, 5000})
  void skippingIsDrawingUnseen(int count) {
    TorchGenerator drawn = new TorchGenerator(7);
    TorchGenerator skipped = new TorchGenerator(7);
    for (int i = 0; i < count; i++) {
      drawn.word();
    }
    skipped.skip(count);
    for (int i = 0; i < 700; i++) {
      assertThat(skipped.word()).isEqualTo(drawn.word());
    }
  }

  @Test
  void onlyTheSeedsLowerHalfCounts() {
    assertThat(new TorchGenerator(42 + (1L << 40)).word()).isEqualTo(new TorchGenerator(42).word());
  }

  @Test
  void uniform() {
    float[] out = new float[5];
    new TorchGenerator(42).rand(out);
    assertThat(out).containsExactly(0.8822692632675171f, 0.9150039553642273f, 0.38286375999450684f, 0.9593056440353394f, 0.3904482126235962f);
  }

  @Test
  void exponential() {
    float[] out = new float[5];
    new TorchGenerator(42).exponential(out);
    assertThat(out).containsExactly(0.05991401523351669f, 0.06497612595558167f, 0.13191677629947662f, 0.054012950509786606f, 0.7469106912612915f);
  }

  @Test
  void aRowOfExponentialsDoesNotNeedTheRowsBefore() {
    float[] all = new float[30];
    new TorchGenerator(42).exponential(all);
    float[] third = new float[30];
    TorchGenerator generator = new TorchGenerator(42);
    generator.skip(2 * 20);
    generator.exponential(third, 20, 10);
    assertThat(Arrays.copyOfRange(third, 20, 30)).isEqualTo(Arrays.copyOfRange(all, 20, 30));
    assertThat(Arrays.copyOf(third, 20)).containsOnly(0);
  }

  @Test
  void normalsInTheScalarPath() {
    float[] out = new float[5];
    new TorchGenerator(42).randn(out);
    assertThat(out).containsExactly(0.33669036626815796f, 0.12880940735340118f, 0.23446236550807953f, 0.23033303022384644f, -1.1228563785552979f);
  }

  /** 17 elements: the vector path, whose last sixteen are drawn anew. */
  @Test
  void normalsInTheVectorPath() {
    float[] out = new float[17];
    new TorchGenerator(42).randn(out);
    assertThat(out).containsExactly(1.9269152879714966f, -0.1595974713563919f, -0.4973975419998169f, 0.439589262008667f, -0.7581311464309692f,
        1.078317642211914f, 0.8008005619049072f, 1.680620551109314f, 0.3558599054813385f, 1.2964228391647339f, 0.610466480255127f,
        1.334737777709961f, -0.2316243201494217f, 0.041759490966796875f, -0.2515752911567688f, 0.859858512878418f, -0.3097267746925354f);
  }

  /** The scalar path's second normal of a pair waits in the generator, past other draws. */
  @Test
  void theSpareNormalOutlivesOtherDraws() {
    float[] pair = new float[2];
    new TorchGenerator(42).randn(pair);
    TorchGenerator generator = new TorchGenerator(42);
    generator.randn(new float[1]);
    generator.rand(new float[3]);
    generator.randn(new float[16]);
    float[] spare = new float[1];
    generator.randn(spare);
    assertThat(spare[0]).isEqualTo(pair[1]);
  }

  @Test
  void integersAndPermutations() {
    long[] out = new long[5];
    new TorchGenerator(42).randint(out, 0, 8192);
    assertThat(out).containsExactly(7270, 7603, 860, 5390, 5226);
    assertThat(new TorchGenerator(42).randperm(10)).startsWith(2, 6, 1, 8, 4).containsExactlyInAnyOrder(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    assertThatThrownBy(() -> new TorchGenerator(42).randint(out, 5, 5)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void multinomialIsTheRaceOfItsExponentials() {
    float[] p = {0.1f, 0.5f, 0.2f, 0.2f, 0.3f, 0.3f, 0.3f, 0.1f};
    float[] q = new float[8];
    new TorchGenerator(9).exponential(q);
    int[] drawn = new TorchGenerator(9).multinomial(p, 2, 4);
    for (int row = 0; row < 2; row++) {
      assertThat(Arrays.copyOfRange(drawn, row * 4, row * 4 + 4)).containsExactlyInAnyOrder(0, 1, 2, 3);
      for (int i = 1; i < 4; i++) {
        int better = row * 4 + drawn[row * 4 + i - 1];
        int worse = row * 4 + drawn[row * 4 + i];
        assertThat(p[better] / q[better]).isGreaterThanOrEqualTo(p[worse] / q[worse]);
      }
    }
  }

  @Test
  void anImpossibleCodeIsNeverDrawn() {
    float[] p = {0, 1, 0, 2};
    TorchGenerator generator = new TorchGenerator(1);
    for (int i = 0; i < 200; i++) {
      assertThat(generator.multinomial(p, 1, 1)[0]).isIn(1, 3);
      assertThat(generator.multinomialWithReplacement(p, 1, 1)[0]).isIn(1, 3);
    }
  }
}

package azulejo.runtime.walk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.runtime.walk.MaskSchedule.Curve;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Expected numbers are those of diffusers 0.27.2 (AmusedScheduler) on PyTorch 1.13, unless derived in place. */
class MaskScheduleTest {
  private static int[] lengths(MaskSchedule schedule, int cells) {
    return IntStream.range(0, schedule.steps()).map(i -> schedule.maskLength(i, cells, 1)).toArray();
  }

  private static float[] temperatures(MaskSchedule schedule) {
    float[] out = new float[schedule.steps()];
    for (int i = 0; i < out.length; i++) {
      out[i] = schedule.temperature(i);
    }
    return out;
  }

  @Test
  void takesFloorsInFloat32() {
    // 127 and 511: in exact arithmetic two thirds of the way cos is 1/2, which would leave 128 of 256 and 512 of 1024.
    assertThat(lengths(new MaskSchedule(Curve.COSINE, 12, 2, 0), 256)).containsExactly(253, 247, 236, 221, 203, 181, 155, 127, 97, 66, 33, -1);
    assertThat(lengths(new MaskSchedule(Curve.COSINE, 18, 2, 0), 1024))
        .containsExactly(1020, 1008, 989, 962, 928, 886, 838, 784, 724, 658, 587, 511, 432, 350, 265, 177, 89, -1);
    assertThat(lengths(new MaskSchedule(Curve.LINEAR, 5, 2, 0), 64)).containsExactly(51, 38, 25, 12, 0);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5, 12, 18, 50, 100})
  void neverMasksMoreLaterOn(int steps) {
    for (Curve curve : Curve.values()) {
      int[] lengths = lengths(new MaskSchedule(curve, steps, 2, 0), 256);
      for (int i = 1; i < steps; i++) {
        assertThat(lengths[i]).isLessThanOrEqualTo(lengths[i - 1]);
      }
      assertThat(lengths[steps - 1]).isLessThanOrEqualTo(0);
    }
  }

  @Test
  void aPartlyMaskedStartScalesTheCurve() {
    // floor(36 * (0.5 * cos(5/8 * pi/2))) = floor(18 * 0.5556) = 10
    assertThat(new MaskSchedule(Curve.COSINE, 8, 2, 0).maskLength(4, 36, 0.5f)).isEqualTo(10);
  }

  @Test
  void temperaturesAreTorchsLinspaceBitForBit() {
    assertThat(temperatures(new MaskSchedule(Curve.COSINE, 12, 2, 0))).containsExactly(
        2.0f, 1.8181818f, 1.6363636f, 1.4545455f, 1.2727273f, 1.090909f, 0.90909094f, 0.72727275f, 0.54545456f, 0.36363637f, 0.18181819f, 0.0f);
    // Over 16 steps PyTorch computes in vectors: the values at 1, 3, 5, ... differ in the last bit from those of its scalar formula.
    assertThat(temperatures(new MaskSchedule(Curve.COSINE, 20, 2, 0))).containsExactly(
        2.0f, 1.8947369f, 1.7894737f, 1.6842105f, 1.5789473f, 1.4736842f, 1.3684211f, 1.2631578f, 1.1578947f, 1.0526316f, 0.9473684f, 0.84210527f,
        0.7368421f, 0.6315789f, 0.5263158f, 0.42105263f, 0.31578946f, 0.21052632f, 0.10526316f, 0.0f);
    assertThat(temperatures(new MaskSchedule(Curve.COSINE, 5, 1, MaskSchedule.SINGLE_TEMPERATURE_END)))
        .containsExactly(1.0f, 0.7525f, 0.505f, 0.2575f, 0.01f);
    assertThat(temperatures(new MaskSchedule(Curve.COSINE, 1, 2, 0))).containsExactly(2.0f);
  }

  @Test
  void addsNoiseBelowTheRatio() {
    // Step 5 of 10 leaves cos(0.6 * pi/2) = 0.5878 masked.
    int[] noisy = new MaskSchedule(Curve.COSINE, 10, 2, 0).addNoise(new int[] {16, 36, 64, 17}, 5, new float[] {0.187f, 0.587f, 0.588f, 0.99f}, 79);
    assertThat(noisy).containsExactly(79, 79, 64, 17);
  }

  @Test
  void needsAStep() {
    assertThatThrownBy(() -> new MaskSchedule(Curve.COSINE, 0, 2, 0)).isInstanceOf(IllegalArgumentException.class);
  }
}

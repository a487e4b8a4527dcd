package azulejo.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import azulejo.kernels.Activation;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.kernels.Tensor;
import azulejo.kernels.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LinearTest {
  private static final int OUTPUTS = 37;
  private static final int INPUTS = 13;

  /** Multiplied with the rows of an identity, which is exact, a weight shows what is kept of it. Quarters of units and their neighbours make ties. */
  @ParameterizedTest
  @EnumSource
  void aWeightIsKeptAsItsFormatRoundsIt(WeightFormat format) {
    Random random = new Random(4);
    float[] values = new float[OUTPUTS * INPUTS];
    for (int i = 0; i < values.length; i++) {
      float tie = Float.intBitsToFloat(Float.floatToIntBits((float) random.nextGaussian()) & 0xFFFFF000 | (random.nextBoolean() ? 0x8000 : 0x1000));
      values[i] = i / INPUTS == 5 ? 0 : i % 3 == 0 ? (float) random.nextGaussian() * 1e-6f : i % 3 == 1 ? tie : 127 * tie;
    }
    // in units of 1, with halves
    values[0] = 127;
    for (int i = 1; i < INPUTS; i++) {
      values[i] = i - 6.5f;
    }
    HostTensor weight = HostTensor.of("w", values, OUTPUTS, INPUTS);
    float[] identity = new float[INPUTS * INPUTS];
    for (int i = 0; i < INPUTS; i++) {
      identity[i * INPUTS + i] = 1;
    }
    float[] expected = format.rounded(weight).toFloats();
    try (Backend backend = CudaBackends.emulated()) {
      Tensor out = backend.alloc(DType.F32, INPUTS, OUTPUTS);
      backend.linear(backend.tensor(HostTensor.of("x", identity, INPUTS, INPUTS)), backend.matrix(weight, format), null, Activation.NONE, null, out);
      float[] kept = backend.download(out).toFloats();
      for (int n = 0; n < OUTPUTS; n++) {
        for (int k = 0; k < INPUTS; k++) {
          assertThat(kept[k * OUTPUTS + n]).as("weight [%d, %d] %s", n, k, values[n * INPUTS + k]).isEqualTo(expected[n * INPUTS + k] + 0f);
        }
      }
    }
  }

  @Test
  void aWeightBeyondF16IsRefused() {
    HostTensor weight = HostTensor.of("layer.weight", new float[] {1, -65505, 0, 2}, 2, 2);
    try (Backend backend = CudaBackends.emulated()) {
      assertThatIllegalArgumentException().isThrownBy(() -> backend.matrix(weight, WeightFormat.F16))
          .withMessage("tensor \"layer.weight\" holds -65505.0, but the largest f16 is 65504: keep the weights as bf16");
    }
  }

  /** It takes the way without a conversion. */
  @ParameterizedTest
  @EnumSource(names = {"BF16", "F16"})
  void aWeightThatHasTheFormatInTheFileIsKeptAsItIs(WeightFormat format) {
    short[] bits = new short[16 * 8];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = format == WeightFormat.F16 ? Float.floatToFloat16(i / 7f) : WeightFormat.floatToBf16(i / 7f);
    }
    HostTensor weight = new HostTensor("w", format == WeightFormat.F16 ? DType.F16 : DType.BF16, Shape.of(16, 8), MemorySegment.ofArray(bits));
    try (Backend backend = CudaBackends.emulated()) {
      Tensor out = backend.alloc(DType.F32, 1, 16);
      backend.linear(backend.tensor(HostTensor.of("x", new float[] {0, 0, 0, 1, 0, 0, 0, 0}, 1, 8)), backend.matrix(weight, format), null, Activation.NONE, null, out);
      float[] kept = backend.download(out).toFloats();
      for (int n = 0; n < 16; n++) {
        assertThat(kept[n]).isEqualTo(weight.floatAt(8 * n + 3));
      }
    }
  }
}

package azulejo.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.kernels.Activation;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.kernels.WeightFormat;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A linear layer by cuBLASLt gives what the kernels here give, epilogue and all, recorded or not; what it does not take goes to them. */
class CublasLinearTest extends EmulatedDeviceTest {
  private static final int M = 37;
  private static final int N = 21;
  private static final int K = 40;

  private final List<String> asked = new ArrayList<>();

  /** One that always takes the candidate of this name, after it ran all of them. */
  private Backend backend(String taken) {
    Driver driver = device.openDriver();
    return new CudaBackend("cuda-emulated", driver, workspace -> new Linear.Rival(new CublasLt(device.library(), driver, workspace), (what, candidates) -> {
      asked.add(what);
      candidates.forEach(candidate -> driver.beforeRecording(() -> {
        candidate.run().run();
        return null;
      }));
      return candidates.stream().filter(candidate -> candidate.name().equals(taken)).findFirst().orElseThrow();
    }), List::of);
  }

  /** A layer with bias, activation and a residual that is the output. */
  private float[] layer(Backend backend, WeightFormat format, int m, boolean recorded) {
    Random random = new Random(7);
    Tensor x = backend.tensor(HostTensor.of("x", values(random, m * K), m, K));
    var weight = backend.matrix(HostTensor.of("w", values(random, N * K), N, K), format);
    Tensor bias = backend.tensor(HostTensor.of("b", values(random, N), N));
    Tensor out = backend.tensor(HostTensor.of("r", values(random, m * N), m, N));
    Runnable op = () -> backend.linear(x, weight, bias, Activation.GELU, out, out);
    if (recorded) {
      try (Backend.Recording recording = backend.record(op)) {
        recording.replay();
      }
    } else {
      op.run();
    }
    assertThat(out.dtype()).isEqualTo(DType.F32);
    return backend.download(out).toFloats();
  }

  private static float[] values(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = 2 * random.nextFloat() - 1;
    }
    return values;
  }

  /** Both round the input to the same type, and then differ in the order of 40 sums below 40. */
  @ParameterizedTest
  @EnumSource(value = WeightFormat.class, names = {"F32", "BF16", "F16"})
  void givesWhatTheKernelsGive(WeightFormat format) {
    try (Backend own = backend("own"); Backend library = backend(Linear.Rival.NAME)) {
      float[] expected = layer(own, format, M, false);
      float[] plain = layer(library, format, M, false);
      float[] recorded = layer(library, format, M, true);
      assertThat(recorded).containsExactly(plain);
      for (int i = 0; i < expected.length; i++) {
        assertThat((double) plain[i]).isCloseTo(expected[i], Offset.offset(40 * 40 * 0x1p-24));
      }
    }
    assertThat(asked).containsOnly("linear 37 x 21 x 40 " + format.name().toLowerCase()).hasSize(3);
  }

  @Test
  void decodingAndBytesAreNotItsBusiness() {
    try (Backend backend = backend(Linear.Rival.NAME)) {
      layer(backend, WeightFormat.BF16, 16, false);
      layer(backend, WeightFormat.INT8, M, false);
    }
    assertThat(asked).isEmpty();
  }
}

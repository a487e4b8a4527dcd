package azulejo.runtime.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.Activation;
import azulejo.kernels.Backend;
import azulejo.kernels.Backends;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Matrix;
import azulejo.kernels.Shape;
import azulejo.kernels.Tensor;
import azulejo.kernels.WeightFormat;
import azulejo.runtime.CheckpointException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QuantisedTest {
  private static final int ROWS = 16;
  private static final int INPUTS = 48;

  @TempDir
  Path dir;

  @Test
  void aWeightIsItsByteTimesItsRowsScale() {
    HostTensor bytes = new HostTensor("w", DType.I8, Shape.of(2, 2), MemorySegment.ofArray(new byte[] {1, -127, 4, 0}));
    assertThat(Quantised.widened(bytes, HostTensor.of("s", new float[] {0.5f, 2}, 2)).toFloats()).containsExactly(0.5f, -63.5f, 8, 0);
  }

  /** Made bytes of again, a quantised weight gives the bytes that it came from: only the scale may differ, by the rounding of 127 s / 127. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "vector"})
  void aQuantisedFileComputesAsTheWeightsThatWereQuantisedInMemory(String name) {
    Random random = new Random(3);
    float[] values = new float[ROWS * INPUTS];
    byte[] bytes = new byte[values.length];
    float[] scales = new float[ROWS];
    for (int row = 0; row < ROWS; row++) {
      for (int i = row * INPUTS; i < (row + 1) * INPUTS; i++) {
        values[i] = (float) random.nextGaussian();
      }
      scales[row] = WeightFormat.scale(values, row * INPUTS, INPUTS);
      for (int i = row * INPUTS; i < (row + 1) * INPUTS; i++) {
        bytes[i] = WeightFormat.floatToByte(values[i], scales[row]);
      }
    }
    Path file = dir.resolve("model.safetensors");
    SafetensorsWriter.write(file, Map.of(), List.of(HostTensor.of("plain.weight", values, ROWS, INPUTS),
        new HostTensor("small.weight", DType.I8, Shape.of(ROWS, INPUTS), MemorySegment.ofArray(bytes)), HostTensor.of("small.weight.scale", scales, ROWS)));
    float[] input = new float[INPUTS];
    for (int i = 0; i < INPUTS; i++) {
      input[i] = (float) random.nextGaussian();
    }
    try (Backend backend = Backends.open(name); Checkpoint checkpoint = Checkpoint.open(file)) {
      float[] inMemory = product(backend, checkpoint.on(backend, WeightFormat.INT8).at("plain").matrix("weight", ROWS, INPUTS), input);
      // An ulp of a scale is 1.2e-7 of a sum of 48 products of order one.
      assertThat(product(backend, checkpoint.on(backend, WeightFormat.INT8).at("small").matrix("weight", ROWS, INPUTS), input)).containsExactly(inMemory, within());
      assertThat(product(backend, checkpoint.on(backend).at("small").matrix("weight", ROWS, INPUTS), input)).containsExactly(inMemory, within());
    }
  }

  private static Offset<Float> within() {
    return Offset.offset(3e-5f);
  }

  @Test
  void namesTheScalesThatAreMissing() {
    Path file = dir.resolve("model.safetensors");
    SafetensorsWriter.write(file, Map.of(), List.of(new HostTensor("a.weight", DType.I8, Shape.of(1, 2), MemorySegment.ofArray(new byte[2]))));
    try (Backend backend = Backends.open("reference"); Checkpoint checkpoint = Checkpoint.open(file)) {
      assertThatThrownBy(() -> checkpoint.on(backend).at("a").matrix("weight", 1, 2)).isInstanceOf(CheckpointException.class)
          .hasMessage(file + " has no tensor \"a.weight.scale\"");
      assertThatThrownBy(() -> checkpoint.on(backend).at("a").tensor("weight", 1, 2)).isInstanceOf(CheckpointException.class)
          .hasMessageContaining("I8").hasMessageContaining("float");
    }
  }

  private static float[] product(Backend b, Matrix matrix, float[] input) {
    try (Backend.Scope _ = b.scope()) {
      Tensor y = b.alloc(DType.F32, 1, ROWS);
      b.linear(b.tensor(HostTensor.of("x", input, 1, INPUTS)), matrix, null, Activation.NONE, null, y);
      return b.download(y).toFloats();
    }
  }
}

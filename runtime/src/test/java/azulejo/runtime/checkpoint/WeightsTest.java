package azulejo.runtime.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.Activation;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Matrix;
import azulejo.kernels.Tensor;
import azulejo.kernels.WeightFormat;
import azulejo.kernels.reference.ReferenceBackend;
import azulejo.runtime.CheckpointException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WeightsTest {
  @TempDir
  Path dir;
  Path file;
  Checkpoint checkpoint;
  Backend backend;
  Weights weights;

  @BeforeEach
  void open() {
    file = dir.resolve("model.safetensors");
    SafetensorsWriter.write(file, Map.of(), List.of(
        HostTensor.of("norm.weight", new float[] {1, 2, 3}, 3),
        HostTensor.of("layers.0.to_q.weight", new float[] {1, 2, 3, 4, 5, 6}, 2, 3),
        HostTensor.of("layers.1.to_q.weight", new float[] {6, 5, 4, 3, 2, 1}, 2, 3, 1, 1),
        HostTensor.of("conv.weight", new float[12], 1, 3, 2, 2),
        HostTensor.of("position_ids", new int[] {0, 1, 2}, 3)));
    checkpoint = Checkpoint.open(dir);
    backend = new ReferenceBackend();
    weights = checkpoint.on(backend);
  }

  @AfterEach
  void close() {
    backend.close();
    checkpoint.close();
  }

  @Test
  void aWeightThatItsFormatCannotHoldIsTheFilesFault() {
    Path large = dir.resolve("large.safetensors");
    SafetensorsWriter.write(large, Map.of(), List.of(HostTensor.of("to_q.weight", new float[] {1, 70000}, 1, 2)));
    try (Checkpoint opened = Checkpoint.open(large)) {
      assertThatThrownBy(() -> opened.on(backend, WeightFormat.F16).matrix("to_q.weight", 1, 2)).isInstanceOf(CheckpointException.class)
          .hasMessage(large + ": tensor \"to_q.weight\" holds 70000.0, but the largest f16 is 65504: keep the weights as bf16");
    }
  }

  @Test
  void givesTensorsBelowAPrefix() {
    assertThat(backend.download(weights.at("norm").tensor("weight", 3)).toFloats()).containsExactly(1, 2, 3);
    assertThat(weights.at("norm").has("weight")).isTrue();
    assertThat(weights.at("norm").has("bias")).isFalse();
    assertThat(weights.at("norm").tensorIfPresent("bias", 3)).isNull();
    assertThat(weights.host("position_ids", 3).toInts()).containsExactly(0, 1, 2);
    assertThat(weights.filter("conv.weight", 1, 3, 2, 2).width()).isEqualTo(2);
    assertThat(weights.backend()).isSameAs(backend);
    assertThat(checkpoint.unused()).containsExactly("layers.0.to_q.weight", "layers.1.to_q.weight");
  }

  @Test
  void takesAPointwiseConvolutionAsALinearLayer() {
    Tensor x = backend.tensor(HostTensor.of("x", new float[] {1, 0, -1}, 1, 3));
    Tensor y = backend.alloc(DType.F32, 1, 2);
    Matrix matrix = weights.at("layers").at(1).matrix("to_q.weight", 2, 3);
    backend.linear(x, matrix, null, Activation.NONE, null, y);
    // [6 5 4] and [3 2 1] with [1 0 -1]
    assertThat(backend.download(y).toFloats()).containsExactly(2, 2);
    assertThat(weights.at("layers").at(0).matrix("to_q.weight", 2, 3).inputs()).isEqualTo(3);
  }

  @Test
  void namesFileTensorAndBothShapes() {
    assertFault(() -> weights.at("layers").at(0).matrix("to_q.weight", 3, 2),
        file + ": tensor \"layers.0.to_q.weight\" has the shape [2, 3], but the configuration implies [3, 2]");
    assertFault(() -> weights.at("layers").at(1).matrix("to_q.weight", 3, 2),
        file + ": tensor \"layers.1.to_q.weight\" has the shape [2, 3, 1, 1], but the configuration implies [3, 2]");
    assertFault(() -> weights.tensor("norm.weight", 3, 1), file + ": tensor \"norm.weight\" has the shape [3], but the configuration implies [3, 1]");
    assertFault(() -> weights.filter("conv.weight", 3, 1, 2, 2),
        file + ": tensor \"conv.weight\" has the shape [1, 3, 2, 2], but the configuration implies [3, 1, 2, 2]");
    assertFault(() -> weights.host("position_ids", 4), file + ": tensor \"position_ids\" has the shape [3], but the configuration implies [4]");
  }

  @Test
  void namesAnAbsentTensorAndAnUnfitType() {
    Stream.<ThrowingCallable>of(() -> weights.at("norm").tensor("bias", 3), () -> weights.at("norm").matrix("bias", 3, 3),
        () -> weights.at("norm").host("bias", 3)).forEach(call -> assertFault(call, file + " has no tensor \"norm.bias\""));
    assertFault(() -> weights.tensor("position_ids", 3), file + ": tensor \"position_ids\" is I32, but a weight must be a float type");
  }

  @Test
  void refusesAShapeThatNoTensorHas() {
    assertFault(() -> weights.tensor("norm.weight", -3), dir + ": the configuration implies the impossible shape [-3] for tensor \"norm.weight\"");
    assertFault(() -> weights.at("layers").matrix("0.to_q.weight", Long.MAX_VALUE, 3),
        dir + ": the configuration implies the impossible shape [9223372036854775807, 3] for tensor \"layers.0.to_q.weight\"");
  }

  private static void assertFault(ThrowingCallable call, String message) {
    assertThatThrownBy(call).isInstanceOf(CheckpointException.class).hasMessage(message);
  }
}

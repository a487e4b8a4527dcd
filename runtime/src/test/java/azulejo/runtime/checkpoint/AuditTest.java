package azulejo.runtime.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.kernels.reference.ReferenceBackend;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.Audit.Use;
import azulejo.runtime.checkpoint.Audit.Verdict;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AuditTest {
  @TempDir
  Path dir;

  private final Backend backend = new ReferenceBackend();

  @Test
  void notesWhatIsAskedForAndGoesOn() {
    write(HostTensor.of("norm.weight", new float[3], 3), HostTensor.of("q.weight", new float[6], 2, 3, 1, 1), HostTensor.of("conv.weight", new float[4], 1, 1, 2, 2),
        HostTensor.of("norm.linear.weight", new float[6], 2, 3), HostTensor.of("table", new int[3], 3), HostTensor.of("unread", new float[1], 1));
    try (Checkpoint checkpoint = Checkpoint.open(dir)) {
      Audit audit = new Audit(checkpoint);
      Weights weights = audit.weights(backend);
      assertThat(weights.at("norm").tensor("weight", 3).shape()).isEqualTo(Shape.of(3));
      assertThat(weights.at("norm").tensorIfPresent("bias", 3)).isNull();
      assertThat(weights.at("norm").tensor("gain", 4).shape()).isEqualTo(Shape.of(4));
      assertThat(weights.matrix("q.weight", 2, 3).outputs()).isEqualTo(2);
      assertThat(weights.matrix("k.weight", 5, 3).outputs()).isEqualTo(5);
      assertThat(weights.inFull().at("norm").matrix("linear.weight", 2, 3).outputs()).isEqualTo(2);
      assertThat(weights.filter("conv.weight", 1, 1, 3, 3).height()).isEqualTo(3);
      assertThat(weights.host("table", 3).toInts()).hasSize(3);
      assertThat(weights.host("lost", 2).toFloats()).containsExactly(0, 0);
      assertThat(audit.asked()).extracting(Audit.Asked::name, Audit.Asked::use, Audit.Asked::verdict).containsExactly(
          tuple("norm.weight", Use.TENSOR, Verdict.FOUND),
          tuple("norm.gain", Use.TENSOR, Verdict.MISSING),
          tuple("q.weight", Use.MATRIX, Verdict.FOUND),
          tuple("k.weight", Use.MATRIX, Verdict.MISSING),
          tuple("norm.linear.weight", Use.TENSOR, Verdict.FOUND),
          tuple("conv.weight", Use.FILTER, Verdict.WRONG),
          tuple("table", Use.HOST, Verdict.FOUND),
          tuple("lost", Use.HOST, Verdict.MISSING));
      assertThat(audit.asked()).filteredOn(a -> a.verdict() == Verdict.WRONG).singleElement().extracting(Audit.Asked::problem).asString()
          .contains("conv.weight").contains("[1, 1, 2, 2]").contains("[1, 1, 3, 3]");
      assertThat(audit.extra()).containsExactly("unread");
    }
  }

  @Test
  void aQuantisedWeightNeedsItsScales() {
    write(new HostTensor("a.weight", DType.I8, Shape.of(2, 3), MemorySegment.ofArray(new byte[6])), HostTensor.of("a.weight.scale", new float[2], 2),
        new HostTensor("b.weight", DType.I8, Shape.of(2, 3), MemorySegment.ofArray(new byte[6])),
        new HostTensor("norm", DType.I8, Shape.of(2), MemorySegment.ofArray(new byte[2])));
    try (Checkpoint checkpoint = Checkpoint.open(dir)) {
      Audit audit = new Audit(checkpoint);
      audit.weights(backend).matrix("a.weight", 2, 3);
      audit.weights(backend).matrix("b.weight", 2, 3);
      audit.weights(backend).tensor("norm", 2);
      assertThat(audit.asked()).extracting(Audit.Asked::verdict).containsExactly(Verdict.FOUND, Verdict.WRONG, Verdict.WRONG);
      assertThat(audit.extra()).isEmpty();
    }
  }

  @Test
  void anAbsurdConfigurationEnds() {
    write(HostTensor.of("x", new float[1], 1));
    try (Checkpoint checkpoint = Checkpoint.open(dir)) {
      Weights weights = new Audit(checkpoint).weights(backend);
      assertThatThrownBy(() -> weights.host("huge", 1L << 40)).isInstanceOf(CheckpointException.class).hasMessageContaining("huge");
      assertThatThrownBy(() -> {
        for (int i = 0; i < 1_000_000; i++) {
          weights.at("layers").at(i).tensor("weight", 1);
        }
      }).isInstanceOf(CheckpointException.class).hasMessageContaining("more than 100000 tensors");
    }
  }

  private void write(HostTensor... tensors) {
    SafetensorsWriter.write(dir.resolve("model.safetensors"), Map.of(), List.of(tensors));
  }
}

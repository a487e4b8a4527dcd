package azulejo.runtime.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.runtime.AtomicFile;
import azulejo.runtime.OutputException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsWriterTest {
  @TempDir
  Path dir;

  @Test
  void whatIsWrittenIsReadBack() throws Exception {
    Path path = dir.resolve("x.safetensors");
    List<HostTensor> tensors = List.of(
        HostTensor.of("weight", new float[] {1, -2.5f, 3, Float.NaN, 0, 6}, 2, 3),
        HostTensor.of("ids", new long[] {Long.MIN_VALUE}),
        HostTensor.of("none", new int[0], 4, 0));
    SafetensorsWriter.write(path, Map.of("format", "pt"), tensors);

    try (Safetensors file = Safetensors.open(path)) {
      assertThat(file.metadata()).isEqualTo(Map.of("format", "pt"));
      assertThat(file.tensors().keySet()).containsExactly("weight", "ids", "none");
      assertThat(file.tensor("weight").toFloats()).containsExactly(1, -2.5f, 3, Float.NaN, 0, 6);
      assertThat(file.tensor("weight").data().address() % 64).isZero();
      assertThat(file.tensor("ids").longAt(0)).isEqualTo(Long.MIN_VALUE);
      assertThat(file.tensor("none").shape()).isEqualTo(Shape.of(4, 0));
    }
    assertThat(Files.size(path)).isEqualTo(SafetensorsWriter.size(Map.of("format", "pt"), tensors.stream()
        .map(t -> new SafetensorsWriter.Entry(t.name(), t.dtype(), t.shape())).toList()));
    assertThat(dir.toFile().list()).containsExactly("x.safetensors");
  }

  @Test
  void aFailureLeavesTheTargetAsItWasAndNothingBesideIt() throws Exception {
    Path path = Files.writeString(dir.resolve("x.safetensors"), "old");
    List<SafetensorsWriter.Entry> entries = List.of(new SafetensorsWriter.Entry("a", DType.U8, Shape.of(3)),
        new SafetensorsWriter.Entry("b", DType.U8, Shape.of(3)));
    assertThatThrownBy(() -> SafetensorsWriter.write(path, Map.of(), entries, entry -> {
      if (entry.name().equals("b")) {
        throw new IllegalStateException("interrupted");
      }
      return MemorySegment.ofArray(new byte[3]);
    })).isInstanceOf(IllegalStateException.class);
    assertThat(path).hasContent("old");
    assertThat(dir.toFile().list()).containsExactly("x.safetensors");
  }

  @Test
  void aMissingFolderIsAnOutputError() {
    Path path = dir.resolve("no/x.safetensors");
    assertThatThrownBy(() -> SafetensorsWriter.write(path, Map.of(), List.of())).isInstanceOf(OutputException.class)
        .hasMessage("cannot write " + path + ": no such file or folder");
  }

  /** /dev/full answers every write with the error of a full disk, which is thrown here in the middle of a file. */
  @Test
  void aFullDiskIsAnOutputErrorThatLeavesNothing() throws Exception {
    Path full = Path.of("/dev/full");
    Assumptions.assumeTrue(Files.exists(full), "needs /dev/full");
    Path path = dir.resolve("x.bin");
    assertThatThrownBy(() -> AtomicFile.write(path, channel -> {
      channel.write(ByteBuffer.allocate(10));
      Files.write(full, new byte[1]);
    })).isInstanceOf(OutputException.class).hasMessage("cannot write " + path + ": No space left on device");
    assertThat(dir.toFile().list()).isEmpty();
  }

  @Test
  void writesASegmentLargerThanOneChunk() {
    Path path = dir.resolve("large.safetensors");
    long bytes = (1 << 24) + 12;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment = arena.allocate(bytes, 64);
      segment.set(ValueLayout.JAVA_BYTE, bytes - 1, (byte) 7);
      SafetensorsWriter.write(path, Map.of(), List.of(new SafetensorsWriter.Entry("a", DType.U8, Shape.of(bytes))), _ -> segment);
    }
    try (Safetensors file = Safetensors.open(path)) {
      assertThat(file.tensor("a").longAt(bytes - 1)).isEqualTo(7);
    }
  }
}

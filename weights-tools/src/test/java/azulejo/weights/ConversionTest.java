package azulejo.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.OptionException;
import azulejo.runtime.OutputException;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.Json;
import azulejo.runtime.checkpoint.Safetensors;
import azulejo.runtime.checkpoint.SafetensorsWriter;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

class ConversionTest {
  /** Files that PyTorch wrote, and what it reads in them: {@code manifest.json} has each tensor's shape, type and SHA-256. */
  private static final Path PICKLES = Path.of("../tests/src/test/resources/goldens/pickles");
  private static final JsonNode GOOD = Json.object(PICKLES.resolve("good/manifest.json"));

  @TempDir
  Path dir;

  static Stream<String> goodFiles() {
    return GOOD.get("files").propertyNames().stream();
  }

  @ParameterizedTest
  @MethodSource("goodFiles")
  void keepsEveryTensorOfAPickle(String name) throws Exception {
    Path out = dir.resolve("out.safetensors");
    Conversion.Summary summary = convert(PICKLES.resolve("good").resolve(name), out, null, "all");
    JsonNode expected = GOOD.get("files").get(name).get("tensors");
    assertThat(summary.tensors() + summary.shared()).isEqualTo(expected.size());
    try (Safetensors file = Safetensors.open(out)) {
      assertThat(file.names()).hasSize(expected.size());
      for (JsonNode tensor : expected) {
        HostTensor found = file.tensor(tensor.get("path").stringValue());
        assertThat(found.dtype().name()).isEqualTo(tensor.get("dtype").stringValue());
        assertThat(Arrays.toString(found.shape().toArray())).isEqualTo(tensor.get("shape").toString().replace(",", ", "));
        assertThat(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes(found)))).isEqualTo(tensor.get("sha256").stringValue());
      }
    }
  }

  private static byte[] bytes(HostTensor tensor) {
    return tensor.data().toArray(ValueLayout.JAVA_BYTE);
  }

  /** Both names of a tied embedding are read, and its 60 bytes are in the file once: what the tied file has more of is its names. */
  @ParameterizedTest
  @ValueSource(strings = {"t113_legacy_tied.bin", "t113_zip_tied.bin", "t213_zip_tied.bin"})
  void keepsSharedTensorsOnce(String name) throws IOException {
    Path out = dir.resolve("out.safetensors");
    Conversion.Summary summary = convert(PICKLES.resolve("good").resolve(name), out, null, null);
    assertThat(summary.tensors()).isEqualTo(2);
    assertThat(summary.shared()).isEqualTo(2);
    try (Safetensors file = Safetensors.open(out); Checkpoint checkpoint = Checkpoint.open(out)) {
      assertThat(file.tensor("lm_head.weight").data().address()).isEqualTo(file.tensor("shared.weight").data().address());
      assertThat(file.metadata()).containsEntry("lm_head.weight", "shared.weight").containsEntry("format", "pt");
      assertThat(checkpoint.names()).contains("shared.weight", "lm_head.weight", "encoder.embed_tokens.weight", "part.weight");
    }
  }

  @Test
  void takesTheWrapperThatTheEngineTakesOrTheOneChosen() {
    Path in = PICKLES.resolve("good/t213_zip_wrap_model_and_ema.pt");
    Path out = dir.resolve("out.safetensors");
    assertThat(convert(in, out, null, null).others()).containsExactly("ema");
    float[] model = first(out);
    assertThat(convert(in, out, null, "ema").others()).containsExactly("model");
    assertThat(first(out)).isNotEqualTo(model);
    assertThatThrownBy(() -> convert(in, out, null, "teacher")).isInstanceOf(CheckpointException.class).hasMessageContaining("no tensors below \"teacher\"");
    assertThatThrownBy(() -> convert(out, dir.resolve("b.safetensors"), null, "ema")).isInstanceOf(OptionException.class).hasMessageContaining("--from");
  }

  private static float[] first(Path file) {
    try (Safetensors opened = Safetensors.open(file)) {
      return opened.tensors().firstEntry().getValue().toFloats();
    }
  }

  @Test
  void joinsShards() {
    Path out = dir.resolve("out.safetensors");
    convert(PICKLES.resolve("good/sharded-bin"), out, null, null);
    try (Checkpoint joined = Checkpoint.open(out); Checkpoint shards = Checkpoint.open(PICKLES.resolve("good/sharded-bin"))) {
      assertThat(joined.names()).containsExactlyInAnyOrderElementsOf(shards.names());
      shards.names().forEach(name -> assertThat(joined.tensor(name).data().mismatch(shards.tensor(name).data())).isEqualTo(-1));
    }
  }

  /** 1 + 2^-9 lies between two bf16 and is nearer to 1; f16 has ten bits after the point. Integers stay. */
  @ParameterizedTest
  @CsvSource({"F16, 1.001953125", "BF16, 1", "F32, 1.001953125"})
  void convertsFloatsAndNothingElse(DType dtype, float expected) {
    Path in = write(HostTensor.of("x", new float[] {1.001953125f, -2, 0}, 3), HostTensor.of("ids", new int[] {70_000}, 1));
    Path out = dir.resolve("out.safetensors");
    convert(in, out, dtype, null);
    try (Safetensors file = Safetensors.open(out)) {
      assertThat(file.dtype("x")).isEqualTo(dtype);
      assertThat(file.tensor("x").toFloats()).containsExactly(expected, -2, 0);
      assertThat(file.dtype("ids")).isEqualTo(DType.I32);
      assertThat(file.tensor("ids").longAt(0)).isEqualTo(70_000);
    }
  }

  @Test
  void refusesAValueThatF16CannotHoldAndLeavesNothing() throws IOException {
    Path in = write(HostTensor.of("small", new float[] {1}, 1), HostTensor.of("big", new float[] {70_000}, 1), HostTensor.of("inf", new float[] {Float.POSITIVE_INFINITY}, 1));
    Path out = dir.resolve("out.safetensors");
    assertThatThrownBy(() -> convert(in, out, DType.F16, null)).isInstanceOf(CheckpointException.class).hasMessageContaining("\"big\" holds 70000.0");
    assertThat(files()).containsExactly("in.safetensors");
    convert(in, out, DType.BF16, null);
    assertThat(files()).containsExactly("SHA256SUMS", "in.safetensors", "out.safetensors");
  }

  @Test
  void stoppedHalfwayItLeavesWhatWasThere() throws IOException {
    Path in = write(HostTensor.of("a", new float[] {1}, 1), HostTensor.of("b", new float[] {1}, 1));
    Path out = Files.writeString(dir.resolve("out.safetensors"), "before");
    assertThatThrownBy(() -> Conversion.convert(in, out, Optional.empty(), Optional.empty(), (written, _) -> {
      if (written > 0) {
        throw new IllegalStateException("stop");
      }
    })).hasMessage("stop");
    assertThat(out).hasContent("before");
    assertThat(files()).containsExactly("in.safetensors", "out.safetensors");
  }

  @Test
  void addsToTheManifestThatIsThere() throws IOException {
    Path in = write(HostTensor.of("a", new float[] {1}, 1));
    String other = "0".repeat(64) + "  other";
    Files.writeString(dir.resolve("SHA256SUMS"), other + "\n" + "1".repeat(64) + "  out.safetensors\n");
    Path out = dir.resolve("out.safetensors");
    convert(in, out, null, null);
    assertThat(Files.readAllLines(dir.resolve("SHA256SUMS"))).containsExactly(other, Digests.sha256(out, _ -> { }) + "  out.safetensors");
    Files.writeString(dir.resolve("SHA256SUMS"), "my notes\n");
    assertThatThrownBy(() -> convert(in, dir.resolve("second.safetensors"), null, null)).isInstanceOf(CheckpointException.class).hasMessageContaining("SHA256SUMS: line 1");
    assertThat(dir.resolve("second.safetensors")).doesNotExist();
    Files.delete(dir.resolve("SHA256SUMS"));
    convert(in, out, null, null);
    assertThat(Verification.of(dir, (_, _) -> { }).faults()).isEmpty();
  }

  @Test
  void refusesTargetsThatMakeNoSense() throws IOException {
    Path in = write(HostTensor.of("a", new float[] {1}, 1));
    assertThatThrownBy(() -> convert(in, dir.resolve("out.pt"), null, null)).isInstanceOf(OptionException.class).hasMessageContaining(".safetensors");
    assertThatThrownBy(() -> convert(in, in, null, null)).isInstanceOf(OptionException.class).hasMessageContaining("name another");
    assertThatThrownBy(() -> convert(in, dir.resolve("none/out.safetensors"), null, null)).isInstanceOf(OutputException.class).hasMessageContaining("does not exist");
    Files.createDirectory(dir.resolve("folder.safetensors"));
    assertThatThrownBy(() -> convert(in, dir.resolve("folder.safetensors"), null, null)).isInstanceOf(OutputException.class).hasMessageContaining("folder");
    assertThatThrownBy(() -> convert(dir.resolve("none.pt"), dir.resolve("out.safetensors"), null, null)).isInstanceOf(CheckpointException.class);
    assertThatThrownBy(() -> convert(PICKLES.resolve("hostile/exec_os_system.pt"), dir.resolve("out.safetensors"), null, null))
        .isInstanceOf(CheckpointException.class).hasMessageContaining("os.system");
    assertThat(files()).containsExactly("in.safetensors");
  }

  private static Conversion.Summary convert(Path in, Path out, DType dtype, String wrapper) {
    return Conversion.convert(in, out, Optional.ofNullable(dtype), Optional.ofNullable(wrapper), Conversion.Progress.NONE);
  }

  private Path write(HostTensor... tensors) {
    Path file = dir.resolve("in.safetensors");
    SafetensorsWriter.write(file, Map.of(), List.of(tensors));
    return file;
  }

  private List<String> files() throws IOException {
    try (Stream<Path> files = Files.list(dir)) {
      return files.filter(Files::isRegularFile).map(file -> file.getFileName().toString()).sorted().toList();
    }
  }
}

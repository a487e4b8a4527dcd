package azulejo.runtime.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.pickle.TorchFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

class CheckpointTest {
  @TempDir
  Path dir;

  @ParameterizedTest
  @ValueSource(strings = {"model.safetensors", "diffusion_pytorch_model.safetensors", "model.fp16.safetensors"})
  void findsTheFileOfAFolder(String name) {
    Path file = Fixtures.one(dir.resolve(name), "w");
    assertOpens(file, Checkpoint.open(dir));
    assertOpens(file, Checkpoint.open(file));
  }

  @Test
  void givesAVariantOnlyWhenAsked() {
    Path full = Fixtures.one(dir.resolve("model.safetensors"), "full");
    Path half = Fixtures.one(dir.resolve("model.fp16.safetensors"), "half");
    assertOpens(full, Checkpoint.open(dir));
    assertOpens(half, Checkpoint.open(dir, "fp16"));
    assertThatThrownBy(() -> Checkpoint.open(dir, "bf16")).isInstanceOf(CheckpointException.class)
        .hasMessage(dir + " has its weights in the variants [fp16] only, not in bf16");
  }

  @Test
  void asksWhichOfSeveralVariants() {
    Fixtures.one(dir.resolve("model.bf16.safetensors"), "w");
    Fixtures.one(dir.resolve("model.fp16.safetensors"), "w");
    assertThatThrownBy(() -> Checkpoint.open(dir)).isInstanceOf(CheckpointException.class)
        .hasMessage(dir + " has its weights in the variants [bf16, fp16] only: name one of them");
  }

  @Test
  void readsAShardedVariant() throws IOException {
    Fixtures.one(dir.resolve("diffusion_pytorch_model.fp16-00001-of-00001.safetensors"), "w");
    Files.writeString(dir.resolve("diffusion_pytorch_model.safetensors.index.fp16.json"),
        "{\"weight_map\": {\"w\": \"diffusion_pytorch_model.fp16-00001-of-00001.safetensors\"}}");
    try (Checkpoint checkpoint = Checkpoint.open(dir)) {
      assertThat(checkpoint.names()).containsExactly("w");
    }
    Checkpoint.open(dir, "fp16").close();
  }

  private static void assertOpens(Path file, Checkpoint opened) {
    try (Checkpoint checkpoint = opened; Safetensors expected = Safetensors.open(file)) {
      assertThat(checkpoint.names()).isEqualTo(expected.tensors().keySet());
    }
  }

  /** Shapes, types and digests are those of good.json, which the official library made. */
  @Test
  void joinsShards() throws Exception {
    JsonNode expected = Json.object(Fixtures.path("good.json")).get("sharded");
    try (Checkpoint checkpoint = Checkpoint.open(Fixtures.path("sharded"))) {
      assertThat(checkpoint.names()).hasSize(expected.size());
      for (JsonNode tensor : expected) {
        SafetensorsTest.assertTensor(checkpoint.tensor(tensor.get("path").stringValue()), tensor);
      }
      assertThat(checkpoint.unused()).isEmpty();
      // three layers of [6, 4], [4, 6] and [4], and a head of [9, 4]
      assertThat(checkpoint.parameters()).isEqualTo(3 * (24 + 24 + 4) + 36);
    }
  }

  @Test
  void remembersWhatNobodyAskedFor() {
    try (Checkpoint checkpoint = Checkpoint.open(Fixtures.path("sharded"))) {
      checkpoint.tensor("lm_head.weight");
      assertThat(checkpoint.unused()).hasSize(9).doesNotContain("lm_head.weight").startsWith("model.layers.0.attn.weight");
      assertThatThrownBy(() -> checkpoint.tensor("absent")).isInstanceOf(CheckpointException.class).hasMessageContaining("has no tensor \"absent\"");
    }
  }

  @Test
  void countsNoIntegerAsAParameter() {
    Path file = Fixtures.write(dir.resolve("model.safetensors"),
        "{\"w\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[0,6]},\"position_ids\":{\"dtype\":\"I64\",\"shape\":[1,1],\"data_offsets\":[6,14]}}", 14);
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      assertThat(checkpoint.parameters()).isEqualTo(3);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"/etc/x.safetensors", "../x.safetensors", "..\\\\..\\\\x.safetensors", "sub/x.safetensors", "http://127.0.0.1/x.safetensors",
      "C:x.safetensors", "../x.bin", "model.safetensors.index.json", "model.pt", "", ".."})
  void anIndexReachesNothingOutsideItsFolder(String shard) throws IOException {
    Path index = Files.writeString(dir.resolve("model.safetensors.index.json"), "{\"weight_map\": {\"w\": \"" + shard + "\"}}");
    assertThatThrownBy(() -> Checkpoint.open(dir)).isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(index + ": tensor \"w\" lies in the text ")
        .hasMessageEndingWith("which is not the plain name of a .safetensors or .bin file in the same folder");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "{}                                                  | has no weight_map",
      "{\"weight_map\": []}                                | has no weight_map",
      "{\"weight_map\": {}}                                | has no weight_map",
      "{\"weight_map\": {\"w\": 5}}                        | tensor \"w\" lies in 5",
      "{\"weight_map\": {\"w\": \"no.safetensors\"}}       | no.safetensors: no such file or folder",
      "{\"weight_map\": {\"v\": \"shard.safetensors\"}}    | places tensor \"v\" in",
      "{\"weight_map\": {\"w\": \"a\", \"w\": \"b\"}}      | Duplicate Object property \"w\"",
      "{\"weight_map\":                                    | is not valid JSON"})
  void refusesABrokenIndex(String json, String says) throws IOException {
    Fixtures.one(dir.resolve("shard.safetensors"), "w");
    Files.writeString(dir.resolve("model.safetensors.index.json"), json);
    assertThatThrownBy(() -> Checkpoint.open(dir)).isInstanceOf(CheckpointException.class).hasMessageContaining(says);
  }

  @Test
  void saysWhatItLookedFor() throws IOException {
    assertThatThrownBy(() -> Checkpoint.open(dir)).isInstanceOf(CheckpointException.class)
        .hasMessage(dir + " holds no weights: none of model.safetensors, model.safetensors.index.json, diffusion_pytorch_model.safetensors,"
            + " diffusion_pytorch_model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json, diffusion_pytorch_model.bin,"
            + " diffusion_pytorch_model.bin.index.json is there");
    Path none = dir.resolve("none");
    assertThatThrownBy(() -> Checkpoint.open(none)).isInstanceOf(CheckpointException.class).hasMessage(none + " does not exist");
  }

  @ParameterizedTest
  @ValueSource(strings = {"pytorch_model.bin", "diffusion_pytorch_model.bin", "pytorch_model.fp16.bin"})
  void findsThePickleOfAFolder(String name) throws IOException {
    Path file = Files.copy(Fixtures.path("pickle/good/t213_zip_tied.bin"), dir.resolve(name));
    for (Path path : new Path[] {dir, file}) {
      try (Checkpoint checkpoint = Checkpoint.open(path)) {
        assertThat(checkpoint.names()).containsExactly("shared.weight", "encoder.embed_tokens.weight", "lm_head.weight", "part.weight");
      }
    }
  }

  @Test
  void prefersSafetensorsToAPickle() throws IOException {
    Fixtures.one(dir.resolve("model.safetensors"), "w");
    Files.copy(Fixtures.path("pickle/good/t213_zip_tied.bin"), dir.resolve("pytorch_model.bin"));
    try (Checkpoint checkpoint = Checkpoint.open(dir)) {
      assertThat(checkpoint.names()).containsExactly("w");
    }
  }

  /** LlamaGen's files hold {"model": state dict, "args": ..., "steps": ...}. */
  @Test
  void takesAPickledStateDictOutOfItsWrapper() {
    try (Checkpoint checkpoint = Checkpoint.open(Fixtures.path("pickle/good/t213_zip_wrap_model.pt"))) {
      assertThat(checkpoint.names()).containsExactly("layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias");
    }
    TorchFile both = TorchFile.open(Fixtures.path("pickle/good/t213_zip_wrap_model_and_ema.pt"));
    try (Checkpoint checkpoint = Checkpoint.of(both.stateDict("ema"))) {
      assertThat(checkpoint.names()).containsExactly("layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias");
    }
  }

  /** Shapes, types and digests are those of good.json, which PyTorch made. */
  @Test
  void joinsPickledShards() throws Exception {
    JsonNode expected = Json.object(Fixtures.path("pickle/good.json")).get("objects").get("sharded-bin");
    try (Checkpoint checkpoint = Checkpoint.open(Fixtures.path("pickle/good/sharded-bin"))) {
      assertThat(checkpoint.parameters()).isEqualTo(3 * (24 + 24 + 4) + 36); // as above: it is the same model
      assertThat(checkpoint.names()).hasSize(expected.size());
      for (JsonNode tensor : expected) {
        SafetensorsTest.assertTensor(checkpoint.tensor(tensor.get("path").stringValue()), tensor);
      }
    }
  }

  @Test
  void refusesAHostilePickleInAFolder() throws IOException {
    Path file = Files.copy(Fixtures.path("pickle/hostile/exec_os_system.pt"), dir.resolve("pytorch_model.bin"));
    assertThatThrownBy(() -> Checkpoint.open(dir)).isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(file + ": its data.pkl names \"os.system\", which no tensor needs");
  }
}

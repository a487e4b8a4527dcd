package azulejo.runtime.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.runtime.CheckpointException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JsonConfigTest {
  @TempDir
  Path dir;
  Path file;
  JsonConfig config;

  @BeforeEach
  void write() throws Exception {
    file = Files.writeString(dir.resolve("config.json"), """
        {"hidden_size": 40, "layer_norm_eps": 1e-06, "use_bias": false, "act_fn": "silu", "blocks": [8, 16],
         "vq_embed_dim": null, "vqvae": ["diffusers", "VQModel"], "large": 3000000000, "huge": 1e400,
         "text_config": {"hidden_act": "gelu"}}
        """);
    config = JsonConfig.read(file);
  }

  @Test
  void readsEachType() {
    assertThat(config.integer("hidden_size")).isEqualTo(40);
    assertThat(config.real("layer_norm_eps")).isEqualTo(1e-6);
    assertThat(config.real("hidden_size")).isEqualTo(40.0);
    assertThat(config.flag("use_bias")).isFalse();
    assertThat(config.text("act_fn")).isEqualTo("silu");
    assertThat(config.integers("blocks")).isEqualTo(List.of(8, 16));
    assertThat(config.texts("vqvae")).isEqualTo(List.of("diffusers", "VQModel"));
    assertThat(config.names()).startsWith("hidden_size", "layer_norm_eps", "use_bias");
  }

  @Test
  void nullCountsAsAbsent() {
    assertThat(config.has("vq_embed_dim")).isFalse();
    assertThat(config.integer("vq_embed_dim", 12)).isEqualTo(12);
    assertThat(config.integer("hidden_size", 12)).isEqualTo(40);
    assertThat(config.real("none", 0.5)).isEqualTo(0.5);
    assertThat(config.flag("none", true)).isTrue();
    assertThat(config.text("none", "x")).isEqualTo("x");
    assertThatThrownBy(() -> config.integer("vq_embed_dim")).isInstanceOf(CheckpointException.class)
        .hasMessage(file + ": field \"vq_embed_dim\" is missing; a 32-bit integer is expected");
  }

  @Test
  void readsAnObjectWithinTheObject() {
    JsonConfig text = config.section("text_config");
    assertThat(text.text("hidden_act")).isEqualTo("gelu");
    assertThatThrownBy(() -> text.integer("hidden_size")).isInstanceOf(CheckpointException.class)
        .hasMessage(file + ": field \"text_config.hidden_size\" is missing; a 32-bit integer is expected");
    assertThatThrownBy(() -> config.section("act_fn")).isInstanceOf(CheckpointException.class)
        .hasMessage(file + ": field \"act_fn\" is the text \"silu\", but an object is expected");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "act_fn | is the text \"silu\", but a 32-bit integer is expected",
      "layer_norm_eps | is 1.0E-6, but a 32-bit integer is expected",
      "large | is 3000000000, but a 32-bit integer is expected",
      "use_bias | is false, but a 32-bit integer is expected",
      "blocks | is a list, but a 32-bit integer is expected"})
  void namesFileFieldAndTypes(String field, String says) {
    assertThatThrownBy(() -> config.integer(field)).isInstanceOf(CheckpointException.class).hasMessage(file + ": field \"" + field + "\" " + says);
    assertThatThrownBy(() -> config.integer(field, 1)).isInstanceOf(CheckpointException.class);
  }

  @Test
  void checksTheOtherTypes() {
    assertThatThrownBy(() -> config.real("huge")).isInstanceOf(CheckpointException.class).hasMessageContaining("a finite number is expected");
    assertThatThrownBy(() -> config.flag("hidden_size")).isInstanceOf(CheckpointException.class).hasMessageContaining("true or false is expected");
    assertThatThrownBy(() -> config.text("blocks")).isInstanceOf(CheckpointException.class).hasMessageContaining("a text is expected");
    assertThatThrownBy(() -> config.integers("vqvae")).isInstanceOf(CheckpointException.class)
        .hasMessageContaining("is a list, but a list, each item a 32-bit integer is expected");
  }

  @Test
  void refusesWhatIsNoConfig() throws Exception {
    Path none = dir.resolve("none.json");
    assertThatThrownBy(() -> JsonConfig.read(none)).isInstanceOf(CheckpointException.class).hasMessage("cannot read " + none + ": no such file or folder");
    Files.writeString(none, "[1]");
    assertThatThrownBy(() -> JsonConfig.read(none)).isInstanceOf(CheckpointException.class).hasMessage(none + " is not a JSON object");
    Files.writeString(none, "{\"a\": 1, \"a\": 2}");
    assertThatThrownBy(() -> JsonConfig.read(none)).isInstanceOf(CheckpointException.class).hasMessageContaining("Duplicate");
    Files.writeString(none, "");
    assertThatThrownBy(() -> JsonConfig.read(none)).isInstanceOf(CheckpointException.class).hasMessage(none + " is not a JSON object");
  }
}

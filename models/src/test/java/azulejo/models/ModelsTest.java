package azulejo.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.Backend;
import azulejo.kernels.WeightFormat;
import azulejo.kernels.reference.ReferenceBackend;
import azulejo.runtime.CheckpointException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which folders are models, and what is said about those that are not. */
class ModelsTest {
  private static final Path DEMO = Path.of("../demo");

  @TempDir
  Path dir;

  private final Backend backend = new ReferenceBackend();

  @AfterEach
  void close() {
    backend.close();
  }

  private void assertRefused(Path folder, String... parts) {
    assertThatThrownBy(() -> Models.open(folder, backend).close()).isInstanceOf(CheckpointException.class).message().contains(parts);
  }

  @Test
  void opensAmused() {
    try (ImageGenerator model = Models.open(DEMO.resolve("masked"), backend)) {
      assertThat(model.family()).isEqualTo("aMUSEd");
    }
  }

  @Test
  void opensVqDiffusion() {
    try (ImageGenerator model = Models.open(DEMO.resolve("diffusion"), backend)) {
      assertThat(model.family()).isEqualTo("VQ-Diffusion");
    }
  }

  @Test
  void opensLlamaGen() {
    try (ImageGenerator model = Models.open(DEMO.resolve("autoregressive"), backend, WeightFormat.INT8)) {
      assertThat(model.description()).matches("LlamaGen of captions, [0-9.]+ M parameters \\(int8\\), 16x16 grid of 1024 codes");
    }
  }

  @ParameterizedTest
  @CsvSource({"masked, aMUSEd", "diffusion, VQ-Diffusion", "autoregressive, LlamaGen of captions"})
  void everyModelSaysHowItsWeightsAreKept(String folder, String name) {
    try (ImageGenerator model = Models.open(DEMO.resolve(folder), backend, WeightFormat.BF16)) {
      assertThat(model.description()).matches(name + ", [0-9.]+ M parameters \\(bf16\\), 16x16 grid .*");
      assertThat(model.resolve(GenerationRequest.of("a red star", 1))).containsEntry("weights", "bf16");
    }
  }

  @Test
  void saysWhatAFolderIsInstead() throws IOException {
    Files.writeString(Files.createDirectory(dir.resolve("other")).resolve("model_index.json"), "{\"_class_name\": \"KandinskyPipeline\"}");
    assertRefused(dir.resolve("other"), dir.resolve("other") + " is a model for KandinskyPipeline, which is not in this version yet");
    assertRefused(dir, dir + " has no model_index.json");
    assertRefused(dir.resolve("nowhere"), dir.resolve("nowhere") + " does not exist");
    Path file = Files.writeString(dir.resolve("file"), "");
    assertRefused(file, file + " is a file, but a model is a folder");
  }

  @ParameterizedTest
  @CsvSource({"text_encoder/config.json", "text_encoder/model.safetensors", "transformer/config.json",
      "transformer/diffusion_pytorch_model.safetensors", "vqvae/config.json", "vqvae/diffusion_pytorch_model.safetensors", "tokenizer/vocab.json",
      "tokenizer/merges.txt", "scheduler/scheduler_config.json"})
  void namesAFileThatIsMissing(String missing) throws IOException {
    Path copy = copied();
    Files.delete(copy.resolve(missing));
    // Without weights the folder is named, for they may have several names.
    assertRefused(copy, missing.endsWith(".safetensors") ? copy.resolve(missing).getParent().toString() : copy.resolve(missing).toString());
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "transformer/config.json | \"encoder_hidden_size\": 128 | \"encoder_hidden_size\": 64 | hidden_size of text_encoder is 128, but encoder_hidden_size of transformer is 64",
      "transformer/config.json | \"cond_embed_dim\": 128 | \"cond_embed_dim\": 64 | projection_dim of text_encoder is 128, but cond_embed_dim of transformer is 64",
      "vqvae/config.json | \"num_vq_embeddings\": 1024 | \"num_vq_embeddings\": 512 | num_vq_embeddings of vqvae is 512, but codebook_size of transformer is 1024",
      "transformer/config.json | \"hidden_size\": 128 | \"hidden_size\": 96 | transformer/diffusion_pytorch_model.safetensors: tensor \"encoder_proj.weight\"",
      "transformer/config.json | \"num_attention_heads\": 4 | \"num_attention_heads\": 5 | field \"num_attention_heads\" is 5, which does not divide hidden_size 128",
      "transformer/config.json | \"upsample\": false | \"upsample\": true | field \"upsample\" must equal downsample",
      "transformer/config.json | \"micro_cond_embed_dim\": 160 | \"micro_cond_embed_dim\": 150 | field \"micro_cond_embed_dim\" must be 5 times micro_cond_encode_dim",
      "scheduler/scheduler_config.json | 1087 | 1000 | field \"mask_token_id\" is 1000, but the transformer embeds 1088 tokens of which the first 1024 are codes",
      "scheduler/scheduler_config.json | cosine | square | field \"masking_schedule\" is \"square\", but only cosine and linear are known",
      "vqvae/config.json | \"act_fn\": \"silu\" | \"act_fn\": \"relu\" | field \"act_fn\" is \"relu\", but only \"silu\" is known",
      "vqvae/config.json | \"norm_num_groups\": 32 | \"norm_num_groups\": 48 | field \"block_out_channels\" is [64, 64, 128], but each must be a positive multiple of norm_num_groups 48",
      "vqvae/config.json | \"AttnUpDecoderBlock2D\" | \"UpBlock\" | field \"up_block_types\" is [UpBlock, UpDecoderBlock2D, UpDecoderBlock2D]",
      "text_encoder/config.json | \"vocab_size\": 824 | \"vocab_size\": 512 | the tokenizer has 824 tokens, but vocab_size of text_encoder is 512",
      "text_encoder/config.json | quick_gelu | tanh | field \"hidden_act\" is \"tanh\", but only quick_gelu and gelu are known"})
  void saysWhatDoesNotFit(String name, String from, String to, String message) throws IOException {
    Path copy = copied();
    Path file = copy.resolve(name);
    String text = Files.readString(file);
    assertThat(text).contains(from);
    Files.delete(file);
    Files.writeString(file, text.replace(from, to));
    assertRefused(copy, copy.toString(), message);
  }

  /** The demo model in a folder of the test, where it can be spoilt. */
  private Path copied() throws IOException {
    Path source = DEMO.resolve("masked").toAbsolutePath().normalize();
    Path copy = dir.resolve("copy");
    try (Stream<Path> paths = Files.walk(source)) {
      for (Path path : (Iterable<Path>) paths::iterator) {
        Path target = copy.resolve(source.relativize(path).toString());
        if (Files.isDirectory(path)) {
          Files.createDirectories(target);
        } else {
          Files.copy(path, target);
        }
      }
    }
    return copy;
  }
}

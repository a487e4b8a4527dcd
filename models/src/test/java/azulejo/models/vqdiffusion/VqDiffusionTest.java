package azulejo.models.vqdiffusion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.Backend;
import azulejo.kernels.WeightFormat;
import azulejo.kernels.reference.ReferenceBackend;
import azulejo.models.GeneratedImage;
import azulejo.models.Generation;
import azulejo.models.GenerationListener;
import azulejo.models.GenerationRequest;
import azulejo.models.Image;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.Tap;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What a generation does besides its numbers, on a tiny model of random weights. The numbers are held against the official ones in module
 * tests.
 */
class VqDiffusionTest {
  private static final Path TINY = Path.of("../tests/src/test/resources/goldens/vqdiffusion-tiny");
  private static Backend backend;
  private static VqDiffusion model;

  @TempDir
  Path dir;

  @BeforeAll
  static void open() {
    backend = new ReferenceBackend();
    model = VqDiffusion.open(TINY, backend, WeightFormat.F32);
  }

  @AfterAll
  static void close() {
    model.close();
    backend.close();
  }

  private static GenerationRequest.Builder request(String... prompts) {
    return GenerationRequest.builder().prompts(List.of(prompts)).steps(1).guidance(1).seed(5);
  }

  private static List<GeneratedImage> generate(GenerationRequest request, GenerationListener listener, long batchBytes) {
    return new VqDiffusionGeneration(model, backend, model.settings(request), listener, Tap.NONE, batchBytes).run();
  }

  @Test
  void describesItself() {
    assertThat(model.description()).matches("VQ-Diffusion, [0-9.]+ M parameters, 6x6 grid of 60 codes, 100 timesteps");
  }

  @Test
  void anImageDependsOnItsSeedPromptAndIndexAlone() {
    GenerationRequest together = request("a red star", "a blue moon").imagesPerPrompt(2).build();
    List<GeneratedImage> inOneBatch = generate(together, GenerationListener.NONE, Generation.BATCH_BYTES);
    List<GeneratedImage> oneByOne = generate(together, GenerationListener.NONE, 1);
    assertThat(inOneBatch).extracting(image -> image.prompt() + " " + image.index())
        .containsExactly("a red star 0", "a red star 1", "a blue moon 0", "a blue moon 1");
    for (int i = 0; i < 4; i++) {
      assertThat(oneByOne.get(i).tokens()).isEqualTo(inOneBatch.get(i).tokens()).hasSize(36);
      assertThat(oneByOne.get(i).image().rgb()).hasSize(3 * 48 * 48);
    }
    assertThat(inOneBatch.get(0).tokens()).isNotEqualTo(inOneBatch.get(1).tokens()).isNotEqualTo(inOneBatch.get(2).tokens());
  }

  @Test
  void guidanceSteersAwayFromNoPrompt() {
    int[] without = generate(request("a red star").build(), GenerationListener.NONE, 1).getFirst().tokens();
    int[] with = generate(request("a red star").guidance(3).build(), GenerationListener.NONE, 1).getFirst().tokens();
    assertThat(with).isNotEqualTo(without);
  }

  @Test
  void theListenerHearsStepsAndFrames() {
    List<String> heard = new ArrayList<>();
    List<Image> last = new ArrayList<>();
    GenerationListener listener = new GenerationListener() {
      @Override
      public void step(int step, int steps, Supplier<List<Image>> frames) {
        heard.add(step + " of " + steps);
        if (step == steps) {
          last.addAll(frames.get());
        }
      }
    };
    List<GeneratedImage> images = model.generate(request("a red star").steps(2).build(), listener);
    assertThat(heard).containsExactly("1 of 2", "2 of 2");
    assertThat(last).singleElement().satisfies(frame -> assertThat(frame.rgb()).isEqualTo(images.getFirst().image().rgb()));
  }

  @Test
  void warnsOfAPromptThatIsCut() {
    List<String> warnings = new ArrayList<>();
    GenerationListener listener = new GenerationListener() {
      @Override
      public void warning(String message) {
        warnings.add(message);
      }
    };
    model.generate(request("the ".repeat(76)).build(), listener);
    assertThat(warnings).as("77 positions, one of them for the start token: only the end token is cut").isEmpty();
    model.generate(request("the ".repeat(85)).build(), listener);
    assertThat(warnings)
        .containsExactly("the text encoder reads 77 tokens, so the end of a prompt is left out: \"" + "the ".repeat(9).strip() + "\"");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "transformer/config.json | \"cross_attention_dim\": 24 | \"cross_attention_dim\": 48 | hidden_size of text_encoder is 24, but cross_attention_dim of transformer is 48",
      "transformer/config.json | \"num_vector_embeds\": 61 | \"num_vector_embeds\": 60 | num_vec_classes of scheduler is 61, but num_vector_embeds of transformer is 60",
      "transformer/config.json | \"num_vector_embeds\": 61 | \"num_vector_embeds\": 1 | field \"num_vector_embeds\" is 1, but at least 2 is needed",
      "transformer/config.json | \"num_embeds_ada_norm\": 100 | \"num_embeds_ada_norm\": 24 | field \"num_train_timesteps\" is 100, but num_embeds_ada_norm of transformer is 24",
      "transformer/config.json | \"num_embeds_ada_norm\": 100 | \"num_embeds_ada_norm\": null | field \"num_embeds_ada_norm\" is missing",
      "transformer/config.json | \"geglu-approximate\" | \"swish\" | field \"activation_fn\" is \"swish\", but only gelu, gelu-approximate, geglu, geglu-approximate are known",
      "transformer/config.json | \"sample_size\": 6 | \"sample_size\": 8 | tensor \"latent_image_embedding.height_emb.weight\" has the shape [6, 36]",
      "transformer/config.json | \"in_channels\": null | \"norm_type\": \"ada_norm_zero\" | field \"norm_type\" is \"ada_norm_zero\", but only ada_norm is known",
      "transformer/config.json | \"in_channels\": null | \"only_cross_attention\": true | field \"only_cross_attention\" is true",
      "vqvae/config.json | \"num_vq_embeddings\": 60 | \"num_vq_embeddings\": 50 | num_vq_embeddings of vqvae is 50, but num_vector_embeds of transformer less the mask is 60",
      "learned_classifier_free_sampling_embeddings/config.json | \"length\": 77 | \"length\": 16 | length of learned_classifier_free_sampling_embeddings is 16",
      "scheduler/scheduler_config.json | \"num_vec_classes\": 61 | \"num_vec_classes\": 60 | num_vec_classes of scheduler is 60"})
  void saysWhatDoesNotFit(String name, String from, String to, String message) throws IOException {
    Path copy = copied();
    Path file = copy.resolve(name);
    String text = Files.readString(file);
    assertThat(text).contains(from);
    Files.delete(file);
    Files.writeString(file, text.replace(from, to));
    assertThatThrownBy(() -> VqDiffusion.open(copy, backend, WeightFormat.F32).close()).isInstanceOf(CheckpointException.class)
        .hasMessageContaining(copy.toString())
        .hasMessageContaining(message);
  }

  /** A model that was trained with the empty prompt has no embeddings of its own for that. */
  @Test
  void withoutLearnedEmbeddingsTheEmptyPromptStandsForNone() throws IOException {
    Path copy = copied();
    Path config = copy.resolve("learned_classifier_free_sampling_embeddings/config.json");
    String text = Files.readString(config);
    Files.delete(config);
    Files.writeString(config, text.replace("\"learnable\": true", "\"learnable\": false"));
    GenerationRequest request = request("").guidance(3).build();
    try (VqDiffusion other = VqDiffusion.open(copy, backend, WeightFormat.F32)) {
      List<float[]> rows = new ArrayList<>();
      other.generate(request, GenerationListener.NONE, (name, value) -> {
        if (name.equals("encoder_hidden_states")) {
          rows.add(backend.download(value.slice(0, 0, 1)).toFloats());
          rows.add(backend.download(value.slice(0, 1, 1)).toFloats());
        }
      });
      assertThat(rows.getFirst()).isEqualTo(rows.getLast());
    }
  }

  /** The demo model in a folder of the test, where it can be spoilt. */
  private Path copied() throws IOException {
    Path source = TINY.toAbsolutePath().normalize();
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

package azulejo.models.clip;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import azulejo.kernels.Backend;
import azulejo.kernels.Backends;
import azulejo.models.Image;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.JsonConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How a CLIP folder is read and its preprocessing configured; the official values are held by {@code azulejo parity}. */
class ClipTest {
  private static final Path DEMO = Path.of("../demo/clip");

  @TempDir
  Path dir;

  private final Backend backend = Backends.open(Backends.DEFAULT);

  @BeforeEach
  void copy() throws IOException {
    try (Stream<Path> files = Files.list(DEMO)) {
      for (Path file : files.toList()) {
        Files.copy(file, dir.resolve(file.getFileName()));
      }
    }
  }

  @AfterEach
  void close() {
    backend.close();
  }

  private void change(String file, String from, String to) throws IOException {
    String text = Files.readString(dir.resolve(file));
    assertThat(text).contains(from);
    Files.writeString(dir.resolve(file), text.replace(from, to));
  }

  private static Image noise(int width, int height) {
    byte[] rgb = new byte[3 * width * height];
    new Random(width).nextBytes(rgb);
    return new Image(width, height, rgb);
  }

  @Test
  void embedsUnitVectorsThatDoNotDependOnTheirNeighbours() {
    try (Clip clip = Clip.open(DEMO, backend)) {
      List<float[]> images = clip.embedImages(List.of(noise(64, 64), noise(90, 70), noise(32, 100)));
      assertThat(images.get(1)).isEqualTo(clip.embedImages(List.of(noise(90, 70))).getFirst());
      List<float[]> texts = clip.embedTexts(List.of("a star", "a large red star on a teal background"));
      assertThat(texts.getFirst()).containsExactly(clip.embedTexts(List.of("a star")).getFirst(), within(1e-6f));
      for (float[] vector : List.of(images.get(0), images.get(2), texts.get(1))) {
        double square = 0;
        for (float value : vector) {
          square += value * value;
        }
        assertThat(square).isCloseTo(1, within(1e-5));
      }
      assertThat(clip.embedTexts(List.of("a star ".repeat(50)))).hasSize(1);
      assertThat(clip.logitScale()).isBetween(1.0, 101.0);
    }
  }

  /** As newer versions of transformers write it. */
  @Test
  void readsTheNewFormOfThePreprocessorsConfiguration() throws IOException {
    ClipImageProcessor old = ClipImageProcessor.of(JsonConfig.read(dir.resolve("preprocessor_config.json")));
    change("preprocessor_config.json", "\"crop_size\": 64", "\"crop_size\": {\"height\": 64, \"width\": 64}");
    change("preprocessor_config.json", "\"size\": 64", "\"do_rescale\": true, \"rescale_factor\": 0.00392156862745098, \"size\": {\"shortest_edge\": 64}");
    ClipImageProcessor processor = ClipImageProcessor.of(JsonConfig.read(dir.resolve("preprocessor_config.json")));
    Image image = noise(90, 70);
    assertThat(processor.process(List.of(image)).toFloats()).isEqualTo(old.process(List.of(image)).toFloats());
  }

  /** The longer side is rounded down: 64 * 129 / 57 = 144.8. */
  @Test
  void resizesTheShorterSideAndCutsTheMiddle() {
    ClipImageProcessor processor = ClipImageProcessor.of(JsonConfig.read(DEMO.resolve("preprocessor_config.json")));
    Image resized = processor.resize(noise(129, 57));
    assertThat(resized.width()).isEqualTo(144);
    assertThat(resized.height()).isEqualTo(64);
    Image cropped = processor.crop(resized);
    assertThat(cropped.width()).isEqualTo(64);
    assertThat(cropped.rgb()[0]).isEqualTo(resized.rgb()[3 * 40]);
    Image exact = noise(64, 64);
    assertThat(processor.crop(processor.resize(exact)).rgb()).isEqualTo(exact.rgb());
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "preprocessor_config.json | \"resample\": 3 | \"resample\": 2 | only 3, bicubic",
      "preprocessor_config.json | \"do_center_crop\": true | \"do_center_crop\": false | do_center_crop",
      "preprocessor_config.json | \"crop_size\": 64 | \"crop_size\": 65 | does not lie within size 64",
      "preprocessor_config.json | 0.48145466, | | three numbers are expected",
      "config.json | \"image_size\": 64 | \"image_size\": 72 | position_embedding.weight",
      "config.json | \"patch_size\": 8 | \"patch_size\": 0 | patch_size",
      "config.json | \"vocab_size\": 824 | \"vocab_size\": 700 | token_embedding.weight",
      "config.json | \"projection_dim\": 128 | \"projection_dim\": 64 | projection"})
  void refusesFilesThatDoNotFit(String file, String from, String to, String problem) throws IOException {
    change(file, from, to == null ? "" : to);
    assertThatThrownBy(() -> Clip.open(dir, backend)).isInstanceOf(CheckpointException.class).message().contains(problem).doesNotContain("\n");
  }

  @ParameterizedTest
  @CsvSource({"config.json", "preprocessor_config.json", "vocab.json", "model.safetensors"})
  void saysWhichFileIsMissing(String file) throws IOException {
    Files.delete(dir.resolve(file));
    assertThatThrownBy(() -> Clip.open(dir, backend)).isInstanceOf(CheckpointException.class).message()
        .contains(file.equals("model.safetensors") ? "holds no weights" : file);
  }
}

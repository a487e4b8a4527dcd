package azulejo.models.llamagen;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.Backend;
import azulejo.kernels.WeightFormat;
import azulejo.kernels.reference.ReferenceBackend;
import azulejo.models.GeneratedImage;
import azulejo.models.GenerationListener;
import azulejo.models.GenerationRequest;
import azulejo.models.GenerationRequest.Rng;
import azulejo.models.Image;
import azulejo.models.Models;
import azulejo.runtime.Cancelled;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Safetensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Folders, and what a generation does besides its numbers, on the golden models with their grid of 4 x 4 tokens. */
class LlamaGenTest {
  private static final Path GOLDENS = Path.of("../tests/src/test/resources/goldens");
  private static final String CLASSES = "c2i_tiny.pt";
  private static final String CAPTIONS = "t2i_tiny.pt";
  private static final String TOKENIZER = "vq_ds16_c2i.safetensors";

  @TempDir
  Path dir;

  private final Backend b = new ReferenceBackend();

  @AfterEach
  void close() {
    b.close();
  }

  /** A folder of the test with these files of the goldens. */
  private Path folder(String... files) throws IOException {
    Path folder = Files.createDirectories(dir.resolve("model"));
    for (String file : files) {
      Files.copy(GOLDENS.resolve("llamagen-tiny").resolve(file), folder.resolve(file));
    }
    return folder;
  }

  private void addTextEncoder(Path folder, Path source) throws IOException {
    Path target = Files.createDirectories(folder.resolve("t5"));
    try (Stream<Path> files = Files.list(source)) {
      for (Path file : files.filter(f -> !f.getFileName().toString().startsWith("golden")).toList()) {
        Files.copy(file, target.resolve(file.getFileName()));
      }
    }
  }

  private LlamaGen ofClasses() throws IOException {
    return LlamaGen.open(folder(CLASSES, TOKENIZER, "config.json"), b, WeightFormat.F32);
  }

  private LlamaGen ofCaptions() throws IOException {
    Path folder = folder(CAPTIONS, TOKENIZER, "config.json");
    addTextEncoder(folder, GOLDENS.resolve("t5-tiny"));
    return LlamaGen.open(folder, b, WeightFormat.F32);
  }

  private static GenerationRequest.Builder classes(Integer... labels) {
    return GenerationRequest.builder().classes(List.of(labels)).seed(5);
  }

  // ---- generating -----------------------------------------------------------------------------------------------------------

  /** The recorded run of the official sampler, from its labels and its seed. */
  @Test
  void aSeedGivesTheOfficialTokens() throws IOException {
    try (LlamaGen model = ofClasses(); Safetensors golden = Safetensors.open(GOLDENS.resolve("llamagen-tiny/golden_c2i.safetensors"))) {
      int[] labels = golden.tensor("gen.labels").toInts();
      GenerationRequest request = classes(labels[0], labels[1]).seed(0).rng(Rng.TORCH).guidance(4).topK(20).build();
      List<GeneratedImage> images = model.generate(request, GenerationListener.NONE);
      assertThat(images.stream().flatMapToInt(image -> IntStream.of(image.tokens())).toArray()).isEqualTo(golden.tensor("gen.cfg4_topk.ids").toInts());
      assertThat(images).extracting(GeneratedImage::prompt).containsExactly("class " + labels[0], "class " + labels[1]);
      assertThat(images.getFirst().image().width()).isEqualTo(64);
    }
  }

  @Test
  void anImageDependsOnItsSeedConditionAndIndexAlone() throws IOException {
    try (LlamaGen model = ofCaptions()) {
      GenerationRequest.Builder request = GenerationRequest.builder().prompts(List.of("a red fox", "robot")).imagesPerPrompt(2).guidance(2).guidanceInterval(4);
      List<GeneratedImage> together = generate(model, request.build(), LlamaGenGeneration.BATCH_BYTES);
      List<GeneratedImage> oneByOne = generate(model, request.build(), 1);
      for (int i = 0; i < 4; i++) {
        assertThat(oneByOne.get(i).tokens()).isEqualTo(together.get(i).tokens());
        assertThat(oneByOne.get(i).image().rgb()).isEqualTo(together.get(i).image().rgb());
      }
      assertThat(together.get(0).tokens()).isNotEqualTo(together.get(1).tokens());
      assertThat(generate(model, request.prompts(List.of("robot")).imagesPerPrompt(1).build(), 1).getFirst().tokens()).isEqualTo(together.get(2).tokens());
    }
  }

  private List<GeneratedImage> generate(LlamaGen model, GenerationRequest request, long batchBytes) {
    return new LlamaGenGeneration(model, b, model.settings(request), GenerationListener.NONE, Tap.NONE, batchBytes).run();
  }

  @Test
  void framesShowTheCellsThatAreSettled() throws IOException {
    List<Long> grey = new ArrayList<>();
    GenerationListener listener = new GenerationListener() {
      @Override
      public void step(int step, int steps, Supplier<List<Image>> frames) {
        assertThat(steps).isEqualTo(16);
        if (step % 5 == 0) {
          byte[] rgb = frames.get().getFirst().rgb();
          grey.add(IntStream.range(0, 16).filter(cell -> IntStream.range(0, 256).allMatch(pixel -> {
            int at = 3 * ((cell / 4 * 16 + pixel / 16) * 64 + cell % 4 * 16 + pixel % 16);
            return rgb[at] == (byte) 128 && rgb[at + 1] == (byte) 128 && rgb[at + 2] == (byte) 128;
          })).count());
        }
      }
    };
    try (LlamaGen model = ofClasses()) {
      model.generate(classes(3).build(), listener);
    }
    assertThat(grey).containsExactly(11L, 6L, 1L);
  }

  @Test
  void stopsBetweenTokensWhenAsked() throws IOException {
    int[] steps = new int[1];
    GenerationListener listener = new GenerationListener() {
      @Override
      public void step(int step, int all, Supplier<List<Image>> frames) {
        steps[0] = step;
      }

      @Override
      public boolean cancelled() {
        return steps[0] == 3;
      }
    };
    try (LlamaGen model = ofClasses()) {
      assertThatThrownBy(() -> model.generate(classes(3).build(), listener)).isInstanceOf(Cancelled.class);
    }
    assertThat(steps).containsExactly(3);
  }

  @Test
  void warnsOfACaptionThatIsCut() throws IOException {
    List<String> warnings = new ArrayList<>();
    GenerationListener listener = new GenerationListener() {
      @Override
      public void warning(String message) {
        warnings.add(message);
      }
    };
    try (LlamaGen model = ofCaptions()) {
      // 200 words do not fit into 119 tokens and the end token
      model.generate(GenerationRequest.builder().prompts(List.of("Robot ".repeat(200))).guidance(1).build(), listener);
    }
    assertThat(warnings).singleElement().asString().startsWith("the model reads 120 tokens of a caption, so its end is left out: \"").endsWith(" robot robot\"");
  }

  /** Rounding weights to bf16 moves logits, but not so far that a likely code becomes an unlikely one. */
  @Test
  void narrowWeightsChangeLittle() throws IOException {
    Path folder = folder(CLASSES, TOKENIZER, "config.json");
    List<int[]> tokens = new ArrayList<>();
    for (WeightFormat format : WeightFormat.values()) {
      try (LlamaGen model = LlamaGen.open(folder, b, format)) {
        assertThat(model.resolve(classes(3).build())).containsEntry("weights", format.name().toLowerCase());
        tokens.add(model.generate(classes(3).topK(1).build(), GenerationListener.NONE).getFirst().tokens());
      }
    }
    for (int[] narrow : tokens) {
      assertThat(narrow[0]).as("the first token, whose logits differ by rounding alone").isEqualTo(tokens.getFirst()[0]);
    }
  }

  // ---- folders --------------------------------------------------------------------------------------------------------------

  @Test
  void aConfigurationMayNameTheFiles() throws IOException {
    Path folder = folder(CLASSES, CAPTIONS, TOKENIZER, "config.json");
    edit(folder, "{\n \"vq\"", "{\n \"files\": {\"c2i\": \"c2i_tiny.pt\", \"vq\": \"vq_ds16_c2i.safetensors\"}, \"vq\"");
    try (LlamaGen model = LlamaGen.open(folder, b, WeightFormat.F32)) {
      assertThat(model.description()).matches("LlamaGen of classes, [0-9.]+ M parameters, 4x4 grid of 128 codes");
    }
  }

  @Test
  void safetensorsWillDo() throws IOException {
    Path folder = folder("c2i_tiny.safetensors", TOKENIZER, "config.json");
    Models.open(folder, b).close();
  }

  private static void edit(Path folder, String from, String to) throws IOException {
    Path config = folder.resolve("config.json");
    String text = Files.readString(config);
    assertThat(text).contains(from);
    Files.delete(config);
    Files.writeString(config, text.replaceFirst(Pattern.quote(from), to));
  }

  private void assertRefused(Path folder, String... parts) {
    assertThatThrownBy(() -> Models.open(folder, b).close()).isInstanceOf(CheckpointException.class).message().contains(folder.toString()).contains(parts);
  }

  @Test
  void saysWhichFileIsMissing() throws IOException {
    Path folder = folder(CLASSES, "config.json");
    assertRefused(folder, "has no image tokenizer (vq_*.pt) among its files");
    Files.delete(folder.resolve(CLASSES));
    Files.copy(GOLDENS.resolve("llamagen-tiny/vq_ds16_c2i.safetensors"), folder.resolve("vq.safetensors"));
    assertRefused(folder, "has no model_index.json");
  }

  @Test
  void wantsOneModelInAFolder() throws IOException {
    assertRefused(folder(CLASSES, CAPTIONS, TOKENIZER, "config.json"), "has more than one GPT (c2i_*.pt or t2i_*.pt): c2i_tiny.pt and t2i_tiny.pt");
  }

  @Test
  void wantsATextEncoderForCaptions() throws IOException {
    Path folder = folder(CAPTIONS, TOKENIZER, "config.json");
    assertRefused(folder, "has no text encoder, which a model of captions needs: put google/flan-t5-xl into a subfolder");
    addTextEncoder(folder, Path.of("../demo/autoregressive/t5"));
    assertRefused(folder, "d_model of t5 is 128, but the caption width of the GPT is 32");
  }

  @Test
  void wantsThePublishedSizesOrTheArguments() throws IOException {
    assertRefused(folder(CLASSES, TOKENIZER), "has 2 layers of width 36, which is no published GPT size (B 12x768, L 24x1024, XL 36x1280");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "\"n_head\": 3 | \"n_head\": 5 | field \"c2i.n_head\" is 5, but the width 36 must split into heads of a multiple of 4",
      "\"block_size\": 16 | \"block_size\": 12 | field \"c2i.block_size\" is 12, which is no square grid",
      "\"c2i\": { | \"files\": {\"c2i\": \"../c2i_tiny.pt\", \"vq\": \"v\"}, \"c2i\": { | field \"files.c2i\" is \"../c2i_tiny.pt\", which is not the plain name",
      "\"c2i\": { | \"files\": {\"c2i\": \"c2i_tiny.pt\"}, \"c2i\": { | field \"files.vq\" is missing"})
  void saysWhatIsWrongInTheConfiguration(String from, String to, String message) throws IOException {
    Path folder = folder(CLASSES, TOKENIZER, "config.json");
    edit(folder, from, to);
    assertRefused(folder, message);
  }
}

package azulejo.models.amused;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.Backend;
import azulejo.kernels.HostTensor;
import azulejo.kernels.WeightFormat;
import azulejo.kernels.reference.ReferenceBackend;
import azulejo.models.GeneratedImage;
import azulejo.models.GenerationListener;
import azulejo.models.GenerationRequest;
import azulejo.models.GenerationRequest.Rng;
import azulejo.models.Image;
import azulejo.runtime.Cancelled;
import azulejo.runtime.GenerationException;
import azulejo.runtime.OptionException;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a generation does besides its numbers, on the demo model with pictures of 4 x 4 tokens. The numbers are held against the official ones in module tests. */
class AmusedTest {
  private static Backend backend;
  private static Amused model;

  @BeforeAll
  static void open() {
    backend = new ReferenceBackend();
    model = Amused.open(Path.of("../demo/masked"), backend, WeightFormat.F32);
  }

  @AfterAll
  static void close() {
    model.close();
    backend.close();
  }

  private static GenerationRequest request(List<String> prompts, int images, int steps, double guidance, Rng rng) {
    return GenerationRequest.builder().prompts(prompts).imagesPerPrompt(images).steps(steps).guidance(guidance).seed(5).rng(rng).size(16, 16).build();
  }

  private static List<GeneratedImage> generate(GenerationRequest request, GenerationListener listener, long batchBytes) {
    return new AmusedGeneration(model, backend, model.settings(request), Amused.MicroConditioning.DEFAULT, listener, Tap.NONE, batchBytes).run();
  }

  @Test
  void describesItself() {
    assertThat(model.description()).matches("aMUSEd, [0-9.]+ M parameters, 16x16 grid of 1024 codes");
  }

  @Test
  void imagesComePromptByPrompt() {
    List<GeneratedImage> images = model.generate(request(List.of("a red star", "a blue moon"), 2, 2, 3, Rng.PHILOX), GenerationListener.NONE);
    assertThat(images).extracting(image -> image.prompt() + " " + image.index()).containsExactly("a red star 0", "a red star 1", "a blue moon 0", "a blue moon 1");
    assertThat(images).allSatisfy(image -> {
      assertThat(image.tokens()).hasSize(16);
      assertThat(image.image().width()).isEqualTo(16);
      assertThat(image.image().rgb()).hasSize(3 * 16 * 16);
    });
  }

  @Test
  void anImageDependsOnItsSeedPromptAndIndexAlone() {
    GenerationRequest together = request(List.of("a red star", "a blue moon"), 2, 3, 3, Rng.PHILOX);
    List<GeneratedImage> inOneBatch = generate(together, GenerationListener.NONE, AmusedGeneration.BATCH_BYTES);
    List<GeneratedImage> oneByOne = generate(together, GenerationListener.NONE, 1);
    List<GeneratedImage> alone = model.generate(request(List.of("a blue moon"), 1, 3, 3, Rng.PHILOX), GenerationListener.NONE);
    for (int i = 0; i < 4; i++) {
      assertThat(oneByOne.get(i).tokens()).isEqualTo(inOneBatch.get(i).tokens());
      assertThat(oneByOne.get(i).image().rgb()).isEqualTo(inOneBatch.get(i).image().rgb());
    }
    assertThat(alone.getFirst().tokens()).isEqualTo(inOneBatch.get(2).tokens());
    assertThat(inOneBatch.get(0).tokens()).isNotEqualTo(inOneBatch.get(1).tokens());
  }

  @Test
  void theListenerHearsStagesStepsAndFrames() {
    List<String> heard = new ArrayList<>();
    List<List<Image>> frames = new ArrayList<>();
    GenerationListener listener = new GenerationListener() {
      @Override
      public void started(Stage stage) {
        heard.add("start " + stage);
      }

      @Override
      public void finished(Stage stage, long nanos) {
        assertThat(nanos).isPositive();
        heard.add("end " + stage);
      }

      @Override
      public void step(int step, int steps, Supplier<List<Image>> pictures) {
        heard.add(step + "/" + steps);
        frames.add(pictures.get());
      }
    };
    List<GeneratedImage> images = generate(request(List.of("a red star", "a blue moon"), 1, 2, 3, Rng.PHILOX), listener, 1);
    assertThat(heard).containsExactly("start TEXT_ENCODER", "end TEXT_ENCODER", "start WALK", "1/4", "2/4", "3/4", "4/4", "end WALK", "start DECODER",
        "end DECODER");
    assertThat(frames).allSatisfy(pictures -> assertThat(pictures).hasSize(2));
    assertThat(frames.getFirst().getLast().rgb()).as("the second image has not begun").containsOnly(128);
    assertThat(grey(frames.getFirst().getFirst())).as("the first has cells left").isPositive().isLessThan(16);
    for (int i = 0; i < 2; i++) {
      assertThat(frames.getLast().get(i).rgb()).isEqualTo(images.get(i).image().rgb());
    }
  }

  /** Tokens of 4 x 4 pixels whose every pixel is mid-grey. */
  private static long grey(Image image) {
    long count = 0;
    for (int cell = 0; cell < 16; cell++) {
      boolean all = true;
      for (int pixel = 0; pixel < 16; pixel++) {
        int at = 3 * ((cell / 4 * 4 + pixel / 4) * 16 + cell % 4 * 4 + pixel % 4);
        all &= image.rgb()[at] == (byte) 128 && image.rgb()[at + 1] == (byte) 128 && image.rgb()[at + 2] == (byte) 128;
      }
      count += all ? 1 : 0;
    }
    return count;
  }

  @Test
  void stopsBetweenStepsWhenAsked() {
    List<Integer> steps = new ArrayList<>();
    GenerationListener listener = new GenerationListener() {
      @Override
      public void step(int step, int all, Supplier<List<Image>> frames) {
        steps.add(step);
      }

      @Override
      public boolean cancelled() {
        return steps.size() == 2;
      }
    };
    assertThatThrownBy(() -> model.generate(request(List.of("a red star"), 1, 5, 3, Rng.PHILOX), listener)).isInstanceOf(Cancelled.class);
    assertThat(steps).containsExactly(1, 2);
    assertThat(model.generate(request(List.of("a red star"), 1, 1, 3, Rng.PHILOX), GenerationListener.NONE)).as("the model can go on").hasSize(1);
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
    model.generate(request(List.of("star ".repeat(40)), 1, 1, 3, Rng.PHILOX), listener);
    // 32 positions, two of them for the start and end tokens; "star" is one token, so ten stars do not fit.
    assertThat(warnings).containsExactly(
        "the text encoder reads 32 tokens, so the end of a prompt is left out: \"" + "star ".repeat(10).strip() + "\"");
  }

  @Test
  void pyTorchsGeneratorServesOneBatchOrNone() {
    GenerationRequest large = GenerationRequest.builder().prompts(List.of("a red star")).imagesPerPrompt(500).steps(2).guidance(3).rng(Rng.TORCH)
        .size(256, 256).build();
    assertThatThrownBy(() -> model.generate(large, GenerationListener.NONE)).isInstanceOf(OptionException.class)
        .hasMessageContaining("PyTorch's generator deals its numbers to all 500 images at once").hasMessageContaining("ask for at most");
    GenerationRequest small = request(List.of("a red star", "a blue moon"), 2, 2, 3, Rng.TORCH);
    assertThat(generate(small, GenerationListener.NONE, 1).getLast().tokens())
        .isEqualTo(generate(small, GenerationListener.NONE, AmusedGeneration.BATCH_BYTES).getLast().tokens());
  }

  @Test
  void withoutGuidanceOnlyThePromptCounts() {
    GenerationRequest off = request(List.of("a red star"), 1, 2, 1, Rng.PHILOX);
    assertThat(model.resolve(off)).doesNotContainKey("negative_prompt");
    int[] barelyOff = model.generate(request(List.of("a red star"), 1, 2, 0.5, Rng.PHILOX), GenerationListener.NONE).getFirst().tokens();
    assertThat(model.generate(off, GenerationListener.NONE).getFirst().tokens()).isEqualTo(barelyOff);
  }

  @Test
  void saysWhatGaveNoNumbers(@TempDir Path dir) throws IOException {
    assertThatThrownBy(() -> generateWithNaN(dir.resolve("logits"), "transformer", "mlm_layer.layer_norm.weight")).isInstanceOf(GenerationException.class)
        .hasMessage("step 1 of 2 gave logits that are NaN or infinite: the checkpoint's weights are probably damaged, so compare its files with their source, "
            + "or lower the guidance of 3.0");
    assertThatThrownBy(() -> generateWithNaN(dir.resolve("pixels"), "vqvae", "decoder.conv_out.bias")).isInstanceOf(GenerationException.class)
        .hasMessageStartingWith("the decoder gave pixels that are NaN");
  }

  private static void generateWithNaN(Path folder, String component, String tensor) throws IOException {
    Path demo = Path.of("../demo/masked");
    try (Stream<Path> paths = Files.walk(demo)) {
      for (Path path : (Iterable<Path>) paths::iterator) {
        Files.copy(path, folder.resolve(demo.relativize(path).toString()));
      }
    }
    Path file = folder.resolve(component).resolve("diffusion_pytorch_model.safetensors");
    try (Checkpoint sound = Checkpoint.open(demo.resolve(component))) {
      SafetensorsWriter.write(file, Map.of(), sound.names().stream().map(sound::tensor).map(t -> t.name().equals(tensor) ? nan(t) : t).toList());
    }
    try (Amused damaged = Amused.open(folder, backend, WeightFormat.F32)) {
      damaged.generate(request(List.of("a red star"), 1, 2, 3, Rng.PHILOX), GenerationListener.NONE);
    }
  }

  private static HostTensor nan(HostTensor like) {
    float[] values = new float[(int) like.shape().elements()];
    Arrays.fill(values, Float.NaN);
    return HostTensor.of(like.name(), values, like.shape().toArray());
  }
}

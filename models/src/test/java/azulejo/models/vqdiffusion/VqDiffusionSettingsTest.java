package azulejo.models.vqdiffusion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.WeightFormat;
import azulejo.models.GenerationRequest;
import azulejo.models.GenerationRequest.Rng;
import azulejo.runtime.OptionException;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Defaults are those of diffusers' VQDiffusionPipeline; the model has 100 timesteps and 32 x 32 codes of 8 pixels, as ITHQ. */
class VqDiffusionSettingsTest {
  private static VqDiffusionSettings resolve(Consumer<GenerationRequest.Builder> options) {
    GenerationRequest.Builder request = GenerationRequest.builder().prompts(List.of("a tile")).seed(3);
    options.accept(request);
    return VqDiffusionSettings.of(request.build(), "VQ-Diffusion", WeightFormat.F32, 100, 32, 8);
  }

  @Test
  void fillsInTheOfficialDefaults() {
    assertThat(resolve(_ -> {}).toMap("VQ-Diffusion").toString()).isEqualTo(
        "{model=VQ-Diffusion, width=256, height=256, steps=100, guidance=5.0, truncation=1.0, weights=f32, seed=3, rng=philox}");
  }

  @Test
  void keepsWhatIsAskedFor() {
    VqDiffusionSettings settings = resolve(r -> r.steps(25).guidance(1).truncation(0.86).rng(Rng.TORCH).size(256, 256).imagesPerPrompt(2));
    assertThat(settings.toMap("VQ-Diffusion").toString()).isEqualTo(
        "{model=VQ-Diffusion, width=256, height=256, steps=25, guidance=1.0, truncation=0.86, weights=f32, seed=3, rng=torch}");
    assertThat(settings.guided()).isFalse();
    assertThat(settings.cells()).isEqualTo(1024);
  }

  @Test
  void aModelOfFewerTimestepsTakesThemAll() {
    assertThat(VqDiffusionSettings.of(GenerationRequest.of("a tile", 3), "VQ-Diffusion", WeightFormat.F32, 25, 16, 4).steps()).isEqualTo(25);
  }

  private static Stream<Arguments> wrong() {
    return Stream.of(
        wrong(r -> r.steps(101), "the number of steps must be at most 100, the timesteps of this model, not 101"),
        wrong(r -> r.steps(0), "the number of steps must be at least 1, not 0"),
        wrong(r -> r.guidance(Double.NaN), "the guidance must be a number of at least 0 (up to 1 is off), not NaN"),
        wrong(r -> r.truncation(1.1), "the truncation must be a number from 0 to 1 (1 is off), not 1.1"),
        wrong(r -> r.truncation(-0.1), "the truncation must be a number from 0 to 1 (1 is off), not -0.1"),
        wrong(r -> r.truncation(Double.NaN), "the truncation must be a number from 0 to 1 (1 is off), not NaN"),
        wrong(r -> r.size(128, 256), "the width must be 256 pixels for this model, which knows no other grid, not 128"),
        wrong(r -> r.size(256, 264), "the height must be 256 pixels for this model, which knows no other grid, not 264"),
        wrong(r -> r.temperature(List.of(1.0)), "VQ-Diffusion does not know a temperature: leave it out"),
        wrong(r -> r.negativePrompts(List.of("x")), "VQ-Diffusion does not know a negative prompt: leave it out"),
        wrong(r -> r.topK(5), "VQ-Diffusion does not know top-k: leave it out"),
        wrong(r -> r.imagesPerPrompt(0), "the number of images must be at least 1, not 0"),
        wrong(r -> r.imagesPerPrompt(20_000), "20000 images are more than the 10000 of one request"),
        wrong(r -> r.prompts(List.of()), "a prompt is needed"));
  }

  private static Arguments wrong(Consumer<GenerationRequest.Builder> options, String message) {
    return Arguments.of(options, message);
  }

  @ParameterizedTest
  @MethodSource("wrong")
  void saysWhatIsWrong(Consumer<GenerationRequest.Builder> options, String message) {
    assertThatThrownBy(() -> resolve(options)).isInstanceOf(OptionException.class).hasMessage(message);
  }
}

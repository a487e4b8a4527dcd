package azulejo.models.amused;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.WeightFormat;
import azulejo.models.GenerationRequest;
import azulejo.models.GenerationRequest.Rng;
import azulejo.models.Probe;
import azulejo.runtime.OptionException;
import azulejo.runtime.walk.MaskSchedule;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Defaults are those of diffusers' AmusedPipeline; the model is one of 16 x 16 tokens of 16 pixels that may be halved, as aMUSEd-512's grid. */
class AmusedSettingsTest {
  private static AmusedSettings resolve(GenerationRequest request) {
    return AmusedSettings.of(request, MaskSchedule.Curve.COSINE, WeightFormat.F32, 16, 16, 32);
  }

  private static GenerationRequest request(List<String> prompts, List<String> negative, int images, OptionalInt steps, OptionalDouble guidance,
      List<Double> temperature, OptionalInt width, OptionalInt height) {
    return new GenerationRequest(prompts, List.of(), negative, images, steps, guidance, OptionalInt.empty(), temperature, OptionalInt.empty(),
        OptionalDouble.empty(), OptionalDouble.empty(), 7, Rng.TORCH, width, height, Probe.NONE);
  }

  @Test
  void fillsInTheOfficialDefaults() {
    Map<String, Object> map = resolve(GenerationRequest.of("a tile", 3)).toMap("aMUSEd");
    assertThat(map.toString()).isEqualTo("{model=aMUSEd, width=256, height=256, steps=12, guidance=10.0, negative_prompt=, temperature=[2.0, 0.0], "
        + "weights=f32, seed=3, rng=philox}");
  }

  @Test
  void keepsWhatIsAskedFor() {
    AmusedSettings settings = resolve(request(List.of("a", "b"), List.of("x", "y"), 3, OptionalInt.of(4), OptionalDouble.of(2.5), List.of(4.0, 1.0),
        OptionalInt.of(96), OptionalInt.of(64)));
    assertThat(settings.toMap("aMUSEd").toString()).isEqualTo(
        "{model=aMUSEd, width=96, height=64, steps=4, guidance=2.5, negative_prompt=[x, y], temperature=[4.0, 1.0], weights=f32, seed=7, rng=torch}");
    assertThat(settings.gridWidth()).isEqualTo(6);
    assertThat(settings.gridHeight()).isEqualTo(4);
    assertThat(settings.cells()).isEqualTo(24);
  }

  @Test
  void oneTemperatureEndsWhereTheOfficialSchedulerSays() {
    AmusedSettings settings = resolve(request(List.of("a"), List.of(), 1, OptionalInt.empty(), OptionalDouble.empty(), List.of(1.0),
        OptionalInt.empty(), OptionalInt.empty()));
    assertThat(settings.schedule().temperatureFrom()).isEqualTo(1f);
    assertThat(settings.schedule().temperatureTo()).isEqualTo(0.01f);
  }

  @Test
  void oneNegativePromptHoldsForAllPrompts() {
    AmusedSettings settings = resolve(request(List.of("a", "b"), List.of("x"), 1, OptionalInt.empty(), OptionalDouble.empty(), List.of(),
        OptionalInt.empty(), OptionalInt.empty()));
    assertThat(settings.negativePrompts()).containsExactly("x", "x");
    assertThat(resolve(GenerationRequest.of("a", 1)).negativePrompts()).containsExactly("");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "0 | a |  | 1 | 10 | 2,0 | 256 | 256 | the number of steps must be at least 1, not 0",
      "12 | a |  | 0 | 10 | 2,0 | 256 | 256 | the number of images must be at least 1, not 0",
      "12 | a |  | 1 | NaN | 2,0 | 256 | 256 | the guidance must be a number of at least 0 (up to 1 is off), not NaN",
      "12 | a |  | 1 | -3 | 2,0 | 256 | 256 | the guidance must be a number of at least 0 (up to 1 is off), not -3.0",
      "12 | a | x | 1 | 1 | 2,0 | 256 | 256 | a negative prompt has no effect at a guidance of 1.0: raise the guidance above 1 or leave it out",
      "12 | a,b,c | x,y | 1 | 10 | 2,0 | 256 | 256 | there must be one negative prompt, or one for each of the 3 prompts, not 2",
      "12 | a |  | 1 | 10 | 3,2,1 | 256 | 256 | the temperature must be one number or two (start and end) of at least 0, not [3.0, 2.0, 1.0]",
      "12 | a |  | 1 | 10 | -1 | 256 | 256 | the temperature must be one number or two (start and end) of at least 0, not [-1.0]",
      "12 | a |  | 1 | 10 | 2,0 | 250 | 256 | the width must be a positive multiple of 32 pixels for this model, not 250: 224 or 256 would do",
      "12 | a |  | 1 | 10 | 2,0 | 256 | 16 | the height must be a positive multiple of 32 pixels for this model, not 16",
      "12 | a,b |  | 6000 | 10 | 2,0 | 256 | 256 | 12000 images are more than the 10000 of one request",
      "12 | a |  | 1 | 10 | 2,0 | 256 | 2000000032 | the height must be at most 16384 pixels, not 2000000032",
      "12 | a |  | 1 | 10 | 2,0 | -32 | 256 | the width must be a positive multiple of 32 pixels for this model, not -32"})
  void saysWhatIsWrong(int steps, String prompts, String negative, int images, double guidance, String temperature, int width, int height,
      String message) {
    List<Double> temperatures = List.of(temperature.split(",")).stream().map(Double::valueOf).toList();
    List<String> negatives = negative == null ? List.of() : List.of(negative.split(","));
    GenerationRequest request = request(List.of(prompts.split(",")), negatives, images, OptionalInt.of(steps), OptionalDouble.of(guidance), temperatures,
        OptionalInt.of(width), OptionalInt.of(height));
    assertThatThrownBy(() -> resolve(request)).isInstanceOf(OptionException.class).hasMessage(message);
  }

  @Test
  void needsAPromptAndMoreThanOneToken() {
    assertThatThrownBy(() -> resolve(GenerationRequest.builder().prompts(List.of("a")).topK(5).build())).isInstanceOf(OptionException.class)
        .hasMessage("aMUSEd does not know top-k: leave it out");
    assertThatThrownBy(() -> resolve(GenerationRequest.builder().prompts(List.of("a")).classes(List.of(5)).build())).isInstanceOf(OptionException.class)
        .hasMessage("aMUSEd does not know a class: leave it out");
    assertThatThrownBy(() -> resolve(request(List.of(), List.of(), 1, OptionalInt.empty(), OptionalDouble.empty(), List.of(), OptionalInt.empty(),
        OptionalInt.empty()))).isInstanceOf(OptionException.class).hasMessage("a prompt is needed");
    GenerationRequest single = request(List.of("a"), List.of(), 1, OptionalInt.of(2), OptionalDouble.empty(), List.of(), OptionalInt.of(16),
        OptionalInt.of(16));
    assertThatThrownBy(() -> AmusedSettings.of(single, MaskSchedule.Curve.COSINE, WeightFormat.F32, 16, 16, 16)).isInstanceOf(OptionException.class)
        .hasMessage("a picture of 16x16 pixels has a single token, which takes one step, not 2");
  }
}

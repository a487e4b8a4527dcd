package azulejo.models.llamagen;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.Draw;
import azulejo.kernels.WeightFormat;
import azulejo.models.GenerationRequest;
import azulejo.runtime.OptionException;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Defaults are those of the arguments of LlamaGen's sample_t2i.py and sample_c2i.py. */
class LlamaGenSettingsTest {
  private static final Gpt.Config CAPTIONS = config(new Gpt.Condition.Caption(120, 2048));
  private static final Gpt.Config CLASSES = config(new Gpt.Condition.Label(1000));

  private static Gpt.Config config(Gpt.Condition condition) {
    return new Gpt.Config("XL", condition, 1280, 36, 20, 3584, 16384, 1e-5f, 10_000);
  }

  private static LlamaGenSettings resolve(Gpt.Config config, Consumer<GenerationRequest.Builder> options) {
    GenerationRequest.Builder request = GenerationRequest.builder();
    options.accept(request);
    return LlamaGenSettings.of(request.build(), config, WeightFormat.F32, List.of(256, 512), 16);
  }

  private static void assertRefused(Gpt.Config config, Consumer<GenerationRequest.Builder> options, String message) {
    assertThatThrownBy(() -> resolve(config, options)).isInstanceOf(OptionException.class).hasMessage(message);
  }

  private static GenerationRequest.Builder star(GenerationRequest.Builder request) {
    return request.prompts(List.of("a star"));
  }

  @Test
  void fillsInTheOfficialDefaults() {
    LlamaGenSettings captions = resolve(CAPTIONS, LlamaGenSettingsTest::star);
    assertThat(captions.draw()).isEqualTo(new Draw(7.5f, 1, 1000, 1));
    assertThat(captions.guidanceInterval()).isEqualTo(-1);
    assertThat(captions.side()).isEqualTo(16);
    LlamaGenSettings classes = resolve(CLASSES, r -> r.classes(List.of(207, 360)));
    assertThat(classes.draw()).isEqualTo(new Draw(4, 1, 2000, 1));
    assertThat(classes.conditions()).containsExactly("class 207", "class 360");
  }

  /** {@code logits / max(temperature, 1e-5)}. */
  @Test
  void aTemperatureOfZeroIsTheLowest() {
    assertThat(resolve(CAPTIONS, r -> star(r).temperature(List.of(0.0))).draw().temperature()).isEqualTo(1e-5f);
  }

  @Test
  void takesTheSizesThatTheModelMakes() {
    assertThat(resolve(CAPTIONS, r -> star(r).size(512, 512)).side()).isEqualTo(32);
    assertRefused(CAPTIONS, r -> star(r).size(384, 384), "this model makes pictures of 256x256 or 512x512 pixels, not of 384x384");
    assertRefused(CAPTIONS, r -> star(r).size(512, 256), "this model makes pictures of 256x256 or 512x512 pixels, not of 512x256");
  }

  @Test
  void refusesWhatDoesNotFitTheCondition() {
    assertRefused(CLASSES, LlamaGenSettingsTest::star, "this LlamaGen model knows classes and no prompts: give a class from 0 to 999 instead");
    assertRefused(CLASSES, r -> {}, "a class from 0 to 999 is needed");
    assertRefused(CLASSES, r -> r.classes(List.of(7, 1000)), "a class must be from 0 to 999 for this model, not 1000");
    assertRefused(CLASSES, r -> r.classes(List.of(-1)), "a class must be from 0 to 999 for this model, not -1");
    assertRefused(CAPTIONS, r -> star(r).classes(List.of(7)), "this LlamaGen model knows prompts and no classes: give a prompt instead");
    assertRefused(CAPTIONS, r -> {}, "a prompt is needed");
  }

  @Test
  void refusesValuesOutOfRange() {
    assertRefused(CAPTIONS, r -> star(r).steps(12), "LlamaGen does not know a number of steps: leave it out");
    assertRefused(CAPTIONS, r -> star(r).negativePrompts(List.of("x")), "LlamaGen does not know a negative prompt: leave it out");
    assertRefused(CAPTIONS, r -> star(r).temperature(List.of(2.0, 0.0)), "the temperature of an autoregressive model must be one number, not [2.0, 0.0]");
    assertRefused(CAPTIONS, r -> star(r).temperature(List.of(-1.0)), "the temperature must be a number of at least 0, not -1.0");
    assertRefused(CAPTIONS, r -> star(r).topK(-1), "top-k must be a number of codes, or 0 for all, not -1");
    assertRefused(CAPTIONS, r -> star(r).topP(1.5), "top-p must be a probability from 0 to 1, not 1.5");
    assertRefused(CAPTIONS, r -> star(r).topP(Double.NaN), "top-p must be a probability from 0 to 1, not NaN");
    assertRefused(CAPTIONS, r -> star(r).guidance(-2), "the guidance must be a number of at least 0 (up to 1 is off), not -2.0");
    assertRefused(CAPTIONS, r -> star(r).guidanceInterval(-2), "the guidance interval must be a number of steps, or -1 for all, not -2");
    assertRefused(CAPTIONS, r -> star(r).imagesPerPrompt(0), "the number of images must be at least 1, not 0");
    assertRefused(CAPTIONS, r -> star(r).imagesPerPrompt(10_001), "10001 images are more than the 10000 of one request");
  }
}

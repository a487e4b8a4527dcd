package azulejo.models;

import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * What to generate. An empty option means the model's own default; an option that the model does not have makes
 * {@link ImageGenerator#generate} throw {@link azulejo.runtime.OptionException}.
 *
 * @param prompts one or more
 * @param negativePrompts empty, one for all prompts, or one a prompt
 * @param imagesPerPrompt at least 1
 * @param temperature the path's temperature as (start, end), or empty; one value is the official pipeline's integer form
 * @param seed all of its bits count for {@link Rng#PHILOX}, the lower 32 for {@link Rng#TORCH}
 * @param width in pixels
 * @param height in pixels
 */
public record GenerationRequest(
    List<String> prompts,
    List<String> negativePrompts,
    int imagesPerPrompt,
    OptionalInt steps,
    OptionalDouble guidance,
    List<Double> temperature,
    long seed,
    Rng rng,
    OptionalInt width,
    OptionalInt height) {

  /** Which generator the noise comes from. */
  public enum Rng {
    /** Counter-based: an image depends on its seed, prompt and index alone. */
    PHILOX,
    /** PyTorch's CPU generator: a seed gives the official pipeline's tokens. */
    TORCH
  }

  public GenerationRequest {
    prompts = List.copyOf(prompts);
    negativePrompts = List.copyOf(negativePrompts);
    temperature = List.copyOf(temperature);
  }

  /** One image of {@code prompt} with the model's defaults. */
  public static GenerationRequest of(String prompt, long seed) {
    return new GenerationRequest(List.of(prompt), List.of(), 1, OptionalInt.empty(), OptionalDouble.empty(), List.of(), seed, Rng.PHILOX,
        OptionalInt.empty(), OptionalInt.empty());
  }
}

package azulejo.models.vqdiffusion;

import azulejo.kernels.WeightFormat;
import azulejo.models.Generation;
import azulejo.models.GenerationRequest;
import azulejo.models.GenerationRequest.Option;
import azulejo.models.Options;
import azulejo.runtime.OptionException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/**
 * A request with every default of the official pipeline filled in and every value checked.
 *
 * @param guidance at most 1 where there is none
 * @param truncation 1 keeps every code that a float can tell from none
 * @param side of the grid, in codes
 * @param factor pixels that a code covers in each direction
 */
record VqDiffusionSettings(GenerationRequest request, int steps, float guidance, float truncation, int side, int factor, WeightFormat format) {
  private static final int DEFAULT_STEPS = 100;
  private static final double DEFAULT_GUIDANCE = 5;
  private static final double DEFAULT_TRUNCATION = 1;

  /**
   * @param timesteps that the model knows
   * @param side of the only grid that the model knows
   * @throws OptionException naming the option
   */
  static VqDiffusionSettings of(GenerationRequest request, String family, WeightFormat format, int timesteps, int side, int factor) {
    request.allow(family, Option.PROMPT, Option.STEPS, Option.TRUNCATION, Option.PATH_SEED, Option.ARGMAX_TRANSITION);
    Options.images(request);
    int steps = Options.steps(request, Math.min(DEFAULT_STEPS, timesteps));
    Options.require(steps <= timesteps, "the number of steps must be at most " + timesteps + ", the timesteps of this model, not " + steps);
    double guidance = Options.guidance(request, DEFAULT_GUIDANCE);
    double truncation = request.truncation().orElse(DEFAULT_TRUNCATION);
    Options.require(truncation >= 0 && truncation <= 1, "the truncation must be a number from 0 to 1 (1 is off), not " + truncation);
    requireSide("width", request.width(), side * factor);
    requireSide("height", request.height(), side * factor);
    return new VqDiffusionSettings(request, steps, (float) guidance, (float) truncation, side, factor, format);
  }

  private static void requireSide(String option, OptionalInt value, int pixels) {
    Options.require(value.orElse(pixels) == pixels, "the " + option + " must be " + pixels
        + " pixels for this model, which knows no other grid, not "
        + value.orElse(pixels));
  }

  List<String> prompts() {
    return request.prompts();
  }

  boolean guided() {
    return guidance > 1;
  }

  int cells() {
    return side * side;
  }

  Generation.Plan plan() {
    return new Generation.Plan(request, side, side, factor);
  }

  /** What {@link azulejo.models.ImageGenerator#resolve} shows. */
  Map<String, Object> toMap(String family) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("model", family);
    map.put("width", side * factor);
    map.put("height", side * factor);
    map.put("steps", steps);
    map.put("guidance", guidance);
    map.put("truncation", truncation);
    map.put("weights", format.label());
    Options.describe(request, map);
    return map;
  }
}

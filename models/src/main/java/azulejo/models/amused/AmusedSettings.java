package azulejo.models.amused;

import azulejo.kernels.WeightFormat;
import azulejo.models.Generation;
import azulejo.models.GenerationRequest;
import azulejo.models.GenerationRequest.Option;
import azulejo.models.Options;
import azulejo.runtime.OptionException;
import azulejo.runtime.walk.MaskSchedule;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A request with every default of the official pipeline filled in and every value checked.
 *
 * @param negativePrompts one a prompt
 * @param guidance at most 1 where there is none
 * @param factor pixels that a code covers in each direction
 */
record AmusedSettings(GenerationRequest request, List<String> negativePrompts, MaskSchedule schedule, float guidance, int width, int height, int factor,
    WeightFormat format) {
  private static final int DEFAULT_STEPS = 12;
  private static final double DEFAULT_GUIDANCE = 10;
  private static final int MAX_SIDE = 16_384;
  private static final List<Double> DEFAULT_TEMPERATURE = List.of(2.0, 0.0);

  /**
   * @param sampleSize the grid's default height and width
   * @param unit pixels that width and height must be a multiple of
   * @throws OptionException naming the option
   */
  static AmusedSettings of(GenerationRequest request, MaskSchedule.Curve curve, WeightFormat format, int sampleSize, int factor, int unit) {
    request.allow("aMUSEd", Option.PROMPT, Option.NEGATIVE_PROMPT, Option.STEPS, Option.TEMPERATURE, Option.PATH_SEED);
    Options.images(request);
    int steps = Options.steps(request, DEFAULT_STEPS);
    double guidance = Options.guidance(request, DEFAULT_GUIDANCE);
    List<Double> temperature = request.temperature().isEmpty() ? DEFAULT_TEMPERATURE : request.temperature();
    Options.require(temperature.size() <= 2 && temperature.stream().allMatch(t -> Double.isFinite(t) && t >= 0),
        "the temperature must be one number or two (start and end) of at least 0, not " + temperature);
    MaskSchedule schedule = new MaskSchedule(curve, steps, temperature.getFirst().floatValue(),
        temperature.size() == 2 ? temperature.getLast().floatValue() : MaskSchedule.SINGLE_TEMPERATURE_END);
    int width = pixels("width", request.width().orElse(sampleSize * factor), unit);
    int height = pixels("height", request.height().orElse(sampleSize * factor), unit);
    Options.require(width > factor || height > factor || steps == 1, "a picture of " + width + "x" + height + " pixels has a single token, which takes one step, not "
        + steps);
    return new AmusedSettings(request, negativePrompts(request, guidance), schedule, (float) guidance, width, height, factor, format);
  }

  private static List<String> negativePrompts(GenerationRequest request, double guidance) {
    List<String> given = request.negativePrompts();
    int prompts = request.prompts().size();
    Options.require(given.isEmpty() || guidance > 1, "a negative prompt has no effect at a guidance of " + guidance + ": raise the guidance above 1 or leave it out");
    Options.require(given.size() <= 1 || given.size() == prompts,
        "there must be one negative prompt, or one for each of the " + prompts + " prompts, not " + given.size());
    return given.size() == prompts ? given : Collections.nCopies(prompts, given.isEmpty() ? "" : given.getFirst());
  }

  private static int pixels(String option, int value, int unit) {
    Options.require(value <= MAX_SIDE, "the " + option + " must be at most " + MAX_SIDE + " pixels, not " + value);
    int below = value / unit * unit;
    Options.require(value > 0 && value == below, "the " + option + " must be a positive multiple of " + unit + " pixels for this model, not " + value
        + (below > 0 ? ": " + below + " or " + (below + unit) + " would do" : ""));
    return value;
  }

  List<String> prompts() {
    return request.prompts();
  }

  boolean guided() {
    return guidance > 1;
  }

  int gridHeight() {
    return height / factor;
  }

  int gridWidth() {
    return width / factor;
  }

  int cells() {
    return Math.multiplyExact(gridHeight(), gridWidth());
  }

  Generation.Plan plan() {
    return new Generation.Plan(request, gridHeight(), gridWidth(), factor);
  }

  /** What {@link azulejo.models.ImageGenerator#resolve} shows. */
  Map<String, Object> toMap(String family) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("model", family);
    map.put("width", width);
    map.put("height", height);
    map.put("steps", schedule.steps());
    map.put("guidance", guidance);
    if (guided()) {
      map.put("negative_prompt", negativePrompts.stream().distinct().count() == 1 ? negativePrompts.getFirst() : negativePrompts);
    }
    map.put("temperature", List.of(schedule.temperatureFrom(), schedule.temperatureTo()));
    map.put("weights", format.label());
    Options.describe(request, map);
    return map;
  }
}

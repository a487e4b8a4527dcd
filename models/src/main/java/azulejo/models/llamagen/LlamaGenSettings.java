package azulejo.models.llamagen;

import azulejo.kernels.Draw;
import azulejo.kernels.WeightFormat;
import azulejo.models.Generation;
import azulejo.models.GenerationRequest;
import azulejo.models.GenerationRequest.Option;
import azulejo.models.Options;
import azulejo.runtime.OptionException;
import azulejo.runtime.walk.RasterWalk;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A request with every default of the official samplers filled in and every value checked.
 *
 * @param side of the grid
 * @param factor pixels that a code covers in each direction
 */
record LlamaGenSettings(GenerationRequest request, Draw draw, int guidanceInterval, int side, int factor, WeightFormat format) {
  /** {@code sample_t2i.py} and {@code sample_c2i.py}. */
  private static final double CAPTION_GUIDANCE = 7.5;
  private static final double CLASS_GUIDANCE = 4;
  private static final int CAPTION_TOP_K = 1000;
  private static final int CLASS_TOP_K = 2000;

  /**
   * @param sizes sides in pixels of the squares that the model makes, the default one first
   * @throws OptionException naming the option
   */
  static LlamaGenSettings of(GenerationRequest request, Gpt.Config gpt, WeightFormat format, List<Integer> sizes, int factor) {
    boolean ofClasses = gpt.condition() instanceof Gpt.Condition.Label;
    switch (gpt.condition()) {
      case Gpt.Condition.Label(int classes) -> {
        Options.require(request.prompts().isEmpty(), "this LlamaGen model knows classes and no prompts: give a class from 0 to " + (classes - 1) + " instead");
        Options.require(!request.classes().isEmpty(), "a class from 0 to " + (classes - 1) + " is needed");
        for (int label : request.classes()) {
          Options.require(label >= 0 && label < classes, "a class must be from 0 to " + (classes - 1) + " for this model, not " + label);
        }
      }
      case Gpt.Condition.Caption _ -> {
        Options.require(request.classes().isEmpty(), "this LlamaGen model knows prompts and no classes: give a prompt instead");
        Options.require(!request.prompts().isEmpty(), "a prompt is needed");
      }
    }
    request.allow("LlamaGen", Option.PROMPT, Option.CLASS, Option.GUIDANCE_INTERVAL, Option.TEMPERATURE, Option.TOP_K, Option.TOP_P);
    Options.images(request);
    double guidance = Options.guidance(request, ofClasses ? CLASS_GUIDANCE : CAPTION_GUIDANCE);
    int interval = request.guidanceInterval().orElse(RasterWalk.ALWAYS);
    Options.require(interval >= RasterWalk.ALWAYS, "the guidance interval must be a number of steps, or -1 for all, not " + interval);
    return new LlamaGenSettings(request, draw(request, (float) guidance, ofClasses ? CLASS_TOP_K : CAPTION_TOP_K), interval,
        size(request, sizes) / factor, factor, format);
  }

  private static Draw draw(GenerationRequest request, float guidance, int defaultTopK) {
    List<Double> temperatures = request.temperature();
    Options.require(temperatures.size() <= 1, "the temperature of an autoregressive model must be one number, not " + temperatures);
    double temperature = temperatures.isEmpty() ? 1 : temperatures.getFirst();
    Options.require(Double.isFinite(temperature) && temperature >= 0, "the temperature must be a number of at least 0, not " + temperature);
    int topK = request.topK().orElse(defaultTopK);
    Options.require(topK >= 0, "top-k must be a number of codes, or 0 for all, not " + topK);
    double topP = request.topP().orElse(1);
    Options.require(topP >= 0 && topP <= 1, "top-p must be a probability from 0 to 1, not " + topP);
    return new Draw(guidance, Math.max((float) temperature, Draw.LOWEST_TEMPERATURE), topK, (float) topP);
  }

  private static int size(GenerationRequest request, List<Integer> sizes) {
    int width = request.width().orElse(sizes.getFirst());
    int height = request.height().orElse(sizes.getFirst());
    Options.require(width == height && sizes.contains(width), "this model makes pictures of " + String.join(" or ", sizes.stream().map(s -> s + "x" + s).toList())
        + " pixels, not of " + width + "x" + height);
    return width;
  }

  /** The captions, or a text for each class. */
  List<String> conditions() {
    return request.conditions();
  }

  /** Empty for a model of captions. */
  List<Integer> classes() {
    return request.classes();
  }

  boolean guided() {
    return draw.guidance() > 1;
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
    map.put("guidance", draw.guidance());
    if (guided()) {
      map.put("guidance_interval", guidanceInterval);
    }
    map.put("temperature", draw.temperature());
    map.put("top_k", draw.topK());
    map.put("top_p", draw.topP());
    map.put("weights", format.label());
    Options.describe(request, map);
    return map;
  }
}

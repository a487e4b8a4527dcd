package azulejo.models;

import azulejo.kernels.WeightFormat;
import azulejo.runtime.OptionException;
import azulejo.runtime.sampling.Intervention;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** Checks of a request that all models make alike. Each throws {@link OptionException} with a sentence. */
public final class Options {
  private static final int MAX_IMAGES = 10_000;

  private Options() {}

  public static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new OptionException(otherwise);
    }
  }

  /** At least one prompt or class and one image of each, and not too many in all; and what PyTorch's single stream of random numbers cannot give. */
  public static void images(GenerationRequest request) {
    require(!request.conditions().isEmpty(), "a prompt is needed");
    require(request.imagesPerPrompt() >= 1, "the number of images must be at least 1, not " + request.imagesPerPrompt());
    Probe probe = request.probe();
    long images = probe.picks().isEmpty() ? (long) request.conditions().size() * request.imagesPerPrompt() : probe.picks().size();
    require(images <= MAX_IMAGES, images + " images are more than the " + MAX_IMAGES + " of one request");
    for (Probe.Pick pick : probe.picks()) {
      if (pick.prompt() < 0 || pick.prompt() >= request.conditions().size() || pick.index() < 0) {
        throw new IllegalArgumentException(pick + " of " + request.conditions().size() + " prompts");
      }
    }
    if (request.rng() == GenerationRequest.Rng.TORCH) {
      require(probe.pathSeed().isEmpty() && probe.drawSeed().isEmpty(), "PyTorch's generator has one stream for path and draw, so neither can be frozen: "
          + "take the philox generator");
      require(probe.picks().isEmpty(), "PyTorch's generator deals its numbers to all images of all prompts at once, so a set cannot be made of paraphrases: "
          + "take the philox generator");
    }
  }

  /** Interventions that fit a model of {@code codes} codes. */
  public static void fit(GenerationRequest request, int codes) {
    request.probe().interventions().forEach(intervention -> intervention.check(codes));
  }

  /** Adds what all models have in common, at the end. */
  public static void describe(GenerationRequest request, Map<String, Object> map) {
    map.put("seed", request.seed());
    map.put("rng", request.rng().name().toLowerCase(Locale.ROOT));
    request.probe().pathSeed().ifPresent(seed -> map.put("path_seed", seed));
    request.probe().drawSeed().ifPresent(seed -> map.put("draw_seed", seed));
    request.probe().interventions().stream().collect(Collectors.groupingBy(Intervention::name, LinkedHashMap::new,
        Collectors.mapping(Intervention::setting, Collectors.joining(", ")))).forEach(map::put);
  }

  /** The number of parameters as a description has it, with the format of weights that are not kept in full: {@code 8.0 M parameters (bf16)}. */
  public static String parameters(long count, WeightFormat format) {
    return String.format(Locale.ROOT, "%.1f M parameters", count / 1e6) + (format == WeightFormat.F32 ? "" : " (" + format.label() + ")");
  }

  public static int steps(GenerationRequest request, int absent) {
    int steps = request.steps().orElse(absent);
    require(steps >= 1, "the number of steps must be at least 1, not " + steps);
    return steps;
  }

  public static double guidance(GenerationRequest request, double absent) {
    double guidance = request.guidance().orElse(absent);
    require(Double.isFinite(guidance) && guidance >= 0, "the guidance must be a number of at least 0 (up to 1 is off), not " + guidance);
    return guidance;
  }
}

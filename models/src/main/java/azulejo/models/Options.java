package azulejo.models;

import azulejo.runtime.OptionException;

/** Checks of a request that all models make alike. Each throws {@link OptionException} with a sentence. */
public final class Options {
  private static final int MAX_IMAGES = 10_000;

  private Options() {}

  public static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new OptionException(otherwise);
    }
  }

  /** At least one prompt or class and one image of each, and not too many in all. */
  public static void images(GenerationRequest request) {
    require(!request.conditions().isEmpty(), "a prompt is needed");
    require(request.imagesPerPrompt() >= 1, "the number of images must be at least 1, not " + request.imagesPerPrompt());
    long images = (long) request.conditions().size() * request.imagesPerPrompt();
    require(images <= MAX_IMAGES, images + " images are more than the " + MAX_IMAGES + " of one request");
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

package azulejo.models;

import azulejo.kernels.Draw.Pick;
import azulejo.runtime.OptionException;
import azulejo.runtime.sampling.ArgmaxWindow;
import azulejo.runtime.sampling.Intervention;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.Predicate;

/**
 * What to generate. An empty option means the model's own default; an option that the model does not have makes
 * {@link ImageGenerator#generate} throw {@link OptionException}.
 *
 * @param prompts one or more, or none for a model that is conditioned on classes
 * @param classes the labels of such a model, one or more
 * @param negativePrompts empty, one for all prompts, or one a prompt
 * @param imagesPerPrompt at least 1, for each prompt or class
 * @param guidanceInterval how many steps are guided: -1 for all, else autoregressive models guide the first two and this many after them
 * @param temperature empty; (start, end) of the path's temperature, or one value for the official pipeline's integer form (masked models); or the one value
 *     that logits are divided by (autoregressive models)
 * @param topK how many of the most likely codes a draw keeps, 0 for all
 * @param topP the probability up to which a draw keeps the most likely codes, 1 for all
 * @param truncation how much of the predicted codes' probability a diffusion keeps, 1 for all
 * @param seed all of its bits count for {@link Rng#PHILOX}, the lower 32 for {@link Rng#TORCH}
 * @param width in pixels
 * @param height in pixels
 * @param probe interventions and observation
 */
public record GenerationRequest(
    List<String> prompts,
    List<Integer> classes,
    List<String> negativePrompts,
    int imagesPerPrompt,
    OptionalInt steps,
    OptionalDouble guidance,
    OptionalInt guidanceInterval,
    List<Double> temperature,
    OptionalInt topK,
    OptionalDouble topP,
    OptionalDouble truncation,
    long seed,
    Rng rng,
    OptionalInt width,
    OptionalInt height,
    Probe probe) {

  /** Which generator the noise comes from. */
  public enum Rng {
    /** Counter-based: an image depends on its seed, prompt and index alone. */
    PHILOX,
    /** PyTorch's CPU generator: a seed gives the official pipeline's tokens. */
    TORCH
  }

  /** What only some models know. */
  public enum Option {
    PROMPT("a prompt", r -> !r.prompts.isEmpty()),
    CLASS("a class", r -> !r.classes.isEmpty()),
    NEGATIVE_PROMPT("a negative prompt", r -> !r.negativePrompts.isEmpty()),
    STEPS("a number of steps", r -> r.steps.isPresent()),
    GUIDANCE_INTERVAL("a guidance interval", r -> r.guidanceInterval.isPresent()),
    TEMPERATURE("a temperature", r -> !r.temperature.isEmpty()),
    TOP_K("top-k", r -> r.topK.isPresent()),
    TOP_P("top-p", r -> r.topP.isPresent()),
    TRUNCATION("a truncation", r -> r.truncation.isPresent()),
    PATH_SEED("a seed of the path", r -> r.probe.pathSeed().isPresent()),
    ARGMAX_TRANSITION("an argmax of the transition", r -> r.probe.interventions().stream()
        .anyMatch(i -> i instanceof ArgmaxWindow window && window.pick() == Pick.ARGMAX_TRANSITION));

    private final String text;
    private final Predicate<GenerationRequest> given;

    Option(String text, Predicate<GenerationRequest> given) {
      this.text = text;
      this.given = given;
    }
  }

  public GenerationRequest {
    prompts = List.copyOf(prompts);
    classes = List.copyOf(classes);
    negativePrompts = List.copyOf(negativePrompts);
    temperature = List.copyOf(temperature);
  }

  /**
   * @param model what the message calls it
   * @throws OptionException when an option was given that is none of {@code known}
   */
  public void allow(String model, Option... known) {
    for (Option option : Option.values()) {
      if (option.given.test(this) && !Arrays.asList(known).contains(option)) {
        throw new OptionException(model + " does not know " + option.text + ": leave it out");
      }
    }
  }

  /** The images to make, in the order of the results. */
  public List<Probe.Pick> picks() {
    if (!probe.picks().isEmpty()) {
      return probe.picks();
    }
    List<Probe.Pick> all = new ArrayList<>();
    for (int prompt = 0; prompt < conditions().size(); prompt++) {
      for (int index = 0; index < imagesPerPrompt; index++) {
        all.add(new Probe.Pick(prompt, index));
      }
    }
    return all;
  }

  /** What the images are of: the prompts, or a text for each class. */
  public List<String> conditions() {
    return classes.isEmpty() ? prompts : classes.stream().map(label -> "class " + label).toList();
  }

  /** One image of {@code prompt} with the model's defaults. */
  public static GenerationRequest of(String prompt, long seed) {
    return builder().prompts(List.of(prompt)).seed(seed).build();
  }

  /** One image, no prompt, seed 0, Philox, the model's defaults. */
  public static Builder builder() {
    return new Builder();
  }

  /** Sets what is not left to the model. */
  public static final class Builder {
    private List<String> prompts = List.of();
    private List<Integer> classes = List.of();
    private List<String> negativePrompts = List.of();
    private int imagesPerPrompt = 1;
    private OptionalInt steps = OptionalInt.empty();
    private OptionalDouble guidance = OptionalDouble.empty();
    private OptionalInt guidanceInterval = OptionalInt.empty();
    private List<Double> temperature = List.of();
    private OptionalInt topK = OptionalInt.empty();
    private OptionalDouble topP = OptionalDouble.empty();
    private OptionalDouble truncation = OptionalDouble.empty();
    private long seed;
    private Rng rng = Rng.PHILOX;
    private OptionalInt width = OptionalInt.empty();
    private OptionalInt height = OptionalInt.empty();
    private List<Probe.Pick> picks = List.of();
    private List<Intervention> interventions = List.of();
    private OptionalLong pathSeed = OptionalLong.empty();
    private OptionalLong drawSeed = OptionalLong.empty();
    private boolean ledger;

    private Builder() {}

    public Builder prompts(List<String> prompts) {
      this.prompts = prompts;
      return this;
    }

    public Builder classes(List<Integer> classes) {
      this.classes = classes;
      return this;
    }

    public Builder negativePrompts(List<String> negativePrompts) {
      this.negativePrompts = negativePrompts;
      return this;
    }

    public Builder imagesPerPrompt(int images) {
      this.imagesPerPrompt = images;
      return this;
    }

    public Builder steps(int steps) {
      this.steps = OptionalInt.of(steps);
      return this;
    }

    public Builder guidance(double guidance) {
      this.guidance = OptionalDouble.of(guidance);
      return this;
    }

    public Builder guidanceInterval(int interval) {
      this.guidanceInterval = OptionalInt.of(interval);
      return this;
    }

    public Builder temperature(List<Double> temperature) {
      this.temperature = temperature;
      return this;
    }

    public Builder topK(int topK) {
      this.topK = OptionalInt.of(topK);
      return this;
    }

    public Builder topP(double topP) {
      this.topP = OptionalDouble.of(topP);
      return this;
    }

    public Builder truncation(double truncation) {
      this.truncation = OptionalDouble.of(truncation);
      return this;
    }

    public Builder seed(long seed) {
      this.seed = seed;
      return this;
    }

    public Builder rng(Rng rng) {
      this.rng = rng;
      return this;
    }

    public Builder size(int width, int height) {
      this.width = OptionalInt.of(width);
      this.height = OptionalInt.of(height);
      return this;
    }

    /** These images instead of {@link #imagesPerPrompt} of each prompt. */
    public Builder images(List<Probe.Pick> picks) {
      this.picks = picks;
      return this;
    }

    public Builder interventions(List<Intervention> interventions) {
      this.interventions = interventions;
      return this;
    }

    public Builder pathSeed(long seed) {
      this.pathSeed = OptionalLong.of(seed);
      return this;
    }

    public Builder drawSeed(long seed) {
      this.drawSeed = OptionalLong.of(seed);
      return this;
    }

    public Builder ledger(boolean ledger) {
      this.ledger = ledger;
      return this;
    }

    public GenerationRequest build() {
      return new GenerationRequest(prompts, classes, negativePrompts, imagesPerPrompt, steps, guidance, guidanceInterval, temperature, topK, topP, truncation,
          seed, rng, width, height, new Probe(picks, interventions, pathSeed, drawSeed, ledger));
    }
  }
}

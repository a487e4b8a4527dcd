package azulejo.cli.bench;

import azulejo.kernels.Backend;
import azulejo.kernels.WeightFormat;
import azulejo.models.GenerationListener.Stage;
import azulejo.models.GenerationRequest;
import azulejo.models.ImageGenerator;
import azulejo.runtime.Cancelled;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * Whole models of published size, of random weights, kept as bf16 where a step reads them. Random weights take the time of trained ones: no kernel looks at a value, but
 * for how far top-k and top-p must search.
 */
final class ModelRuns {
  private static final WeightFormat FORMAT = WeightFormat.BF16;
  /** Seconds to spend on repetitions. */
  private static final double BUDGET = 3;

  /**
   * @param kind as {@link azulejo.weights.Synth} has it
   * @param images made together, on a device and on the host
   * @param whole whether the figure is the time of a request, from the prompt to its pictures, or steps of the walk a second
   * @param deviceSteps after which a walk is cut off, 0 for never
   * @param published others' figures in the same unit, by the number of images
   */
  private record Model(String kind, List<Integer> images, List<Integer> hostImages, UnaryOperator<GenerationRequest.Builder> request, boolean whole, int deviceSteps,
      int hostSteps, Map<Integer, List<Figure.Beside>> published) {}

  /** The time of a walk of 576 tokens, eight images with guidance at 384 pixels, as steps a second. */
  private static List<Figure.Beside> llamaGen(double pytorch, double vllm) {
    return List.of(new Figure.Beside(576 / pytorch, "steps/s A100 PyTorch, published (LlamaGen)"),
        new Figure.Beside(576 / vllm, "steps/s A100 vLLM, published (LlamaGen)"));
  }

  private static Figure.Beside amused(double millis) {
    return new Figure.Beside(millis, "ms A100 PyTorch f16, published (open-muse)");
  }

  private static final UnaryOperator<GenerationRequest.Builder> PROMPT = request -> request.prompts(List.of("a large red star beside a small blue ring"));
  private static final UnaryOperator<GenerationRequest.Builder> CLASS_AT_384 = request -> request.classes(List.of(207)).size(384, 384);
  private static final List<Model> MODELS = List.of(
      new Model("amused-256", List.of(1, 8, 64), List.of(1), request -> PROMPT.apply(request).steps(12), true, 0, 0,
          Map.of(1, List.of(amused(474)), 8, List.of(amused(602)))),
      new Model("llamagen-B-384", List.of(8), List.of(8), CLASS_AT_384, false, 0, 48, Map.of(8, llamaGen(7.80, 2.39))),
      new Model("llamagen-XL-classes", List.of(8), List.of(8), CLASS_AT_384, false, 0, 12, Map.of(8, llamaGen(19.76, 4.84))),
      new Model("vqdiffusion-ithq", List.of(1, 8), List.of(1), PROMPT, false, 12, 2, Map.of()));

  private ModelRuns() {}

  static List<String> kinds() {
    return MODELS.stream().map(Model::kind).toList();
  }

  static void run(String kind, Session session, Bench bench) {
    Model model = MODELS.stream().filter(m -> m.kind.equals(kind)).findFirst().orElseThrow();
    Path folder = Checkpoints.of(kind, bench);
    bench.doing("opening " + folder);
    try (ImageGenerator generator = bench.settings().opener().open(folder, session.backend(), FORMAT)) {
      bench.note(folder + ": " + generator.description());
      List<Integer> images = session.onHost() ? model.hostImages : model.images;
      for (int n : session.quick() ? images.subList(0, 1) : images) {
        run(model, generator, n, session, bench);
      }
    }
  }

  private static void run(Model model, ImageGenerator generator, int images, Session session, Bench bench) {
    GenerationRequest request = model.request.apply(GenerationRequest.builder()).imagesPerPrompt(images).build();
    int limit = session.quick() ? 2 : session.onHost() ? model.hostSteps : model.deviceSteps;
    StepClock waiting = generate(generator, request, session, limit == 0 && !model.whole ? 64 : limit, true, bench);
    List<Double> totals = new ArrayList<>();
    StepClock clock;
    double spent = 0;
    do {
      long start = System.nanoTime();
      clock = generate(generator, request, session, limit, false, bench);
      double total = (System.nanoTime() - start) / 1e9;
      spent += total;
      totals.add(model.whole && !clock.over() ? total : clock.seconds(Stage.WALK) / clock.steps());
    } while (spent < BUDGET && !session.quick());
    report(model, generator, request, images, clock, waiting, Stopwatch.median(totals), session);
  }

  private static StepClock generate(ImageGenerator generator, GenerationRequest request, Session session, int limit, boolean waiting, Bench bench) {
    bench.settings().requireGoingOn();
    Backend b = session.backend();
    StepClock clock = new StepClock(b, session.stopwatch(), limit, waiting, bench.settings()::stopped);
    try {
      generator.generate(request, clock);
    } catch (Cancelled e) {
      if (!clock.over()) {
        throw e;
      }
    }
    return clock;
  }

  private static void report(Model model, ImageGenerator generator, GenerationRequest request, int images, StepClock clock, StepClock waiting, double seconds,
      Session session) {
    boolean whole = model.whole && !clock.over();
    double step = clock.seconds(Stage.WALK) / clock.steps();
    // A request whose images were split into several walks takes its steps several times.
    int walks = generator.resolve(request).get("steps") instanceof Integer n ? clock.planned() / n : 1;
    String name = images + (images == 1 ? " image, " : " images, ") + clock.steps() + " steps" + (clock.over() ? " of " + clock.planned() : "")
        + (walks > 1 ? " in " + walks + " walks" : "") + ", " + FORMAT.label();
    List<Figure.Beside> beside = new ArrayList<>(session.quick() ? List.of() : model.published.getOrDefault(images, List.of()));
    if (whole) {
      beside.add(new Figure.Beside(1e3 * clock.seconds(Stage.TEXT_ENCODER), "ms text encoder"));
      beside.add(new Figure.Beside(1e3 * step, "ms a step"));
      beside.add(new Figure.Beside(1e3 * clock.seconds(Stage.DECODER), "ms decoder"));
    }
    if (!session.onHost()) {
      beside.add(new Figure.Beside(clock.launches(), "launches a step"));
      beside.add(new Figure.Beside(waiting.call() / step, "of a step are the host's calls"));
    }
    session.add(name, seconds, whole ? 1e3 * seconds : 1 / (seconds * walks), whole ? "ms" : "steps/s", beside);
  }
}

package azulejo.probes.run;

import azulejo.kernels.Backend;
import azulejo.kernels.Draw.Pick;
import azulejo.models.GeneratedImage;
import azulejo.models.GenerationListener;
import azulejo.models.GenerationRequest;
import azulejo.models.ImageGenerator;
import azulejo.models.Probe;
import azulejo.probes.Results;
import azulejo.probes.Results.Quantity;
import azulejo.probes.Results.Standing;
import azulejo.probes.experiment.Cell;
import azulejo.probes.experiment.Condition;
import azulejo.runtime.ledger.EntropyLedger;
import azulejo.runtime.ledger.EntropyLedger.Step;
import azulejo.runtime.ledger.Estimate;
import azulejo.runtime.sampling.ArgmaxWindow;
import azulejo.runtime.sampling.CodebookSubset;
import azulejo.runtime.sampling.Intervention;
import azulejo.runtime.sampling.Usage;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;

/** Makes cells with a generator: turns them into its requests, and its ledgers into accounts. */
final class ModelMaker implements Maker {
  private final ImageGenerator generator;
  private final Backend backend;
  private final long seed;
  private final Supplier<Usage> usage;
  private Optional<Usage> counted = Optional.empty();

  /** @param usage asked for the first time that a condition needs it */
  ModelMaker(ImageGenerator generator, Backend backend, long seed, Supplier<Usage> usage) {
    this.generator = generator;
    this.backend = backend;
    this.seed = seed;
    this.usage = usage;
  }

  @Override
  public String family() {
    return switch (generator.family()) {
      case "VQ-Diffusion" -> "vqdiffusion";
      default -> generator.family().toLowerCase(Locale.ROOT);
    };
  }

  @Override
  public String description() {
    return generator.description();
  }

  @Override
  public int codes() {
    return generator.codes();
  }

  @Override
  public void check(Cell cell) {
    generator.resolve(request(List.of(cell)));
  }

  @Override
  public List<Made> make(List<Cell> cells, GenerationListener listener) {
    GenerationRequest request = request(cells);
    Map<String, Object> settings = generator.resolve(request);
    List<GeneratedImage> images = generator.generate(request, listener);
    List<Made> made = new ArrayList<>();
    for (int i = 0; i < cells.size(); i++) {
      GeneratedImage image = images.get(i);
      made.add(new Made(cells.get(i), image.image(), image.gridHeight(), image.gridWidth(), image.tokens(), image.ledger().map(ModelMaker::account).orElse(Account.NONE),
          settings));
    }
    return made;
  }

  /** All cells are of one model and condition. */
  private GenerationRequest request(List<Cell> cells) {
    Condition condition = cells.getFirst().condition();
    List<String> texts = cells.stream().map(Cell::text).distinct().toList();
    GenerationRequest.Builder request = GenerationRequest.builder()
        .prompts(texts)
        .images(cells.stream().map(cell -> new Probe.Pick(texts.indexOf(cell.text()), cell.index())).toList())
        .seed(seed)
        .interventions(interventions(condition))
        .ledger(true);
    cells.getFirst().model().apply(request);
    condition.frozen().ifPresent(stream -> {
      switch (stream) {
        case PATH -> request.pathSeed(seed);
        case DRAW -> request.drawSeed(seed);
      }
    });
    return request.build();
  }

  private List<Intervention> interventions(Condition condition) {
    List<Intervention> interventions = new ArrayList<>();
    condition.codebook().ifPresent(subset -> interventions.add(CodebookSubset.of(subset.toString(), this::usage)));
    condition.argmax().ifPresent(window -> interventions.add(ArgmaxWindow.of(window, condition.argmaxMode().equals(Optional.of("posterior"))
        ? Pick.ARGMAX_TRANSITION : Pick.ARGMAX)));
    return interventions;
  }

  private Usage usage() {
    if (counted.isEmpty()) {
      counted = Optional.of(usage.get());
    }
    return counted.get();
  }

  /** A ledger's estimates of the two parts of equation 3, and its course over the schedule, a mean over the positions that are open at each step. */
  private static Account account(EntropyLedger ledger) {
    List<Account.Total> totals = new ArrayList<>();
    for (Estimate estimate : ledger.estimates()) {
      switch (estimate.quantity()) {
        case "H(P|X)" -> totals.add(total(Quantity.PATH, estimate));
        case "H(Z|P,X)" -> totals.add(total(Quantity.EXECUTION, estimate));
        default -> {} // their sum
      }
    }
    List<Account.Curve> curves = new ArrayList<>();
    curves.add(curve(ledger, "entropy after guidance", Results.Curve.NATS, Step::guided));
    curves.add(curve(ledger, "entropy of the draw", Results.Curve.NATS, step -> step.random() ? step.truncated() : 0));
    curves.add(curve(ledger, "surprisal of the draw", Results.Curve.NATS, step -> step.random() ? step.surprisal() : 0));
    if (ledger.walk() != EntropyLedger.Kind.RASTER) {
      curves.add(curve(ledger, "surprisal of the path", Results.Curve.NATS, Step::pathSurprisal));
    }
    curves.add(curve(ledger, "kept mass", "", step -> step.kept() * step.drawn()));
    return new Account(totals, curves);
  }

  private static Account.Total total(Quantity quantity, Estimate estimate) {
    return new Account.Total(quantity, estimate.estimator(), Standing.valueOf(estimate.kind().name()), estimate.nats());
  }

  private static Account.Curve curve(EntropyLedger ledger, String quantity, String unit, ToDoubleFunction<Step> sum) {
    return new Account.Curve(quantity, unit, ledger.steps().stream().map(step -> step.drawn() == 0 ? Double.NaN : sum.applyAsDouble(step) / step.drawn()).toList());
  }

  @Override
  public void close() {
    generator.close();
    backend.close();
  }
}

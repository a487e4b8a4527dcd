package azulejo.cli;

import azulejo.kernels.Backend;
import azulejo.models.GeneratedImage;
import azulejo.models.GenerationRequest;
import azulejo.models.GenerationRequest.Rng;
import azulejo.models.ImageGenerator;
import azulejo.runtime.AtomicFile;
import azulejo.runtime.Cancelled;
import azulejo.runtime.OptionException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

@Command(
    name = "generate",
    sortOptions = false,
    description = "Generate pictures from prompts.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  azulejo generate --prompt \"a large red star\" --out star.png",
      "  azulejo generate --model ~/models/amused-256 --prompt \"a cat\" --steps 12 --seed 7 --out cat.png",
      "  azulejo generate --prompt \"a small moon\" --prompt \"a pink heart\" --count 4 --out sheet.png",
      "  azulejo generate --prompts prompts.txt --count 8 --out pictures/",
      "  azulejo generate --prompt \"a blue ring\" --count 3 --out ring-{}.png --json > run.json",
      "  azulejo generate --prompt \"a blue ring\" --codebook keep-top:0.2 --argmax late --out probe.png",
      "  azulejo generate --paraphrases demo/prompts.json --prompt \"a large red star\" --count 5 --out set.png",
      "  azulejo generate --prompt \"a blue ring\" --count 4 --path-seed 1 --ledger ring.jsonl --out ring.png",
      "",
      "Several pictures in one file share it as a grid, a row a prompt. With a folder, or a name that has",
      "{} in it, each gets a file of its own, with its number for {}. An option left out takes the",
      "model's own default."
    })
final class GenerateCommand implements Runnable {
  private final Environment environment;

  @Option(names = "--model", paramLabel = "DIR", defaultValue = "demo/masked",
      description = "Folder of the checkpoint (default: ${DEFAULT-VALUE}, which comes with Azulejo).")
  private Path model;

  @Mixin
  private PromptOptions prompts;

  @Option(names = "--negative", paramLabel = "TEXT", description = "What to steer away from; once for all prompts, or once for each.")
  private List<String> negatives = List.of();

  @Option(names = "--steps", paramLabel = "N", description = "Steps of the walk.")
  private Integer steps;

  @Option(names = "--guidance", paramLabel = "SCALE", description = "Classifier-free guidance.")
  private Double guidance;

  @Option(names = "--guidance-interval", paramLabel = "N",
      description = "Autoregressive models: guide the first two tokens and N more, the others not; -1 guides all.")
  private Integer guidanceInterval;

  @Option(names = "--temperature", paramLabel = "START[,END]", split = ",", hideParamSyntax = true,
      description = {"Masked models: how far the order of unmasking is left to chance, at the walk's start and its end.",
          "Autoregressive models: one number that logits are divided by before a token is drawn."})
  private List<Double> temperature = List.of();

  @Option(names = "--top-k", paramLabel = "N", description = "Draw among the N most likely codes only; 0 for all.")
  private Integer topK;

  @Option(names = "--top-p", paramLabel = "P", description = "Draw among the most likely codes up to this probability only; 1 for all.")
  private Double topP;

  @Option(names = "--truncation", paramLabel = "RATE",
      description = "Diffusion models: believe in the most likely codes up to this probability only; 1 for all.")
  private Double truncation;

  @Option(names = "--seed", paramLabel = "N", description = "The same seed gives the same picture (default: a new one, which is printed).")
  private Long seed;

  @Option(names = "--path-seed", paramLabel = "N",
      description = "Freeze the path: every picture takes the same random choices of positions, from this seed, while the tokens vary.")
  private Long pathSeed;

  @Option(names = "--draw-seed", paramLabel = "N",
      description = "Freeze the draws: every picture takes the same random numbers for its tokens, from this seed, while the path varies.")
  private Long drawSeed;

  @Mixin
  private InterventionOptions interventions;

  @Option(names = "--count", paramLabel = "N", defaultValue = "1", description = "Pictures for each prompt (default: ${DEFAULT-VALUE}).")
  private int count;

  @Option(names = "--size", paramLabel = "WxH", description = "Size in pixels; one number for a square.")
  private String size;

  @Option(names = "--rng", paramLabel = "NAME", defaultValue = "philox",
      description = "Random numbers: philox, or torch for the tokens that the official pipeline draws on a CPU (default: ${DEFAULT-VALUE}).")
  private String rng;

  @Mixin
  private WeightsOption weightsOption;

  @Mixin
  private BackendOption backendOption;

  @Option(names = "--out", paramLabel = "FILE", required = true, description = "A PNG file, a folder, or a name with {} in it.")
  private String out;

  @Option(names = "--frames", paramLabel = "DIR", description = "Also write the picture after every step to this folder.")
  private Path frames;

  @Option(names = "--ledger", paramLabel = "FILE.jsonl",
      description = "Write where the randomness came from: each step's entropies and surprisals, and beside it as .csv what they add up to.")
  private Path ledger;

  @Option(names = "--settle-map", paramLabel = "FILE",
      description = "Write pictures of the step at which each token settled (left) and of its entropy then (right); named as --out is.")
  private String settleMap;

  @Option(names = "--json", description = "Print settings, files, tokens and times as JSON on standard output.")
  private boolean json;

  @Option(names = "--quiet", description = "Print nothing but errors (and --json).")
  private boolean quiet;

  GenerateCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public void run() {
    GenerationRequest.Builder builder = GenerationRequest.builder();
    if (count < 1) {
      throw new OptionException("--count must be 1 or more, not " + count);
    }
    List<String> rows = prompts.into(builder, count);
    GenerationRequest request = complete(builder);
    Target target = Target.of(out, "--out");
    target.check();
    Target settleTarget = settleMap == null ? null : Target.of(settleMap, "--settle-map");
    if (settleTarget != null) {
      settleTarget.check();
    }
    if (ledger != null) {
      AtomicFile.check(ledger);
      AtomicFile.check(LedgerFiles.summary(ledger));
    }
    if (frames != null) {
      AtomicFile.checkFolder(frames);
    }
    StatusLine status = new StatusLine(environment.err(), quiet, environment.columns());
    long start = System.nanoTime();
    status.show("loading " + model + " ...");
    try (Backend backend = backendOption.open(environment.engine()); ImageGenerator generator = open(backend, request, status)) {
      Map<String, Object> settings = new LinkedHashMap<>(generator.resolve(request));
      prompts.describe(settings);
      Map<String, Double> seconds = new LinkedHashMap<>();
      seconds.put("load", secondsSince(start));
      status.println("model: " + generator.description());
      status.println("backend: " + backend.description());
      status.println("seed: " + request.seed());

      Progress progress = new Progress(status, environment.interrupt(), frames == null ? null : frameSink(rows, settings));
      List<GeneratedImage> images = generate(generator, request, progress);
      seconds.putAll(progress.seconds());
      long generated = System.nanoTime();
      Pictures pictures = new Pictures(rows, settings);
      List<Path> files = pictures.write(images, target);
      List<Path> more = new ArrayList<>();
      if (settleTarget != null) {
        more.addAll(pictures.write(SettleMap.of(images, generator.codes()), settleTarget));
      }
      if (ledger != null) {
        LedgerFiles.write(images, generator.codes(), progress.drawn(), ledger);
        more.addAll(List.of(ledger, LedgerFiles.summary(ledger)));
      }
      seconds.put("write", secondsSince(generated));
      seconds.put("total", secondsSince(start));

      Stream.concat(files.stream(), more.stream()).forEach(file -> status.println("wrote " + file));
      seconds.forEach((stage, time) -> status.println(String.format(Locale.ROOT, "  %-13s %8.2f s", stage.replace('_', ' '), time)
          + (stage.equals("walk") ? String.format(Locale.ROOT, "   %d steps of %.3f s", progress.steps(), time / progress.steps()) : "")));
      if (json) {
        environment.out().println(json(generator, backend, settings, images, files, seconds));
      }
    } finally {
      status.clear();
    }
  }

  /** Says first what a device's memory will have to hold, for after that it is taken. */
  private ImageGenerator open(Backend backend, GenerationRequest request, StatusLine status) {
    MemoryPlan.of(backend, this::open, request).ifPresent(plan -> status.println("memory: " + plan));
    return open(backend);
  }

  private ImageGenerator open(Backend backend) {
    return environment.engine().open(environment.resolve(model), backend, weightsOption.format());
  }

  private static double secondsSince(long nanoTime) {
    return (System.nanoTime() - nanoTime) / 1e9;
  }

  private GenerationRequest complete(GenerationRequest.Builder request) {
    request
        .negativePrompts(negatives)
        .temperature(temperature)
        .interventions(interventions.interventions(environment.resolve(model)))
        .ledger(ledger != null || settleMap != null)
        .seed(seed == null ? ThreadLocalRandom.current().nextLong(1L << 32) : seed)
        .rng(Arrays.stream(Rng.values())
            .filter(r -> r.name().equalsIgnoreCase(rng))
            .findFirst()
            .orElseThrow(() -> new OptionException("--rng must be philox or torch, not '" + rng + "'")));
    ifGiven(pathSeed, request::pathSeed);
    ifGiven(drawSeed, request::drawSeed);
    ifGiven(steps, request::steps);
    ifGiven(guidance, request::guidance);
    ifGiven(guidanceInterval, request::guidanceInterval);
    ifGiven(topK, request::topK);
    ifGiven(topP, request::topP);
    ifGiven(truncation, request::truncation);
    if (size != null) {
      if (!size.matches("[1-9][0-9]{0,5}(x[1-9][0-9]{0,5})?")) {
        throw new OptionException("--size must be a width and a height in pixels like 512x512, not '" + size + "'");
      }
      List<Integer> sides = Arrays.stream(size.split("x")).map(Integer::valueOf).toList();
      request.size(sides.getFirst(), sides.getLast());
    }
    return request.build();
  }

  private static <T> void ifGiven(T option, Consumer<T> set) {
    if (option != null) {
      set.accept(option);
    }
  }

  private List<GeneratedImage> generate(ImageGenerator generator, GenerationRequest request, Progress progress) {
    try (Interrupt.Stretch _ = environment.interrupt().stoppable()) {
      List<GeneratedImage> images = generator.generate(request, progress);
      if (environment.interrupt().requested()) {
        throw new Cancelled(); // Ctrl-C came after the generator asked for the last time
      }
      return images;
    }
  }

  private Progress.FrameSink frameSink(List<String> rows, Map<String, Object> settings) {
    return (step, steps, images) -> {
      AtomicFile.createFolder(frames);
      int digits = Math.max(2, Integer.toString(steps).length());
      Map<String, Object> own = new LinkedHashMap<>(settings);
      own.put("step", step);
      new Pictures(rows, own).writeSheet(images, frames.resolve(String.format(Locale.ROOT, "step-%0" + digits + "d.png", step)));
    };
  }

  private String json(ImageGenerator generator, Backend backend, Map<String, Object> settings, List<GeneratedImage> images, List<Path> files,
      Map<String, Double> seconds) {
    List<Map<String, Object>> pictures = new ArrayList<>();
    for (int i = 0; i < images.size(); i++) {
      GeneratedImage image = images.get(i);
      Map<String, Object> picture = new LinkedHashMap<>();
      picture.put("prompt", image.prompt());
      picture.put("index", image.index());
      picture.put("file", files.get(Math.min(i, files.size() - 1)).toString());
      picture.put("grid", List.of(image.gridHeight(), image.gridWidth()));
      picture.put("tokens", image.tokens());
      pictures.add(picture);
    }
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("version", Version.number());
    result.put("folder", model.toString());
    result.put("description", generator.description());
    result.put("backend", backend.name());
    result.put("device", backend.description());
    result.put("settings", settings);
    result.put("images", pictures);
    result.put("seconds", seconds);
    return JsonMapper.shared().writeValueAsString(result);
  }
}

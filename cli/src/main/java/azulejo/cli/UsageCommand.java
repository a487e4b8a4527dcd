package azulejo.cli;

import azulejo.kernels.Backend;
import azulejo.kernels.WeightFormat;
import azulejo.models.Bicubic;
import azulejo.models.GeneratedImage;
import azulejo.models.GenerationRequest;
import azulejo.models.Image;
import azulejo.models.ImageGenerator;
import azulejo.models.Png;
import azulejo.probes.metrics.ImageFolder;
import azulejo.runtime.AtomicFile;
import azulejo.runtime.Cancelled;
import azulejo.runtime.OptionException;
import azulejo.runtime.sampling.Usage;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

@Command(
    name = "usage",
    sortOptions = false,
    description = {
      "Count how often a model's codes are used.",
      "By pictures that the model's own encoder turns into tokens, or by the tokens that it draws for prompts. --codebook of azulejo generate ranks codes by it."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  azulejo usage --model demo/masked --images demo/images --out usage.json",
      "  azulejo usage --model ~/models/amused-256 --prompts validation.txt --count 2 --seed 1 --out usage.json",
      "",
      "Beside usage.json comes usage.png, a histogram: codes by falling frequency, the frequency on a",
      "logarithmic scale."
    })
final class UsageCommand implements Runnable {
  private final Environment environment;

  @Option(names = "--model", paramLabel = "DIR", defaultValue = "demo/masked",
      description = "Folder of the checkpoint (default: ${DEFAULT-VALUE}, which comes with Azulejo).")
  private Path model;

  @Option(names = "--images", paramLabel = "DIR", description = "Encode the PNG and JPEG pictures of this folder, each cut to its middle square and resized.")
  private Path images;

  @Option(names = "--prompts", paramLabel = "FILE", description = "Generate pictures for these prompts, one a line, with the model's defaults.")
  private Path prompts;

  @Option(names = "--class", paramLabel = "N", description = "For models that know classes instead of prompts: a label; may be given several times.")
  private List<Integer> classes = List.of();

  @Option(names = "--count", paramLabel = "N", description = "Pictures for each prompt (default: 1).")
  private Integer count;

  @Option(names = "--seed", paramLabel = "N", description = "Of the generated pictures (default: 0).")
  private Long seed;

  @Mixin
  private BackendOption backendOption;

  @Option(names = "--out", paramLabel = "FILE.json", required = true, description = "The usage file.")
  private Path out;

  @Option(names = "--quiet", description = "Print nothing but errors.")
  private boolean quiet;

  UsageCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public void run() {
    boolean generated = prompts != null || !classes.isEmpty();
    if (generated == (images != null)) {
      throw new OptionException("give pictures with --images DIR, or prompts with --prompts FILE (or --class N), one of them");
    }
    if (images != null && (count != null || seed != null)) {
      throw new OptionException("--count and --seed are for pictures that are generated: leave them out with --images");
    }
    if (!out.getFileName().toString().endsWith(".json")) {
      throw new OptionException("--out " + out + " must end in .json; its histogram is written beside it as .png");
    }
    Path histogram = out.resolveSibling(out.getFileName().toString().replaceFirst("\\.json$", ".png"));
    AtomicFile.check(out);
    AtomicFile.check(histogram);
    StatusLine status = new StatusLine(environment.err(), quiet, environment.columns());
    status.show("loading " + model + " ...");
    try (Backend backend = backendOption.open(environment.engine());
        ImageGenerator generator = environment.engine().open(environment.resolve(model), backend, WeightFormat.F32)) {
      Usage usage = generated ? drawn(generator, status) : encoded(generator, status);
      AtomicFile.write(out, JsonMapper.shared().writeValueAsString(usage.toMap()).getBytes(StandardCharsets.UTF_8));
      AtomicFile.write(histogram, Png.encode(histogram(usage), Map.of("Software", "azulejo " + Version.number(), "Title", "code usage: " + usage.source())));
      status.println(String.format(Locale.ROOT, "%d tokens, %d of %d codes used, entropy %.2f bits (%.2f corrected), perplexity %.1f", usage.total(),
          usage.used(), generator.codes(), usage.entropy() / Math.log(2), usage.entropyMillerMadow() / Math.log(2), usage.perplexity()));
      status.println("wrote " + out);
      status.println("wrote " + histogram);
    } finally {
      status.clear();
    }
  }

  private Usage drawn(ImageGenerator generator, StatusLine status) {
    GenerationRequest request = GenerationRequest.builder()
        .prompts(prompts == null ? List.of() : PromptLines.read(prompts, "--prompts"))
        .classes(classes)
        .imagesPerPrompt(count == null ? 1 : count)
        .seed(seed == null ? 0 : seed)
        .build();
    Progress progress = new Progress(status, environment.interrupt(), null);
    try (Interrupt.Stretch _ = environment.interrupt().stoppable()) {
      List<int[]> grids = generator.generate(request, progress).stream().map(GeneratedImage::tokens).toList();
      return Usage.count(grids, generator.codes(), "tokens drawn for " + (prompts == null ? request.conditions().size() + " classes" : prompts.getFileName()));
    }
  }

  private Usage encoded(ImageGenerator generator, StatusLine status) {
    List<Path> files = ImageFolder.of(images).files();
    List<int[]> grids = new ArrayList<>();
    try (Interrupt.Stretch _ = environment.interrupt().stoppable()) {
      for (Path file : files) {
        if (environment.interrupt().requested()) {
          throw new Cancelled();
        }
        status.show("encoding picture " + (grids.size() + 1) + " of " + files.size() + " ...");
        grids.add(generator.encode(Bicubic.square(ImageFolder.read(file, Map.of()).image(), generator.side())));
      }
    }
    return Usage.count(grids, generator.codes(), files.size() + " pictures of " + images.getFileName());
  }

  /** Bars from the most frequent code on the left; their height is the logarithm of the count, so that a single use shows. */
  private static Image histogram(Usage usage) {
    int[] order = IntStream.range(0, usage.counts().length).boxed().sorted((a, b) -> Long.compare(usage.counts()[b], usage.counts()[a])).mapToInt(i -> i).toArray();
    int width = 1024;
    int height = 256;
    double top = Math.log1p(usage.counts()[order[0]]);
    byte[] rgb = new byte[3 * width * height];
    Arrays.fill(rgb, (byte) 0xFF);
    for (int x = 0; x < width; x++) {
      long count = usage.counts()[order[(int) ((long) x * order.length / width)]];
      int bar = top == 0 ? 0 : (int) Math.round(Math.log1p(count) / top * height);
      for (int y = height - bar; y < height; y++) {
        int at = 3 * (y * width + x);
        rgb[at] = 0x1F;
        rgb[at + 1] = (byte) 0x77;
        rgb[at + 2] = (byte) 0xB4;
      }
    }
    return new Image(width, height, rgb);
  }
}

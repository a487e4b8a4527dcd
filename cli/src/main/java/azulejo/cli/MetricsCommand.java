package azulejo.cli;

import azulejo.kernels.Backend;
import azulejo.probes.metrics.CollectionMetric;
import azulejo.probes.metrics.ImageFolder;
import azulejo.probes.metrics.ImageMetric;
import azulejo.probes.metrics.Metric;
import azulejo.probes.metrics.Metrics;
import azulejo.probes.metrics.Metrics.Need;
import azulejo.probes.metrics.Networks;
import azulejo.probes.metrics.Profile;
import azulejo.probes.metrics.SetMetric;
import azulejo.probes.metrics.Specimen;
import azulejo.runtime.Cancelled;
import azulejo.runtime.OptionException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

@Command(
    name = "metrics",
    sortOptions = false,
    description = {
      "Measure how diverse or how good the pictures in a folder are.",
      "A value comes with its exact name: the implementation that it follows and, behind @, the weights of its network. Values of different names are not"
          + " comparable."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  azulejo metrics --list",
      "  azulejo metrics --metric lpips:alex-0.1,ssim:skimage-gaussian --images pictures/",
      "  azulejo metrics --metric clip-score:torchmetrics --images pictures/ --captions captions.tsv",
      "  azulejo metrics --metric fid:clip,kid:clip --images pictures/ --reference demo/images --json",
      "",
      "A table of captions has a line for each picture: the file's name, a tab, the caption."
    })
final class MetricsCommand implements Runnable {
  /** Pictures that are read and looked at before the next ones. */
  private static final int CHUNK = 64;

  private final Environment environment;

  @Option(names = "--list", description = "List the metrics and end.")
  private boolean list;

  @Option(names = "--metric", paramLabel = "NAME", split = ",", description = "Which metric; several with commas, or given several times.")
  private List<String> names = List.of();

  @Option(names = "--images", paramLabel = "DIR", description = "The folder with the pictures, PNG files.")
  private Path images;

  @Option(names = "--reference", paramLabel = "DIR", description = "For FID and KID: the folder with the pictures to compare with.")
  private Path reference;

  @Option(names = "--captions", paramLabel = "FILE", description = "A table of captions, for the metrics that need them.")
  private Path captions;

  @Option(names = "--by-caption", description = "Measure diversity within the pictures of a caption, then average over captions.")
  private boolean byCaption;

  @Option(names = "--clip", paramLabel = "DIR", description = "Folder of the CLIP model (default: demo/clip, which comes with Azulejo).")
  private Path clip;

  @Option(names = "--lpips", paramLabel = "PATH", description = "File or folder with the weights of LPIPS (default: demo/lpips, of alex alone).")
  private Path lpips;

  @Option(names = "--inception", paramLabel = "PATH", description = "File or folder with the weights of pytorch-fid's Inception.")
  private Path inception;

  @Mixin
  private BackendOption backendOption;

  @Option(names = "--json", description = "Print the values as JSON on standard output.")
  private boolean json;

  @Option(names = "--quiet", description = "Print nothing but the values and errors.")
  private boolean quiet;

  MetricsCommand(Environment environment) {
    this.environment = environment;
  }

  /**
   * A metric's number.
   *
   * @param sets that it is the mean of
   */
  private record Value(Profile profile, double value, int sets) {}

  @Override
  public void run() {
    if (list) {
      int width = Metrics.entries().stream().mapToInt(e -> e.name().length()).max().orElse(0);
      Metrics.entries().forEach(e -> environment.out().println(e.name() + " ".repeat(width - e.name().length() + 2) + e.text()));
      return;
    }
    Set<Need> needs = needs();
    ImageFolder folder = ImageFolder.of(require(images, "--images DIR"));
    Optional<ImageFolder> other = Optional.ofNullable(reference).map(ImageFolder::of);
    Map<String, String> texts = captions == null ? Map.of() : ImageFolder.captions(captions);
    StatusLine status = new StatusLine(environment.err(), quiet, environment.columns());
    List<String> notes = new ArrayList<>();
    noteJpegs(folder, notes);
    other.ifPresent(o -> noteJpegs(o, notes));
    Networks networks = new Networks(network(needs, Need.CLIP, clip, "demo/clip", notes), network(needs, Need.LPIPS, lpips, "demo/lpips", notes),
        Optional.ofNullable(inception));
    try (Backend backend = backendOption.open(environment.engine());
        Metrics metrics = new Metrics(networks, backend);
        Interrupt.Stretch _ = environment.interrupt().stoppable()) {
      List<Value> values = new Measurement(folder, other, texts, status, notes).of(names.stream().distinct().map(metrics::open).toList());
      status.clear();
      notes.forEach(note -> status.println("note: " + note));
      print(values, folder, other, backend, notes);
    } finally {
      status.clear();
    }
  }

  /** What the metrics need; refuses them where it is not there, and an option that none of them needs. */
  private Set<Need> needs() {
    require(names.isEmpty() ? null : names, "--metric NAME, of those that --list shows");
    for (String name : names) {
      Set<Need> needs = Metrics.entry(name).needs();
      if (needs.contains(Need.TOKENS) || needs.contains(Need.REFERENCE) && reference == null || needs.contains(Need.CAPTIONS) && captions == null) {
        throw new OptionException(needs.stream().filter(need -> need == Need.TOKENS || need == Need.REFERENCE || need == Need.CAPTIONS).findFirst()
            .orElseThrow().missing(name));
      }
    }
    Set<Need> needs = names.stream().flatMap(name -> Metrics.entry(name).needs().stream()).collect(Collectors.toSet());
    refuseUnused("--reference", reference, needs.contains(Need.REFERENCE));
    refuseUnused("--captions", captions, needs.contains(Need.CAPTIONS) || byCaption);
    refuseUnused("--clip", clip, needs.contains(Need.CLIP));
    refuseUnused("--lpips", lpips, needs.contains(Need.LPIPS));
    refuseUnused("--inception", inception, needs.contains(Need.INCEPTION));
    if (byCaption && captions == null) {
      throw new OptionException("--by-caption needs the captions: name a table with --captions FILE");
    }
    return needs;
  }

  private static <T> T require(T option, String usage) {
    if (option == null) {
      throw new OptionException("nothing to measure: give " + usage);
    }
    return option;
  }

  private void refuseUnused(String option, Path value, boolean used) {
    if (value != null && !used) {
      throw new OptionException(option + " is of no use to " + String.join(", ", names) + ": leave it out");
    }
  }

  private Optional<Path> network(Set<Need> needs, Need need, Path given, String demo, List<String> notes) {
    if (!needs.contains(need)) {
      return Optional.empty();
    }
    if (given == null) {
      notes.add(demo + " is a small network of the demo's world: its values are comparable with its own only");
    }
    return Optional.of(environment.resolve(given == null ? Path.of(demo) : given));
  }

  private static void noteJpegs(ImageFolder folder, List<String> notes) {
    if (folder.jpegs() > 0) {
      notes.add(folder.jpegs() + " of " + folder.files().size() + " pictures in " + folder.folder() + " are JPEG files, whose artefacts change every metric");
    }
  }

  // ---- measuring ----------------------------------------------------------------------------------------------------------

  private final class Measurement {
    private final ImageFolder folder;
    private final Optional<ImageFolder> other;
    private final Map<String, String> texts;
    private final StatusLine status;
    private final List<String> notes;

    Measurement(ImageFolder folder, Optional<ImageFolder> other, Map<String, String> texts, StatusLine status, List<String> notes) {
      this.folder = folder;
      this.other = other;
      this.texts = texts;
      this.status = status;
      this.notes = notes;
    }

    List<Value> of(List<Metric> metrics) {
      Map<ImageMetric, DoubleStream.Builder> perImage = new LinkedHashMap<>();
      Map<CollectionMetric, List<float[]>> features = new LinkedHashMap<>();
      boolean sets = false;
      for (Metric metric : metrics) {
        switch (metric) {
          case SetMetric _ -> sets = true;
          case ImageMetric m -> perImage.put(m, DoubleStream.builder());
          case CollectionMetric m -> features.put(m, new ArrayList<>());
        }
      }
      if (byCaption && !sets) {
        throw new OptionException("--by-caption is of no use to " + String.join(", ", names) + ": leave it out");
      }
      List<Specimen> kept = new ArrayList<>();
      boolean keep = sets;
      chunks(folder, chunk -> {
        perImage.forEach((metric, values) -> DoubleStream.of(metric.of(chunk)).forEach(values));
        features.forEach((metric, vectors) -> vectors.addAll(metric.features(chunk)));
        if (keep) {
          kept.addAll(chunk);
        }
      });
      Map<CollectionMetric, List<float[]>> references = new LinkedHashMap<>();
      other.ifPresent(o -> {
        features.keySet().forEach(metric -> references.put(metric, new ArrayList<>()));
        chunks(o, chunk -> references.forEach((metric, vectors) -> vectors.addAll(metric.features(chunk))));
      });
      List<Value> values = new ArrayList<>();
      for (Metric metric : metrics) {
        requireGoingOn();
        status.show("comparing by " + metric.profile().name() + " ...");
        values.add(switch (metric) {
          case SetMetric m -> ofSets(m, kept);
          case ImageMetric m -> new Value(m.profile(), m.mean(perImage.get(m).build().toArray()), 1);
          case CollectionMetric m -> {
            m.caution(features.get(m).size(), references.get(m).size()).ifPresent(notes::add);
            yield new Value(m.profile(), m.distance(features.get(m), references.get(m)), 1);
          }
        });
      }
      return values;
    }

    /** The mean over sets. */
    private Value ofSets(SetMetric metric, List<Specimen> specimens) {
      if (!byCaption) {
        return new Value(metric.profile(), metric.of(specimens), 1);
      }
      Map<String, List<Specimen>> sets = specimens.stream().collect(Collectors.groupingBy(Specimen::caption, LinkedHashMap::new, Collectors.toList()));
      sets.forEach((caption, set) -> {
        if (set.size() < metric.least()) {
          throw new OptionException(metric.profile().name() + " needs at least " + metric.least() + " pictures of each caption, but \"" + caption + "\" has "
              + set.size());
        }
      });
      return new Value(metric.profile(), sets.values().stream().mapToDouble(metric::of).average().orElseThrow(), sets.size());
    }

    /** All pictures of a folder, some at a time. */
    private void chunks(ImageFolder folder, Consumer<List<Specimen>> look) {
      List<Path> files = folder.files();
      for (int from = 0; from < files.size(); from += CHUNK) {
        requireGoingOn();
        status.show("looking at " + folder.folder() + ", picture " + (from + 1) + " of " + files.size());
        look.accept(files.subList(from, Math.min(from + CHUNK, files.size())).stream().map(file -> ImageFolder.read(file, texts)).toList());
      }
    }

    private void requireGoingOn() {
      if (environment.interrupt().requested()) {
        throw new Cancelled();
      }
    }
  }

  // ---- printing -----------------------------------------------------------------------------------------------------------

  private void print(List<Value> values, ImageFolder folder, Optional<ImageFolder> other, Backend backend, List<String> notes) {
    if (json) {
      environment.out().println(JsonMapper.shared().writeValueAsString(report(values, folder, other, backend, notes)));
      return;
    }
    int width = values.stream().mapToInt(v -> v.profile().id().length()).max().orElse(0);
    for (Value value : values) {
      String line = String.format(Locale.ROOT, "%-" + width + "s  %10s  %d pictures", value.profile.id(), number(value.value), folder.files().size());
      environment.out().println(line + (value.sets > 1 ? " in " + value.sets + " sets" : "")
          + (value.profile.smallerIsMore() ? ", less is " : ", more is ")
          + switch (value.profile.role()) {
            case DIVERSITY -> "more diverse";
            case QUALITY -> "better";
          });
    }
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, Math.abs(value) < 1 ? "%.6f" : "%.4f", value);
  }

  private static Map<String, Object> report(List<Value> values, ImageFolder folder, Optional<ImageFolder> other, Backend backend, List<String> notes) {
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("version", Version.number());
    result.put("backend", backend.name());
    result.put("device", backend.description());
    result.put("images", Map.of("folder", folder.folder().toString(), "count", folder.files().size()));
    other.ifPresent(o -> result.put("reference", Map.of("folder", o.folder().toString(), "count", o.files().size())));
    result.put("values", values.stream().map(value -> {
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("profile", value.profile.id());
      entry.put("metric", value.profile.name());
      entry.put("weights", value.profile.weights());
      entry.put("value", value.value);
      entry.put("sets", value.sets);
      entry.put("role", value.profile.role().name().toLowerCase(Locale.ROOT));
      entry.put("smaller_is_more", value.profile.smallerIsMore());
      return entry;
    }).toList());
    result.put("notes", notes);
    return result;
  }
}

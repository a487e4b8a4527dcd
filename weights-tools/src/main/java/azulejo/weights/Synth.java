package azulejo.weights;

import azulejo.kernels.DType;
import azulejo.runtime.AtomicFile;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.OptionException;
import azulejo.runtime.OutputException;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.checkpoint.SafetensorsWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Checkpoints of random weights in a published model's exact layout and size: what a benchmark needs of a model whose weights cannot be had.
 * The same kind and type give the same bytes everywhere.
 */
public final class Synth {
  /** What the configuration files of aMUSEd's kinds have in common lies here among the resources, what is a kind's own in a folder of its name. */
  private static final String COMMON = "amused";
  private static final String LLAMAGEN_XL = "llamagen-XL";
  /** LlamaGen's models of ImageNet's classes. The published ones from XL on are for pictures of 384 x 384. */
  private static final List<OfClasses> OF_CLASSES = List.of(new OfClasses("llamagen-B", "B", 12, 768, 256),
      new OfClasses("llamagen-B-384", "B", 12, 768, 384), new OfClasses("llamagen-L", "L", 24, 1024, 256),
      new OfClasses("llamagen-XL-classes", "XL", 36, 1280, 384), new OfClasses("llamagen-XXL", "XXL", 48, 1536, 384),
      new OfClasses("llamagen-3B", "3B", 24, 3200, 384));
  private static final String VQ_DIFFUSION = "vqdiffusion-ithq";
  private static final String LEARNED = "learned_classifier_free_sampling_embeddings";
  private static final List<String> AMUSED = List.of("amused-256", "amused-512");
  private static final List<String> CONFIGS = List.of("scheduler/scheduler_config.json", "text_encoder/config.json", "tokenizer/special_tokens_map.json",
      "tokenizer/tokenizer_config.json", "transformer/config.json", "vqvae/config.json");
  private static final String INDEX = "model_index.json";
  private static final Map<String, String> METADATA = Map.of("format", "pt");

  private final Path dir;
  private final DType dtype;

  private Synth(Path dir, DType dtype) {
    this.dir = dir;
    this.dtype = dtype;
  }

  /** Hears how the writing goes on, once a tensor. Called on the writing thread. */
  @FunctionalInterface
  public interface Progress {
    Progress NONE = (_, _, _) -> {};

    /**
     * @param component "transformer", "text_encoder", "vqvae", ...
     * @param bytes of weights written so far
     * @param total bytes of weights
     */
    void wrote(String component, long bytes, long total);
  }

  /** What was written: the number of weights and their size in the files. */
  public record Summary(long parameters, long bytes) {}

  /** What can be synthesised. */
  public static List<String> kinds() {
    return Stream.of(AMUSED.stream(), OF_CLASSES.stream().map(OfClasses::kind), Stream.of(LLAMAGEN_XL, VQ_DIFFUSION)).flatMap(kinds -> kinds).toList();
  }

  /**
   * Writes a checkpoint into {@code dir}, which must be empty or not there yet; its {@code model_index.json}, or the one file that every model of its family
   * has, comes last, so that a folder that has it is complete. After a failure the folder is as it was.
   *
   * <p>LlamaGen's are of classes, but {@code llamagen-XL}, which is of captions and for pictures of 256 x 256, each with its VQ-16; the text encoder of the
   * latter has the width of Flan-T5 XL, which it stands for, but one layer instead of 24, as it would be 4.8 GB.
   *
   * @param dtype F32 for the usual files, F16 for those of the fp16 variant, or of LlamaGen's under the usual names
   * @throws OptionException when there is no such kind, or the type is neither
   * @throws OutputException when the folder is not empty, cannot be written, or its disk has too little room
   */
  public static Summary write(String kind, Path dir, DType dtype, Progress progress) {
    Optional<OfClasses> ofClasses = OF_CLASSES.stream().filter(model -> model.kind.equals(kind)).findFirst();
    if (ofClasses.isPresent()) {
      return write(dir, dtype, synth -> synth.ofClasses(ofClasses.get(), progress));
    }
    if (AMUSED.contains(kind)) {
      return write(dir, dtype, progress, file -> resource(kind, file));
    }
    return switch (kind) {
      case LLAMAGEN_XL -> write(dir, dtype, synth -> synth.ofCaptions(progress));
      case VQ_DIFFUSION -> writeVqDiffusion(dir, dtype, progress, file -> resource(kind, file));
      default -> throw new OptionException("there is no checkpoint kind \"" + kind + "\": choose one of " + String.join(", ", kinds()));
    };
  }

  /** {@link #write(String, Path, DType, Progress)} with the configuration files of another model of aMUSEd's make. */
  static Summary write(Path dir, DType dtype, Progress progress, Function<String, byte[]> configs) {
    return write(dir, dtype, synth -> synth.amused(progress, configs));
  }

  /** {@link #write(String, Path, DType, Progress)} with the configuration files of another model of VQ-Diffusion's make. */
  static Summary writeVqDiffusion(Path dir, DType dtype, Progress progress, Function<String, byte[]> configs) {
    return write(dir, dtype, synth -> synth.vqDiffusion(progress, configs));
  }

  private static Summary write(Path dir, DType dtype, Function<Synth, Summary> work) {
    if (dtype != DType.F32 && dtype != DType.F16) {
      throw new OptionException("weights can be synthesised as f32 or f16, not as " + dtype.name().toLowerCase(Locale.ROOT));
    }
    boolean existed = Files.isDirectory(dir);
    checkEmpty(dir);
    try {
      return work.apply(new Synth(dir, dtype));
    } catch (RuntimeException e) {
      removeContents(dir, existed);
      throw e;
    }
  }

  private Summary amused(Progress progress, Function<String, byte[]> configs) {
    CONFIGS.forEach(config -> put(config, configs.apply(config)));
    List<Component> components = List.of(
        inFolder("transformer", "diffusion_pytorch_model", UVit2DParameters.of(config("transformer"))),
        inFolder("text_encoder", "model", ClipTextParameters.of(config("text_encoder"))),
        inFolder("vqvae", "diffusion_pytorch_model", VqModelParameters.of(config("vqvae"))));
    return pipeline(components, progress, configs);
  }

  private Summary vqDiffusion(Progress progress, Function<String, byte[]> configs) {
    CONFIGS.forEach(config -> put(config, configs.apply(config)));
    put(LEARNED + "/config.json", configs.apply(LEARNED + "/config.json"));
    JsonConfig learned = config(LEARNED);
    List<Parameter> embeddings = new Parameters().free("embeddings", learned.integer("length"), learned.integer("hidden_size")).list();
    List<Component> components = List.of(
        inFolder("transformer", "diffusion_pytorch_model", Transformer2DParameters.of(config("transformer"))),
        inFolder("text_encoder", "model", ClipTextParameters.of(config("text_encoder"))),
        inFolder("vqvae", "diffusion_pytorch_model", VqModelParameters.of(config("vqvae"))),
        inFolder(LEARNED, "diffusion_pytorch_model", embeddings));
    return pipeline(components, progress, configs);
  }

  /** The weights and the tokenizer of a pipeline whose configuration is there, and its index. */
  private Summary pipeline(List<Component> components, Progress progress, Function<String, byte[]> configs) {
    requireRoom(components);
    ClipVocabulary vocabulary = ClipVocabulary.ofSize(config("text_encoder").integer("vocab_size"));
    put("tokenizer/merges.txt", vocabulary.mergesTxt());
    put("tokenizer/vocab.json", vocabulary.vocabJson());
    Summary summary = writeWeights(components, progress);
    put(INDEX, configs.apply(INDEX));
    return summary;
  }

  /**
   * A GPT of ImageNet's classes.
   *
   * @param size as its published file calls it
   * @param pixels side of its pictures
   */
  private record OfClasses(String kind, String size, int layers, int dim, int pixels) {}

  private Summary ofClasses(OfClasses model, Progress progress) {
    List<Component> components = List.of(
        new Component("vq", "vq_ds16_c2i.safetensors", LlamaGenParameters.vq()),
        new Component("gpt", "c2i_" + model.size + "_" + model.pixels + ".safetensors", LlamaGenParameters.ofClasses(model.layers, model.dim, 1000)));
    requireRoom(components);
    return writeWeights(components, progress);
  }

  /** GPT-XL of captions of up to 120 tokens. */
  private Summary ofCaptions(Progress progress) {
    for (String file : List.of("t5/config.json", "t5/tokenizer.json")) {
      put(file, resource(LLAMAGEN_XL, file));
    }
    JsonConfig text = config("t5");
    List<Component> components = List.of(
        new Component("vq", "vq_ds16_t2i.safetensors", LlamaGenParameters.vq()),
        new Component("text_encoder", "t5/model.safetensors", T5Parameters.of(text)),
        new Component("gpt", "t2i_XL_stage1_256.safetensors", LlamaGenParameters.ofCaptions(36, 1280, 120, text.integer("d_model"))));
    requireRoom(components);
    return writeWeights(components, progress);
  }

  /** A part of the model and its file of weights. */
  private record Component(String name, String file, List<Parameter> parameters) {
    long elements() {
      return Parameters.count(parameters);
    }
  }

  /** In the layout of diffusers. */
  private Component inFolder(String folder, String stem, List<Parameter> parameters) {
    return new Component(folder, folder + "/" + stem + (dtype == DType.F16 ? ".fp16" : "") + ".safetensors", parameters);
  }

  private long bytes(List<Component> components) {
    return components.stream().mapToLong(Component::elements).sum() * dtype.bytes();
  }

  private void requireRoom(List<Component> components) {
    AtomicFile.createFolder(dir);
    checkRoom(dir, bytes(components), freeBytes(dir));
  }

  private Summary writeWeights(List<Component> components, Progress progress) {
    long total = bytes(components);
    long written = 0;
    for (Component component : components) {
      written = writeWeights(component, written, total, progress);
    }
    return new Summary(total / dtype.bytes(), total);
  }

  private long writeWeights(Component component, long before, long total, Progress progress) {
    Map<String, Parameter> byName = component.parameters.stream().collect(Collectors.toMap(Parameter::name, p -> p));
    List<SafetensorsWriter.Entry> entries = component.parameters.stream().map(p -> new SafetensorsWriter.Entry(p.name(), dtype, p.shape())).toList();
    long largest = entries.stream().mapToLong(SafetensorsWriter.Entry::bytes).max().orElse(0);
    long[] written = {before};
    try (Arena arena = Arena.ofShared()) {
      MemorySegment room = arena.allocate(largest, 64);
      SafetensorsWriter.write(dir.resolve(component.file), METADATA, entries, entry -> {
        progress.wrote(component.name, written[0], total);
        written[0] += entry.bytes();
        MemorySegment data = room.asSlice(0, entry.bytes());
        RandomFill.fill(byName.get(entry.name()), dtype, data);
        return data;
      });
    }
    progress.wrote(component.name, written[0], total);
    return written[0];
  }

  private JsonConfig config(String component) {
    return JsonConfig.read(dir.resolve(component).resolve("config.json"));
  }

  private void put(String name, byte[] bytes) {
    Path file = dir.resolve(name);
    try {
      Files.createDirectories(file.getParent());
    } catch (IOException e) {
      throw new OutputException("cannot make " + file.getParent() + ": " + AzulejoException.reason(e), e);
    }
    AtomicFile.write(file, bytes);
  }

  private static byte[] resource(String kind, String name) {
    try (InputStream own = Synth.class.getResourceAsStream(kind + "/" + name);
        InputStream in = own != null ? own : Synth.class.getResourceAsStream(COMMON + "/" + name)) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void checkEmpty(Path dir) {
    if (!Files.exists(dir)) {
      return;
    }
    try (Stream<Path> files = Files.list(dir)) {
      if (files.findAny().isPresent()) {
        throw new OutputException(dir + " is not empty: name a new or an empty folder");
      }
    } catch (IOException e) {
      throw new OutputException("cannot write " + dir + ": " + AzulejoException.reason(e), e);
    }
  }

  static long freeBytes(Path dir) {
    try {
      return Files.getFileStore(dir).getUsableSpace();
    } catch (IOException e) {
      throw new OutputException("cannot write " + dir + ": " + AzulejoException.reason(e), e);
    }
  }

  static void checkRoom(Path dir, long needed, long free) {
    if (free < needed) {
      String unit = needed < 1e9 ? "MB" : "GB";
      double size = needed < 1e9 ? 1e6 : 1e9;
      throw new OutputException(String.format(Locale.ROOT, "%s is on a disk with %.1f %s free, but the weights take %.1f %s: name a folder on another disk",
          dir, free / size, unit, needed / size, unit));
    }
  }

  private static void removeContents(Path dir, boolean keepDir) {
    if (!Files.exists(dir)) {
      return;
    }
    try (Stream<Path> files = Files.walk(dir)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        if (!(keepDir && file.equals(dir))) {
          Files.delete(file);
        }
      }
    } catch (IOException e) {
      // The failure that led here is the one to report.
    }
  }
}

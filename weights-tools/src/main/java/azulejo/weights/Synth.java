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
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Checkpoints of random weights in a published model's exact layout and size: what a benchmark needs of a model whose weights cannot be had.
 * The same kind and type give the same bytes everywhere.
 */
public final class Synth {
  /** What the configuration files of all kinds have in common lies here among the resources, what is a kind's own in a folder of its name. */
  private static final String COMMON = "amused";
  private static final List<String> KINDS = List.of("amused-256", "amused-512");
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
     * @param component "transformer", "text_encoder" or "vqvae"
     * @param bytes of weights written so far
     * @param total bytes of weights
     */
    void wrote(String component, long bytes, long total);
  }

  /** What was written: the number of weights and their size in the files. */
  public record Summary(long parameters, long bytes) {}

  /** What can be synthesised. */
  public static List<String> kinds() {
    return KINDS;
  }

  /**
   * Writes a checkpoint into {@code dir}, which must be empty or not there yet; its {@code model_index.json} comes last, so that a folder
   * that has one is complete. After a failure the folder is as it was.
   *
   * @param dtype F32 for the usual files, F16 for those of the fp16 variant
   * @throws OptionException when there is no such kind, or the type is neither
   * @throws OutputException when the folder is not empty, cannot be written, or its disk has too little room
   */
  public static Summary write(String kind, Path dir, DType dtype, Progress progress) {
    if (!KINDS.contains(kind)) {
      throw new OptionException("there is no checkpoint kind \"" + kind + "\": choose one of " + String.join(", ", KINDS));
    }
    return write(dir, dtype, progress, file -> resource(kind, file));
  }

  /** {@link #write(String, Path, DType, Progress)} with the configuration files of another model of the same make. */
  static Summary write(Path dir, DType dtype, Progress progress, Function<String, byte[]> configs) {
    if (dtype != DType.F32 && dtype != DType.F16) {
      throw new OptionException("weights can be synthesised as f32 or f16, not as " + dtype.name().toLowerCase(Locale.ROOT));
    }
    boolean existed = Files.isDirectory(dir);
    checkEmpty(dir);
    try {
      return new Synth(dir, dtype).write(progress, configs);
    } catch (RuntimeException e) {
      removeContents(dir, existed);
      throw e;
    }
  }

  private Summary write(Progress progress, Function<String, byte[]> configs) {
    for (String config : CONFIGS) {
      put(config, configs.apply(config));
    }
    JsonConfig text = config("text_encoder");
    List<Component> components = List.of(
        new Component("transformer", "diffusion_pytorch_model", UVit2DParameters.of(config("transformer"))),
        new Component("text_encoder", "model", ClipTextParameters.of(text)),
        new Component("vqvae", "diffusion_pytorch_model", VqModelParameters.of(config("vqvae"))));
    long total = components.stream().mapToLong(Component::elements).sum() * dtype.bytes();
    checkRoom(dir, total, freeBytes(dir));

    ClipVocabulary vocabulary = ClipVocabulary.ofSize(text.integer("vocab_size"));
    put("tokenizer/merges.txt", vocabulary.mergesTxt());
    put("tokenizer/vocab.json", vocabulary.vocabJson());
    long written = 0;
    for (Component component : components) {
      written = writeWeights(component, written, total, progress);
    }
    put(INDEX, configs.apply(INDEX));
    return new Summary(total / dtype.bytes(), total);
  }

  /** A folder of the checkpoint and the stem of its file of weights. */
  private record Component(String folder, String stem, List<Parameter> parameters) {
    long elements() {
      return Parameters.count(parameters);
    }
  }

  private long writeWeights(Component component, long before, long total, Progress progress) {
    Map<String, Parameter> byName = component.parameters.stream().collect(Collectors.toMap(Parameter::name, p -> p));
    List<SafetensorsWriter.Entry> entries = component.parameters.stream().map(p -> new SafetensorsWriter.Entry(p.name(), dtype, p.shape())).toList();
    long largest = entries.stream().mapToLong(SafetensorsWriter.Entry::bytes).max().orElse(0);
    long[] written = {before};
    try (Arena arena = Arena.ofShared()) {
      MemorySegment room = arena.allocate(largest, 64);
      Path file = dir.resolve(component.folder).resolve(component.stem + (dtype == DType.F16 ? ".fp16" : "") + ".safetensors");
      SafetensorsWriter.write(file, METADATA, entries, entry -> {
        progress.wrote(component.folder, written[0], total);
        written[0] += entry.bytes();
        MemorySegment data = room.asSlice(0, entry.bytes());
        RandomFill.fill(byName.get(entry.name()), dtype, data);
        return data;
      });
    }
    progress.wrote(component.folder, written[0], total);
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

  private static long freeBytes(Path dir) {
    try {
      return Files.getFileStore(dir).getUsableSpace();
    } catch (IOException e) {
      throw new OutputException("cannot write " + dir + ": " + AzulejoException.reason(e), e);
    }
  }

  static void checkRoom(Path dir, long needed, long free) {
    if (free < needed) {
      throw new OutputException(String.format(Locale.ROOT, "%s is on a disk with %.1f GB free, but the weights take %.1f GB: name a folder on another disk",
          dir, free / 1e9, needed / 1e9));
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

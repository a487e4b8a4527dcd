package azulejo.runtime.checkpoint;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.kernels.WeightFormat;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.pickle.TorchFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/**
 * The weights of one component (a text encoder, a transformer, ...) as Hugging Face folders hold them: one safetensors or pickle file, or several
 * shards with an index that says which tensor lies in which. The files stay mapped until {@link #close}.
 *
 * <p>Source of the names: transformers' {@code utils/__init__.py} (SAFE_WEIGHTS_NAME, WEIGHTS_NAME and their indexes), diffusers' {@code utils/constants.py},
 * and {@code _add_variant} in either.
 */
public final class Checkpoint implements AutoCloseable {
  private static final List<Form> FORMS = List.of(
      new Form("model", "safetensors"), new Form("diffusion_pytorch_model", "safetensors"),
      new Form("pytorch_model", "bin"), new Form("diffusion_pytorch_model", "bin"));
  private static final Pattern VARIANT = Pattern.compile(
      "(?:model|pytorch_model|diffusion_pytorch_model)\\.(?:(\\w+)\\.(?:safetensors|bin)|(?:safetensors|bin)\\.index\\.(\\w+)\\.json)");
  private static final Pattern PICKLE = Pattern.compile(".*\\.(bin|pt|pth|ckpt)");
  private static final Pattern INDEX = Pattern.compile(".*\\.index(\\.\\w+)?\\.json");

  private final Path path;
  private final List<TensorFile> files;
  private final SequencedMap<String, TensorFile> places;
  private final Set<String> unused;

  private Checkpoint(Path path, List<TensorFile> files, SequencedMap<String, TensorFile> places) {
    this.path = path;
    this.files = files;
    this.places = places;
    this.unused = new LinkedHashSet<>(places.keySet());
  }

  /**
   * Opens a component's folder, a safetensors or pickle file, or a shard index. A folder with weights of full precision gives those, from safetensors
   * where it has both; one that has a single variant only gives that variant. A pickle file gives its {@linkplain TorchFile#stateDict() state dict}.
   *
   * @throws CheckpointException when there are no weights, or they are broken
   */
  public static Checkpoint open(Path path) {
    return open(path, Optional.empty());
  }

  /** Opens a folder's variant, such as {@code fp16}, even where it has weights of full precision. */
  public static Checkpoint open(Path folder, String variant) {
    return open(folder, Optional.of(variant));
  }

  private static Checkpoint open(Path path, Optional<String> variant) {
    Path file = Files.isDirectory(path) ? find(path, variant) : path;
    String name = file.getFileName().toString();
    if (!Files.exists(file)) {
      throw new CheckpointException(file + " does not exist");
    }
    if (INDEX.matcher(name).matches()) {
      return openShards(path, file);
    }
    return of(path, isPickle(file) ? TorchFile.open(file).stateDict() : Safetensors.open(file));
  }

  /** The tensors of one file, which is this checkpoint's to close. */
  public static Checkpoint of(TensorFile file) {
    return of(file.file(), file);
  }

  private static Checkpoint of(Path path, TensorFile file) {
    SequencedMap<String, TensorFile> places = new LinkedHashMap<>();
    file.names().forEach(name -> places.put(name, file));
    return new Checkpoint(path, List.of(file), places);
  }

  private static Checkpoint openShards(Path path, Path index) {
    Map<String, TensorFile> shards = new LinkedHashMap<>();
    SequencedMap<String, TensorFile> places = new LinkedHashMap<>();
    try {
      for (Map.Entry<String, JsonNode> entry : weightMap(index)) {
        TensorFile shard = shards.computeIfAbsent(shardName(index, entry), name -> openShard(index.resolveSibling(name)));
        if (!shard.names().contains(entry.getKey())) {
          throw new CheckpointException(index + " places tensor \"" + entry.getKey() + "\" in " + shard.file() + ", which does not have it");
        }
        places.put(entry.getKey(), shard);
      }
    } catch (RuntimeException e) {
      shards.values().forEach(TensorFile::close);
      throw e;
    }
    return new Checkpoint(path, List.copyOf(shards.values()), places);
  }

  /** A shard's names are those of the index, so nothing is unwrapped. */
  private static TensorFile openShard(Path file) {
    return isPickle(file) ? TorchFile.open(file) : Safetensors.open(file);
  }

  private static Set<Map.Entry<String, JsonNode>> weightMap(Path index) {
    JsonNode map = Json.object(index).get("weight_map");
    if (map == null || !map.isObject() || map.isEmpty()) {
      throw new CheckpointException(index + " has no weight_map from tensor names to shard files");
    }
    return map.properties();
  }

  /** A shard lies beside its index, so its name must be a plain one: an index must not reach outside its folder. */
  private static String shardName(Path index, Map.Entry<String, JsonNode> entry) {
    String name = entry.getValue().isString() ? entry.getValue().stringValue() : "";
    if (!name.matches("[^/\\\\:\\p{Cntrl}]+\\.(safetensors|bin)")) {
      throw new CheckpointException(index + ": tensor \"" + entry.getKey() + "\" lies in " + Json.kind(entry.getValue())
          + ", which is not the plain name of a .safetensors or .bin file in the same folder");
    }
    return name;
  }

  private static Path find(Path folder, Optional<String> variant) {
    List<String> wanted = FORMS.stream().flatMap(form -> Stream.of(form.file(variant), form.index(variant))).toList();
    for (String name : wanted) {
      if (Files.exists(folder.resolve(name))) {
        return folder.resolve(name);
      }
    }
    List<String> present = names(folder);
    Set<String> variants = present.stream().map(VARIANT::matcher).filter(Matcher::matches)
        .map(m -> m.group(1) != null ? m.group(1) : m.group(2)).collect(Collectors.toCollection(TreeSet::new));
    if (variant.isEmpty() && variants.size() == 1) {
      return find(folder, Optional.of(variants.iterator().next()));
    }
    if (!variants.isEmpty()) {
      throw new CheckpointException(folder + " has its weights in the variants " + variants + " only"
          + variant.map(v -> ", not in " + v).orElse(": name one of them"));
    }
    throw new CheckpointException(folder + " holds no weights: none of " + String.join(", ", wanted) + " is there");
  }

  /** Whether a file's name is that of a file of torch.save. */
  public static boolean isPickle(Path file) {
    return PICKLE.matcher(file.getFileName().toString()).matches();
  }

  /** Whether a folder holds the weights of a component, under any of the usual names. */
  public static boolean isIn(Path folder) {
    return names(folder).stream().anyMatch(name -> VARIANT.matcher(name).matches()
        || FORMS.stream().anyMatch(form -> name.equals(form.file(Optional.empty())) || name.equals(form.index(Optional.empty()))));
  }

  /** How a library names the weights of a component. */
  private record Form(String stem, String suffix) {
    String file(Optional<String> variant) {
      return stem + variant.map(v -> "." + v).orElse("") + "." + suffix;
    }

    String index(Optional<String> variant) {
      return stem + "." + suffix + ".index" + variant.map(v -> "." + v).orElse("") + ".json";
    }
  }

  private static List<String> names(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + folder + ": " + AzulejoException.reason(e), e);
    }
  }

  /** All tensors of this checkpoint, to be placed on {@code backend} at full precision. */
  public Weights on(Backend backend) {
    return on(backend, WeightFormat.F32);
  }

  /** All tensors of this checkpoint, to be placed on {@code backend}, the weights of its linear layers in {@code format}. */
  public Weights on(Backend backend, WeightFormat format) {
    return new Weights(this, backend, format, "");
  }

  /** The folder or file that was opened. */
  public Path path() {
    return path;
  }

  /** The names of all tensors, in the order of the file or the index. */
  public Set<String> names() {
    return Collections.unmodifiableSet(places.keySet());
  }

  public boolean has(String name) {
    return places.containsKey(name);
  }

  /**
   * A tensor's shape, which is not to ask for it.
   *
   * @throws CheckpointException when there is no such tensor
   */
  public Shape shape(String name) {
    return place(name).shape(name);
  }

  /** @throws CheckpointException when there is no such tensor */
  public DType dtype(String name) {
    return place(name).dtype(name);
  }

  /** @throws CheckpointException when there is no such tensor */
  public HostTensor tensor(String name) {
    HostTensor tensor = place(name).tensor(name);
    unused.remove(name);
    return tensor;
  }

  /** The tensors that nobody has asked for, in the order of {@link #names}. */
  public List<String> unused() {
    return new ArrayList<>(unused);
  }

  /** The number of weights: float elements and {@link Quantised} bytes. Other integer tensors are tables, and scales belong to their bytes. */
  public long parameters() {
    return names().stream().filter(this::isParameter).mapToLong(name -> shape(name).elements()).sum();
  }

  /** Whether a tensor's elements are weights. */
  public boolean isParameter(String name) {
    boolean scales = name.endsWith(Quantised.SCALE) && isQuantised(name.substring(0, name.length() - Quantised.SCALE.length()));
    return dtype(name).isFloat() ? !scales : isQuantised(name);
  }

  /** Whether a tensor is bytes that have scales. */
  public boolean isQuantised(String name) {
    return has(name) && dtype(name) == DType.I8 && has(name + Quantised.SCALE);
  }

  /** The file that a tensor lies in. */
  TensorFile place(String name) {
    TensorFile place = places.get(name);
    if (place == null) {
      throw new CheckpointException((files.size() == 1 ? files.getFirst().file() : path) + " has no tensor \"" + name + "\"");
    }
    return place;
  }

  /** Unmaps the files. To be closed after the last op of a backend that holds their weights. */
  @Override
  public void close() {
    files.forEach(TensorFile::close);
  }
}

package azulejo.runtime.checkpoint;

import azulejo.kernels.Backend;
import azulejo.kernels.HostTensor;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.CheckpointException;
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
 * The weights of one component (a text encoder, a transformer, ...) as Hugging Face folders hold them: one safetensors file, or several
 * shards with an index that says which tensor lies in which. The files stay mapped until {@link #close}.
 *
 * <p>Source of the names: transformers' {@code utils/__init__.py} (SAFE_WEIGHTS_NAME, SAFE_WEIGHTS_INDEX_NAME), diffusers' {@code utils/constants.py},
 * and {@code _add_variant} in either.
 */
public final class Checkpoint implements AutoCloseable {
  private static final List<String> STEMS = List.of("model", "diffusion_pytorch_model");
  private static final Pattern VARIANT = Pattern.compile(
      "(?:model|diffusion_pytorch_model)\\.(?:(\\w+)\\.safetensors|safetensors\\.index\\.(\\w+)\\.json)");
  private static final Pattern PICKLE = Pattern.compile(".*\\.(bin|pt|pth|ckpt)");
  private static final Pattern INDEX = Pattern.compile(".*\\.index(\\.\\w+)?\\.json");

  private final Path path;
  private final List<Safetensors> files;
  private final SequencedMap<String, Safetensors> places;
  private final Set<String> unused;

  private Checkpoint(Path path, List<Safetensors> files, SequencedMap<String, Safetensors> places) {
    this.path = path;
    this.files = files;
    this.places = places;
    this.unused = new LinkedHashSet<>(places.keySet());
  }

  /**
   * Opens a component's folder, a safetensors file, or a shard index. A folder with weights of full precision gives those; one that has
   * a single variant only gives that variant.
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
    if (PICKLE.matcher(name).matches()) {
      throw pickle(file);
    }
    return INDEX.matcher(name).matches() ? openShards(path, file) : openFile(path, file);
  }

  private static Checkpoint openFile(Path path, Path file) {
    Safetensors safetensors = Safetensors.open(file);
    SequencedMap<String, Safetensors> places = new LinkedHashMap<>();
    safetensors.tensors().keySet().forEach(name -> places.put(name, safetensors));
    return new Checkpoint(path, List.of(safetensors), places);
  }

  private static Checkpoint openShards(Path path, Path index) {
    Map<String, Safetensors> shards = new LinkedHashMap<>();
    SequencedMap<String, Safetensors> places = new LinkedHashMap<>();
    try {
      for (Map.Entry<String, JsonNode> entry : weightMap(index)) {
        Safetensors shard = shards.computeIfAbsent(shardName(index, entry), name -> Safetensors.open(index.resolveSibling(name)));
        if (!shard.tensors().containsKey(entry.getKey())) {
          throw new CheckpointException(index + " places tensor \"" + entry.getKey() + "\" in " + shard.file() + ", which does not have it");
        }
        places.put(entry.getKey(), shard);
      }
    } catch (RuntimeException e) {
      shards.values().forEach(Safetensors::close);
      throw e;
    }
    return new Checkpoint(path, List.copyOf(shards.values()), places);
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
    if (!name.matches("[^/\\\\:\\p{Cntrl}]+\\.safetensors")) {
      throw new CheckpointException(index + ": tensor \"" + entry.getKey() + "\" lies in " + Json.kind(entry.getValue())
          + ", which is not the plain name of a .safetensors file in the same folder");
    }
    return name;
  }

  private static Path find(Path folder, Optional<String> variant) {
    List<String> wanted = STEMS.stream()
        .flatMap(stem -> variant
            .map(v -> Stream.of(stem + "." + v + ".safetensors", stem + ".safetensors.index." + v + ".json"))
            .orElse(Stream.of(stem + ".safetensors", stem + ".safetensors.index.json")))
        .toList();
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
    Optional<String> pickle = present.stream().filter(name -> PICKLE.matcher(name).matches()).findFirst();
    if (pickle.isPresent()) {
      throw pickle(folder.resolve(pickle.get()));
    }
    throw new CheckpointException(folder + " holds no weights: none of " + String.join(", ", wanted) + " is there");
  }

  private static CheckpointException pickle(Path file) {
    return new CheckpointException(file + " is a pickle file, which this version does not read yet: use the model's safetensors files");
  }

  private static List<String> names(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + folder + ": " + AzulejoException.reason(e), e);
    }
  }

  /** All tensors of this checkpoint, to be placed on {@code backend}. */
  public Weights on(Backend backend) {
    return new Weights(this, backend, "");
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

  /** The number of float elements: integer tensors are tables, not parameters. */
  public long parameters() {
    return places.entrySet().stream().map(place -> place.getValue().tensor(place.getKey()))
        .filter(tensor -> tensor.dtype().isFloat()).mapToLong(tensor -> tensor.shape().elements()).sum();
  }

  /** The file that a tensor lies in. */
  Safetensors place(String name) {
    Safetensors place = places.get(name);
    if (place == null) {
      throw new CheckpointException((files.size() == 1 ? files.getFirst().file() : path) + " has no tensor \"" + name + "\"");
    }
    return place;
  }

  /** Unmaps the files. To be closed after the last op of a backend that holds their weights. */
  @Override
  public void close() {
    files.forEach(Safetensors::close);
  }
}

package azulejo.runtime.checkpoint.pickle;

import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.TensorFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.SequencedSet;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A checkpoint that torch.save wrote ({@code .pt}, {@code .pth}, {@code .bin}, {@code .ckpt}), in its zip or its legacy form, memory-mapped. Its pickle is
 * interpreted by {@link Unpickler}, which knows what tensors need and executes nothing; anything else in it refuses the whole file.
 *
 * <p>Tensors are named by their dotted path, {@code model.layers.0.weight}. One that is dense in its storage is a slice of the mapping, so that tensors which
 * share a storage share its bytes; any other view is copied when it is first asked for. Checksums are verified then, too.
 */
public final class TorchFile implements TensorFile {
  /** The keys that training scripts wrap a state dict in, the one that a sampling script takes first. */
  private static final List<String> WRAPPERS = List.of("model", "module", "state_dict", "ema");

  /** What DistributedDataParallel puts before every name. */
  private static final String DDP = "module.";

  private final Path file;
  private final Arena arena;
  private final Container container;
  private final SequencedMap<String, TensorRef> tensors;
  private final Map<StorageRef, MemorySegment> storages = new ConcurrentHashMap<>();
  private final Map<String, HostTensor> read = new ConcurrentHashMap<>();

  private TorchFile(Path file, Arena arena, Container container, SequencedMap<String, TensorRef> tensors) {
    this.file = file;
    this.arena = arena;
    this.container = container;
    this.tensors = tensors;
  }

  /** @throws CheckpointException when the file cannot be read, is not one of torch.save, or names anything that tensors do not need */
  public static TorchFile open(Path file) {
    Arena arena = Arena.ofShared();
    try {
      Container container = Container.of(TensorFile.map(file, "file of torch.save", arena));
      SequencedMap<String, TensorRef> tensors = Flattener.flatten(container.root());
      if (tensors.isEmpty()) {
        throw new Refusal("it holds no tensors");
      }
      return new TorchFile(file, arena, container, tensors);
    } catch (Refusal e) {
      arena.close();
      throw fault(file, e);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  /**
   * The tensors of the model alone, by the names that they have in it: those below {@code model}, {@code module}, {@code state_dict} or {@code ema}, the first
   * of these that the file has, else all; without the {@code module.} of distributed training. Shares this file's mapping.
   */
  public TorchFile stateDict() {
    TorchFile state = wrappers().stream().findFirst().map(this::stateDict).orElse(this);
    return state.names().stream().allMatch(name -> name.startsWith(DDP)) ? state.stateDict(DDP.substring(0, DDP.length() - 1)) : state;
  }

  /** Those of the usual wrappers that the file has, the one that {@link #stateDict()} takes first. */
  public List<String> wrappers() {
    return WRAPPERS.stream().filter(this::wraps).toList();
  }

  /**
   * The tensors below {@code wrapper + "."}, by the rest of their names. Shares this file's mapping.
   *
   * @throws CheckpointException when there are none
   */
  public TorchFile stateDict(String wrapper) {
    SequencedMap<String, TensorRef> below = new LinkedHashMap<>();
    String prefix = wrapper + ".";
    tensors.forEach((name, tensor) -> {
      if (name.startsWith(prefix)) {
        below.put(name.substring(prefix.length()), tensor);
      }
    });
    if (below.isEmpty()) {
      throw new CheckpointException(file + " has no tensors below \"" + wrapper + "\"; it has " + topLevel());
    }
    return new TorchFile(file, arena, container, below);
  }

  @Override
  public Path file() {
    return file;
  }

  @Override
  public SequencedSet<String> names() {
    return Collections.unmodifiableSequencedSet(tensors.sequencedKeySet());
  }

  @Override
  public DType dtype(String name) {
    return ref(name).dtype();
  }

  @Override
  public Shape shape(String name) {
    return ref(name).shape();
  }

  @Override
  public HostTensor tensor(String name) {
    return read.computeIfAbsent(name, _ -> {
      TensorRef ref = ref(name);
      try {
        MemorySegment storage = storages.computeIfAbsent(ref.storage(), container::bytes);
        return new HostTensor(name, ref.dtype(), ref.shape(), ref.read(storage, arena));
      } catch (Refusal e) {
        throw fault(file, e);
      }
    });
  }

  @Override
  public void close() {
    arena.close();
  }

  private TensorRef ref(String name) {
    TensorRef ref = tensors.get(name);
    if (ref == null) {
      throw new CheckpointException(file + " has no tensor \"" + name + "\"");
    }
    return ref;
  }

  private boolean wraps(String key) {
    return container.root() instanceof Map<?, ?> root && root.get(key) instanceof Map<?, ?>
        && tensors.keySet().stream().anyMatch(name -> name.startsWith(key + "."));
  }

  /** The first parts of the tensors' names, for a message. */
  private List<String> topLevel() {
    List<String> parts = new ArrayList<>(tensors.keySet().stream().map(name -> name.split("\\.", 2)[0]).distinct().limit(9).toList());
    if (parts.size() > 8) {
      parts.set(8, "...");
    }
    return parts;
  }

  private static CheckpointException fault(Path file, Refusal refusal) {
    return new CheckpointException(file + ": " + refusal.getMessage());
  }
}

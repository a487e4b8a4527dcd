package azulejo.cli.parity;

import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.TensorFile;
import azulejo.runtime.random.TorchGenerator;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.SequencedSet;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;

/**
 * Weights too large to ship: a list of tensors that are filled one after the other from one stream of PyTorch's generator, each with the hash of what comes
 * out. The numbers are those that NumPy computes in f32.
 */
final class WeightRecipe implements TensorFile {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path file;
  private final SequencedMap<String, HostTensor> tensors = new LinkedHashMap<>();
  private final Arena arena = Arena.ofShared();

  /**
   * @param recipe with {@code seed} and {@code tensors}
   * @param more tensors to have beside those of the recipe
   * @throws CheckpointException when a tensor's hash is not the recipe's
   */
  WeightRecipe(Path file, JsonNode recipe, Map<String, HostTensor> more) {
    this.file = file;
    TorchGenerator generator = new TorchGenerator(recipe.path("seed").asLong());
    recipe.path("tensors").properties().forEach(e -> tensors.put(e.getKey(), fill(e.getKey(), e.getValue(), generator)));
    tensors.putAll(more);
  }

  private HostTensor fill(String name, JsonNode entry, TorchGenerator generator) {
    JsonNode dims = entry.path("shape");
    Shape shape = Shape.of(IntStream.range(0, dims.size()).mapToLong(i -> dims.get(i).asLong()).toArray());
    MemorySegment data = arena.allocate(shape.elements() * Float.BYTES, 64);
    String kind = entry.path("kind").asString();
    float bound = kind.equals("conv") ? (float) Math.sqrt(6.0 / (shape.elements() / shape.dim(0))) : 0;
    for (long i = 0; i < shape.elements(); i++) {
      float u = generator.rand();
      data.setAtIndex(FLOAT, i, switch (kind) {
        case "conv" -> (2 * u - 1) * bound;
        case "(2u-1)*0.1" -> (2 * u - 1) * 0.1f;
        case "0.8 + 0.4*u" -> u * 0.4f + 0.8f;
        case "0.5 + 1.0*u" -> u + 0.5f;
        default -> throw new CheckpointException(file + ": tensor \"" + name + "\" is of the unknown kind \"" + kind + "\"");
      });
    }
    String wanted = entry.path("sha256").asString();
    if (!sha256(data).startsWith(wanted)) {
      throw new CheckpointException(file + ": tensor \"" + name + "\" came out with another hash than " + wanted);
    }
    return new HostTensor(name, DType.F32, shape, data);
  }

  private static String sha256(MemorySegment data) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(data.asByteBuffer());
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
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
    return tensor(name).dtype();
  }

  @Override
  public Shape shape(String name) {
    return tensor(name).shape();
  }

  @Override
  public HostTensor tensor(String name) {
    HostTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new CheckpointException(file + " has no tensor \"" + name + "\"");
    }
    return tensor;
  }

  @Override
  public void close() {
    arena.close();
  }
}

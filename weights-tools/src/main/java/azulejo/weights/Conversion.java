package azulejo.weights;

import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.kernels.WeightFormat;
import azulejo.runtime.AtomicFile;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.OptionException;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.SafetensorsWriter;
import azulejo.runtime.checkpoint.pickle.TorchFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Copies a checkpoint into one safetensors file, tensor by tensor: names, order and shapes stay, tensors that are one in memory are kept once
 * ({@link azulejo.runtime.checkpoint.Safetensors} reads them under both names), and floats change their type on request.
 */
public final class Conversion {
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  /** The name under which {@code --from} takes a file's tensors as they are. */
  private static final String ALL = "all";

  private Conversion() {}

  /** Hears how the writing goes on, once a tensor. Called on the writing thread. */
  @FunctionalInterface
  public interface Progress {
    Progress NONE = (_, _) -> {};

    void wrote(long bytes, long total);
  }

  /**
   * What was written.
   *
   * @param tensors in the file
   * @param shared names more than tensors: each of these is another name of one of them
   * @param bytes of the file
   * @param others the wrappers of the pickle that were not taken
   */
  public record Summary(int tensors, int shared, long bytes, List<String> others) {}

  /**
   * @param in a weights file, a folder of a component, or an index of shards
   * @param out a safetensors file, which is replaced; its digest goes into the {@code SHA256SUMS} of its folder
   * @param floats the type of all float tensors, F32, F16 or BF16; empty to keep each one's own
   * @param wrapper which part of a pickle: {@code model}, {@code ema}, ..., or {@code all}; empty for the one that the engine itself would take
   * @throws OptionException when the wrapper cannot be chosen
   * @throws CheckpointException when the checkpoint is broken, or a value does not fit f16
   * @throws azulejo.runtime.OutputException when the file cannot be written
   */
  public static Summary convert(Path in, Path out, Optional<DType> floats, Optional<String> wrapper, Progress progress) {
    checkTarget(in, out);
    List<String> others = new ArrayList<>();
    try (Checkpoint checkpoint = open(in, wrapper, others)) {
      Plan plan = Plan.of(checkpoint, floats);
      Synth.checkRoom(out.toAbsolutePath().getParent(), SafetensorsWriter.size(plan.metadata, plan.entries), freeBytes(out));
      plan.write(checkpoint, out, progress);
      Manifest.add(out);
      return new Summary(plan.entries.size(), plan.metadata.size() - 1, out.toFile().length(), List.copyOf(others));
    }
  }

  static void checkTarget(Path in, Path out) {
    if (!out.toString().endsWith(".safetensors")) {
      throw new OptionException(out + " must be the name of a safetensors file, ending in .safetensors");
    }
    AtomicFile.check(out);
    Manifest.requireReadable(out);
    try {
      if (Files.exists(in) && Files.exists(out) && Files.isSameFile(in, out)) {
        throw new OptionException(out + " is the file to be converted: name another one");
      }
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + in + ": " + AzulejoException.reason(e), e);
    }
  }

  private static long freeBytes(Path out) {
    return Synth.freeBytes(out.toAbsolutePath().getParent());
  }

  /** @param others gets the wrappers that are left out */
  private static Checkpoint open(Path in, Optional<String> wrapper, List<String> others) {
    if (!Files.isRegularFile(in) || !Checkpoint.isPickle(in)) {
      if (wrapper.isPresent()) {
        throw new OptionException("--from chooses a part of a single file of torch.save, which " + in + " is not: leave it out");
      }
      return Checkpoint.open(in);
    }
    TorchFile file = TorchFile.open(in);
    try {
      List<String> wrappers = file.wrappers();
      Optional<String> taken = wrapper.or(() -> wrappers.stream().findFirst());
      others.addAll(wrappers.stream().filter(w -> !taken.equals(Optional.of(w))).toList());
      return Checkpoint.of(wrapper.isEmpty() ? file.stateDict() : wrapper.get().equals(ALL) ? file : file.stateDict(wrapper.get()));
    } catch (RuntimeException e) {
      file.close();
      throw e;
    }
  }

  /** What goes into the file, in order. */
  private record Plan(List<SafetensorsWriter.Entry> entries, Map<String, String> metadata) {
    private record Bytes(long address, long size, DType dtype, Shape shape) {}

    static Plan of(Checkpoint checkpoint, Optional<DType> floats) {
      List<SafetensorsWriter.Entry> entries = new ArrayList<>();
      Map<String, String> metadata = new LinkedHashMap<>(Map.of("format", "pt"));
      Map<Bytes, String> first = new HashMap<>();
      for (String name : checkpoint.names()) {
        HostTensor tensor = checkpoint.tensor(name);
        Bytes bytes = new Bytes(tensor.data().address(), tensor.data().byteSize(), tensor.dtype(), tensor.shape());
        String same = bytes.size == 0 ? null : first.putIfAbsent(bytes, name);
        if (same == null || name.equals("format")) {
          entries.add(new SafetensorsWriter.Entry(name, tensor.dtype().isFloat() ? floats.orElse(tensor.dtype()) : tensor.dtype(), tensor.shape()));
        } else {
          metadata.put(name, same);
        }
      }
      return new Plan(entries, metadata);
    }

    void write(Checkpoint checkpoint, Path out, Progress progress) {
      long total = entries.stream().mapToLong(SafetensorsWriter.Entry::bytes).sum();
      long room = entries.stream().filter(e -> e.dtype() != checkpoint.dtype(e.name())).mapToLong(SafetensorsWriter.Entry::bytes).max().orElse(0);
      long[] written = {0};
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment converted = arena.allocate(room, 64);
        SafetensorsWriter.write(out, metadata, entries, entry -> {
          progress.wrote(written[0], total);
          written[0] += entry.bytes();
          HostTensor tensor = checkpoint.tensor(entry.name());
          return entry.dtype() == tensor.dtype() ? tensor.data() : convert(tensor, entry.dtype(), converted.asSlice(0, entry.bytes()));
        });
      }
    }

    private static MemorySegment convert(HostTensor tensor, DType dtype, MemorySegment to) {
      long elements = tensor.shape().elements();
      for (long i = 0; i < elements; i++) {
        float value = tensor.floatAt(i);
        switch (dtype) {
          case F32 -> to.set(FLOAT, i * 4, value);
          case BF16 -> to.set(SHORT, i * 2, WeightFormat.floatToBf16(value));
          default -> to.set(SHORT, i * 2, toF16(tensor.name(), value));
        }
      }
      return to;
    }

    private static short toF16(String name, float value) {
      short half = Float.floatToFloat16(value);
      if (Float.isFinite(value) && !Float.isFinite(Float.float16ToFloat(half))) {
        throw new CheckpointException("tensor \"" + name + "\" holds " + value + ", which f16 cannot: convert to bf16 instead");
      }
      return half;
    }
  }
}

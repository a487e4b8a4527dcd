package azulejo.weights;

import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.kernels.WeightFormat;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.Audit;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.Quantised;
import azulejo.runtime.checkpoint.SafetensorsWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Copies a model's part with the weights of its linear layers as {@link Quantised} bytes. Which weights these are, its own loading code says: those that it
 * multiplies with. Embeddings, norms, convolutions and biases stay as they are.
 */
public final class Quantization {
  private Quantization() {}

  /**
   * What a weight lost.
   *
   * @param relative root of the mean square error, as a part of the weights' own
   * @param largest the largest error of a weight
   */
  public record Loss(String name, Shape shape, double relative, double largest) {}

  /**
   * @param losses of every tensor that was quantised, in the order of the file
   * @param relative root of the mean square error over all of them together, as a part of the weights' own
   */
  public record Summary(List<Loss> losses, double relative, int tensors, long bytesBefore, long bytes) {}

  /**
   * @param in a weights file or a component's folder, its {@code config.json} beside it where the part has one
   * @param out a safetensors file, which is replaced; its digest goes into the {@code SHA256SUMS} of its folder
   * @throws CheckpointException when the checkpoint is broken, not whole, of a part that this version does not know, or holds no weights to quantise
   * @throws azulejo.runtime.OutputException when the file cannot be written
   */
  public static Summary quantize(Path in, Path out, Conversion.Progress progress) {
    Conversion.checkTarget(in, out);
    try (Checkpoint checkpoint = Checkpoint.open(in)) {
      Writer writer = new Writer(checkpoint, linear(in, checkpoint));
      Synth.checkRoom(out.toAbsolutePath().getParent(), SafetensorsWriter.size(Map.of(), writer.entries), Synth.freeBytes(out.toAbsolutePath().getParent()));
      writer.write(out, progress);
      Manifest.add(out);
      long before = checkpoint.names().stream().mapToLong(name -> checkpoint.shape(name).elements() * checkpoint.dtype(name).bytes()).sum();
      return new Summary(List.copyOf(writer.losses), Math.sqrt(writer.squaredError / writer.squares), checkpoint.names().size(), before, out.toFile().length());
    }
  }

  /** The names of the weights that are multiplied with and are not bytes yet. */
  private static Set<String> linear(Path in, Checkpoint checkpoint) {
    Part part = Part.of(checkpoint);
    if (part.loader() == null) {
      throw new CheckpointException(in + " is no part of a model that this version runs, so its linear layers are not known");
    }
    Set<String> names = new LinkedHashSet<>();
    for (Audit.Asked asked : part.audit(Part.configBeside(in), checkpoint).asked()) {
      if (asked.verdict() != Audit.Verdict.FOUND) {
        throw new CheckpointException(asked.problem());
      }
      if (asked.use() == Audit.Use.MATRIX && checkpoint.dtype(asked.name()).isFloat()) {
        names.add(asked.name());
      }
    }
    if (names.isEmpty()) {
      throw new CheckpointException(in + " has no linear layers left to quantise");
    }
    return names;
  }

  private static final class Writer {
    private final Checkpoint checkpoint;
    private final List<SafetensorsWriter.Entry> entries = new ArrayList<>();
    private final Map<String, float[]> scales = new LinkedHashMap<>();
    private final List<Loss> losses = new ArrayList<>();
    private double squaredError;
    private double squares;

    Writer(Checkpoint checkpoint, Set<String> linear) {
      this.checkpoint = checkpoint;
      for (String name : checkpoint.names()) {
        Shape shape = checkpoint.shape(name);
        if (linear.contains(name)) {
          entries.add(new SafetensorsWriter.Entry(name, DType.I8, shape));
          entries.add(new SafetensorsWriter.Entry(name + Quantised.SCALE, DType.F32, Shape.of(shape.dim(0))));
        } else {
          entries.add(new SafetensorsWriter.Entry(name, checkpoint.dtype(name), shape));
        }
      }
    }

    void write(Path out, Conversion.Progress progress) {
      long total = entries.stream().mapToLong(SafetensorsWriter.Entry::bytes).sum();
      long[] written = {0};
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment room = arena.allocate(entries.stream().filter(e -> e.dtype() == DType.I8).mapToLong(SafetensorsWriter.Entry::bytes).max().orElse(0), 64);
        SafetensorsWriter.write(out, Map.of("format", "pt"), entries, entry -> {
          progress.wrote(written[0], total);
          written[0] += entry.bytes();
          float[] ready = scales.remove(entry.name());
          if (ready != null) {
            return MemorySegment.ofArray(ready);
          }
          HostTensor tensor = checkpoint.tensor(entry.name());
          return tensor.dtype() == entry.dtype() ? tensor.data() : quantised(tensor, room.asSlice(0, entry.bytes()));
        });
      }
    }

    /** The bytes of a weight; its scales wait until they are asked for, which is next. */
    private MemorySegment quantised(HostTensor weight, MemorySegment to) {
      int rows = weight.shape().size(0);
      int inputs = Math.toIntExact(weight.shape().elements() / Math.max(rows, 1));
      float[] rowScales = new float[rows];
      float[] row = new float[inputs];
      double error = 0;
      double square = 0;
      double largest = 0;
      for (int n = 0; n < rows; n++) {
        long from = (long) n * inputs;
        for (int k = 0; k < inputs; k++) {
          row[k] = weight.floatAt(from + k);
        }
        float scale = WeightFormat.scale(row, 0, inputs);
        if (!Float.isFinite(scale)) {
          throw new CheckpointException(checkpoint.path() + ": tensor \"" + weight.name() + "\" has a weight in row " + n
              + " that is not finite, so it cannot be quantised");
        }
        rowScales[n] = scale;
        for (int k = 0; k < inputs; k++) {
          byte rounded = WeightFormat.floatToByte(row[k], scale);
          to.set(ValueLayout.JAVA_BYTE, from + k, rounded);
          double off = Math.abs((double) scale * rounded - row[k]);
          error += off * off;
          square += (double) row[k] * row[k];
          largest = Math.max(largest, off);
        }
      }
      scales.put(weight.name() + Quantised.SCALE, rowScales);
      losses.add(new Loss(weight.name(), weight.shape(), square == 0 ? 0 : Math.sqrt(error / square), largest));
      squaredError += error;
      squares += square;
      return to;
    }
  }
}

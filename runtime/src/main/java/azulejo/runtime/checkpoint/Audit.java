package azulejo.runtime.checkpoint;

import azulejo.kernels.Backend;
import azulejo.kernels.Buffer;
import azulejo.kernels.DType;
import azulejo.kernels.Filter;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Matrix;
import azulejo.kernels.Shape;
import azulejo.kernels.Tensor;
import azulejo.kernels.WeightFormat;
import azulejo.runtime.CheckpointException;
import java.lang.foreign.MemorySegment;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.function.Supplier;

/**
 * Which tensors a model asks a checkpoint for, and whether it finds them. A model that is built with {@link #weights} loads nothing: it gets placeholders, so
 * that it asks for every tensor even where one is missing or has another shape. Its ops must not be called.
 */
public final class Audit {
  /** More tensors than any published model has: a configuration must not be able to fill the memory. */
  private static final int MAX_TENSORS = 100_000;
  private static final long MAX_ZEROS = 1 << 24;

  /** What the model does with a tensor; a matrix is one that is kept in the format asked for, and one of {@link Weights#inFull} a tensor as others. */
  public enum Use { TENSOR, MATRIX, FILTER, HOST }

  /** How a tensor was found. */
  public enum Verdict { FOUND, MISSING, WRONG }

  /**
   * @param shape that the model expects
   * @param problem the sentence with which loading would have failed; empty for one that was found
   */
  public record Asked(String name, Use use, Shape shape, Verdict verdict, String problem) {}

  private final Checkpoint checkpoint;
  private final SequencedMap<String, Asked> asked = new LinkedHashMap<>();

  public Audit(Checkpoint checkpoint) {
    this.checkpoint = checkpoint;
  }

  /** @param backend for what a model makes of its own, such as tables of positions */
  public Weights weights(Backend backend) {
    return new Recorder(this, backend, Use.MATRIX, "");
  }

  /** In the order in which the model asked. */
  public Collection<Asked> asked() {
    return Collections.unmodifiableCollection(asked.values());
  }

  /** The tensors that the model did not ask for, in the order of the checkpoint. */
  public List<String> extra() {
    return checkpoint.unused();
  }

  private <T> T note(String name, Use use, Shape shape, Supplier<T> read, Supplier<T> placeholder) {
    if (asked.size() >= MAX_TENSORS) {
      throw new CheckpointException(checkpoint.path() + ": the configuration implies more than " + MAX_TENSORS + " tensors");
    }
    try {
      T value = read.get();
      note(new Asked(name, use, shape, Verdict.FOUND, ""));
      return value;
    } catch (CheckpointException e) {
      note(new Asked(name, use, shape, checkpoint.has(name) ? Verdict.WRONG : Verdict.MISSING, e.getMessage()));
      return placeholder.get();
    }
  }

  /** A weight that is asked for twice, such as a tied embedding, is a matrix only if it is nothing else too. */
  private void note(Asked tensor) {
    asked.merge(tensor.name, tensor, (before, now) -> before.use == Use.MATRIX ? now : before);
  }

  private record NoBuffer() implements Buffer {
    @Override
    public long byteSize() {
      return 0;
    }
  }

  private record NoMatrix(int outputs, int inputs) implements Matrix {}

  private record NoFilter(int outputs, int inputs, int height, int width) implements Filter {}

  /** Reads as {@link Weights} do, notes the outcome and places nothing. */
  static final class Recorder extends Weights {
    private final Audit audit;
    private final Use ofMatrices;

    private Recorder(Audit audit, Backend backend, Use ofMatrices, String prefix) {
      super(audit.checkpoint, backend, WeightFormat.F32, prefix);
      this.audit = audit;
      this.ofMatrices = ofMatrices;
    }

    @Override
    public Weights at(String name) {
      return new Recorder(audit, backend(), ofMatrices, prefix + name + ".");
    }

    @Override
    public Weights inFull() {
      return new Recorder(audit, backend(), Use.TENSOR, prefix);
    }

    @Override
    public Tensor tensor(String name, long... dims) {
      Shape shape = implied(name, dims);
      Tensor placeholder = Tensor.dense(new NoBuffer(), DType.F32, shape);
      return note(name, Use.TENSOR, shape, () -> {
        floats(name, shape);
        return placeholder;
      }, () -> placeholder);
    }

    @Override
    public Matrix matrix(String name, long outputs, long inputs) {
      Shape shape = implied(name, outputs, inputs);
      Matrix placeholder = new NoMatrix(shape.size(0), shape.size(1));
      return note(name, ofMatrices, shape, () -> {
        if (linear(name, outputs, inputs).dtype() == DType.I8) {
          scales(name, outputs);
        }
        return placeholder;
      }, () -> placeholder);
    }

    @Override
    public Filter filter(String name, long outputs, long inputs, long height, long width) {
      Shape shape = implied(name, outputs, inputs, height, width);
      Filter placeholder = new NoFilter(shape.size(0), shape.size(1), shape.size(2), shape.size(3));
      return note(name, Use.FILTER, shape, () -> {
        floats(name, shape);
        return placeholder;
      }, () -> placeholder);
    }

    @Override
    public HostTensor host(String name, long... dims) {
      Shape shape = implied(name, dims);
      return note(name, Use.HOST, shape, () -> checked(name, shape), () -> zeros(name, shape));
    }

    private <T> T note(String name, Use use, Shape shape, Supplier<T> read, Supplier<T> placeholder) {
      return audit.note(prefix + name, use, shape, read, placeholder);
    }

    private HostTensor zeros(String name, Shape shape) {
      if (shape.elements() > MAX_ZEROS) {
        throw new CheckpointException(checkpoint.path() + ": the configuration implies the shape " + shape + " for tensor \"" + prefix + name
            + "\", which is missing and too large to go on without");
      }
      return new HostTensor(name, DType.F32, shape, MemorySegment.ofArray(new float[(int) shape.elements()]));
    }
  }
}

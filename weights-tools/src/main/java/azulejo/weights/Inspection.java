package azulejo.weights;

import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.Audit;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.JsonConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a checkpoint holds and whether it is whole: a weights file, a component's folder or a model's.
 *
 * @param path that was looked at
 * @param model what it is, for a person
 * @param runs whether {@code generate} runs this model
 * @param components its parts with weights
 * @param faults one sentence for each other file that is missing or broken
 */
public record Inspection(Path path, String model, boolean runs, List<Component> components, List<String> faults) {
  /**
   * @param name within the model: {@code transformer}, or a file's name
   * @param what it is
   * @param tensors all that it holds, in the order of the file
   * @param checked whether this version knows what it should hold; if so, {@code asked} says it, or is empty for one that was opened as a whole
   * @param extra tensors that the model does not read
   */
  public record Component(String name, Path path, String what, List<Entry> tensors, boolean checked, List<Audit.Asked> asked, List<String> extra) {
    /** This, after its own code has opened it. */
    Component opened() {
      return new Component(name, path, what, tensors, true, asked, extra);
    }

    public List<Audit.Asked> lacking(Audit.Verdict verdict) {
      return asked.stream().filter(a -> a.verdict() == verdict).toList();
    }

    public long parameters() {
      return tensors.stream().mapToLong(Entry::parameters).sum();
    }

    public long bytes() {
      return tensors.stream().mapToLong(Entry::bytes).sum();
    }

    /** Bytes that the parameters take where the weights of linear layers have {@code linear} bytes each and the others four, and each row a scale. */
    public long memory(int linear, int rowBytes) {
      return tensors.stream().filter(t -> t.parameters() > 0)
          .mapToLong(t -> t.linear ? t.parameters() * linear + t.shape.dim(0) * rowBytes : t.parameters() * 4).sum();
    }
  }

  /**
   * @param parameters how many of its elements are weights: all or none
   * @param linear whether it is the weight of a linear layer, which the engine can keep in fewer bytes; where the model is not known, any matrix
   */
  public record Entry(String name, DType dtype, Shape shape, long parameters, boolean linear) {
    long bytes() {
      return shape.elements() * dtype.bytes();
    }
  }

  public Inspection {
    components = List.copyOf(components);
    faults = List.copyOf(faults);
  }

  /** @throws CheckpointException when there is nothing that holds weights, or it is broken beyond saying more */
  public static Inspection of(Path path) {
    return Folder.inspect(path);
  }

  public long parameters() {
    return components.stream().mapToLong(Component::parameters).sum();
  }

  public long memory(int linear, int rowBytes) {
    return components.stream().mapToLong(c -> c.memory(linear, rowBytes)).sum();
  }

  /** Whether nothing is missing, broken or of a wrong shape, as far as this version can tell. */
  public boolean whole() {
    return faults.isEmpty() && components.stream().allMatch(c -> c.asked.stream().allMatch(a -> a.verdict() == Audit.Verdict.FOUND));
  }

  /** Looks at one part; a fault that stops it is added to {@code faults}. */
  static Optional<Component> component(String name, Path path, Optional<JsonConfig> config, List<String> faults) {
    try (Checkpoint checkpoint = Checkpoint.open(path)) {
      Part part = Part.of(checkpoint);
      List<Audit.Asked> asked = new ArrayList<>();
      List<String> extra = new ArrayList<>();
      boolean checked = part.loader() != null;
      if (checked) {
        try {
          Audit audit = part.audit(config, checkpoint);
          asked.addAll(audit.asked());
          extra.addAll(audit.extra());
        } catch (CheckpointException e) {
          faults.add(e.getMessage());
          checked = false;
        }
      }
      return Optional.of(new Component(name, path, part.what(), entries(checkpoint, checked ? asked : null), checked, asked, extra));
    } catch (CheckpointException e) {
      faults.add(e.getMessage());
      return Optional.empty();
    }
  }

  private static List<Entry> entries(Checkpoint checkpoint, List<Audit.Asked> asked) {
    Map<String, Audit.Use> uses = new HashMap<>();
    if (asked != null) {
      asked.forEach(a -> uses.put(a.name(), a.use()));
    }
    return checkpoint.names().stream().map(name -> {
      DType dtype = checkpoint.dtype(name);
      Shape shape = checkpoint.shape(name);
      long parameters = checkpoint.isParameter(name) ? shape.elements() : 0;
      boolean linear = asked != null ? uses.get(name) == Audit.Use.MATRIX : shape.rank() == 2 && parameters > 0;
      return new Entry(name, dtype, shape, parameters, linear);
    }).toList();
  }
}

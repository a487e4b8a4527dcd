package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.kernels.Tensor;
import azulejo.runtime.Tap;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A tap that keeps a host copy of everything it sees. */
final class Recorder implements Tap {
  private final Backend backend;
  private final Map<String, List<HostTensor>> seen = new LinkedHashMap<>();

  Recorder(Backend backend) {
    this.backend = backend;
  }

  @Override
  public void accept(String name, Tensor value) {
    seen.computeIfAbsent(name, _ -> new ArrayList<>()).add(backend.download(value));
  }

  boolean has(String name) {
    return seen.containsKey(name);
  }

  /** What was seen last under the name. */
  HostTensor last(String name) {
    return all(name).getLast();
  }

  List<HostTensor> all(String name) {
    List<HostTensor> values = seen.get(name);
    if (values == null) {
      throw new IllegalStateException("the model shows no \"" + name + "\"");
    }
    return values;
  }

  /** Compares the golden's activations {@code act.<module>} with what was seen under the modules' names. */
  void compare(Goldens.Golden golden, String title, double tolerance, Checks.Comparison comparison) {
    Goldens.Golden activations = golden.at("act");
    for (String module : activations.names()) {
      if (has(module)) {
        HostTensor wanted = activations.tensor(module);
        comparison.compare(title + ".act." + module, wanted, channelsFirst(last(module), wanted.shape()), tolerance);
      }
    }
  }

  /** The goldens' order of the dimensions, [B, C, H, W], for a value that has [B, H, W, C] or [B, H * W, C]; other values as they are. */
  static HostTensor channelsFirst(HostTensor value, Shape golden) {
    if (golden.rank() != 4 || value.shape().elements() != golden.elements()) {
      return value;
    }
    int channels = golden.size(1);
    int cells = golden.size(2) * golden.size(3);
    float[] out = new float[Math.toIntExact(golden.elements())];
    for (int i = 0; i < out.length; i++) {
      int image = i / (channels * cells);
      int channel = i / cells % channels;
      out[i] = value.floatAt((long) (image * cells + i % cells) * channels + channel);
    }
    return HostTensor.of(value.name(), out, golden.toArray());
  }

  /** [B, N, M] of a value [B, M, N]. */
  static HostTensor transposed(HostTensor value) {
    Shape shape = value.shape();
    int rows = shape.size(1);
    int columns = shape.size(2);
    float[] out = new float[Math.toIntExact(shape.elements())];
    for (int i = 0; i < out.length; i++) {
      int first = i / (rows * columns) * rows * columns;
      out[i] = value.floatAt((long) first + i % rows * columns + i / rows % columns);
    }
    return HostTensor.of(value.name(), out, shape.dim(0), columns, rows);
  }

  /** [B, H, W, C] of a golden [B, C, H, W]. */
  static HostTensor channelsLast(HostTensor golden) {
    Shape shape = golden.shape();
    int channels = shape.size(1);
    int cells = shape.size(2) * shape.size(3);
    float[] out = new float[Math.toIntExact(shape.elements())];
    for (int i = 0; i < out.length; i++) {
      int image = i / (channels * cells);
      int cell = i / channels % cells;
      out[i] = golden.floatAt((long) (image * channels + i % channels) * cells + cell);
    }
    return HostTensor.of(golden.name(), out, shape.dim(0), shape.dim(2), shape.dim(3), channels);
  }
}

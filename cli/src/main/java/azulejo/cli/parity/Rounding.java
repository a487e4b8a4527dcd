package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.HostTensor;
import azulejo.kernels.WeightFormat;
import azulejo.runtime.checkpoint.Audit;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.Weights;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/** What a format takes from the weights of a model. */
final class Rounding {
  private Rounding() {}

  /** {@link #of(Checkpoint, Consumer, Backend, WeightFormat)} of a component's folder. */
  static double of(Path component, Consumer<Weights> model, Backend backend, WeightFormat format) {
    try (Checkpoint checkpoint = Checkpoint.open(component)) {
      return of(checkpoint, model, backend, format);
    }
  }

  /**
   * The root of the mean, over the model's matrices, of the squared error as a part of the squared weights: about 2^-9 in bf16, 2^-12 in f16 (more of weights
   * below 6e-5, which are subnormal there) and 2^-7.5 in int8.
   *
   * @param model builds it, which tells its matrices
   */
  static double of(Checkpoint checkpoint, Consumer<Weights> model, Backend backend, WeightFormat format) {
    if (format == WeightFormat.F32) {
      return 0;
    }
    Audit audit = new Audit(checkpoint);
    model.accept(audit.weights(backend));
    List<String> matrices = audit.asked().stream().filter(asked -> asked.use() == Audit.Use.MATRIX).map(Audit.Asked::name).toList();
    return Math.sqrt(matrices.stream().mapToDouble(name -> lost(checkpoint.tensor(name), format)).average().orElse(0));
  }

  private static double lost(HostTensor weight, WeightFormat format) {
    HostTensor kept = format.rounded(weight);
    double errors = 0;
    double squares = 0;
    for (long i = 0; i < weight.shape().elements(); i++) {
      double exact = weight.floatAt(i);
      errors += (kept.floatAt(i) - exact) * (kept.floatAt(i) - exact);
      squares += exact * exact;
    }
    return squares == 0 ? 0 : errors / squares;
  }
}

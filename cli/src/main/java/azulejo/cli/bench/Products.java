package azulejo.cli.bench;

import static azulejo.kernels.Activation.NONE;

import azulejo.kernels.Backend;
import azulejo.kernels.Ceiling;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Matrix;
import azulejo.kernels.Tensor;
import azulejo.kernels.WeightFormat;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Stream;

/**
 * Matrix products, {@code x [M, K] * weight [N, K]^T}: of many rows, which arithmetic bounds, in TFLOP/s (an fma counts as two), and of few, which reading the
 * weights bounds, in GB/s of weights.
 */
final class Products {
  /** M x N x K of a guided step: aMUSEd's layers for one image and for eight, VQ-Diffusion's for one. */
  private static final int[][] SHAPES = {{512, 1024, 1024}, {512, 4096, 1024}, {512, 1024, 4096}, {4096, 1024, 1024}, {4096, 4096, 1024},
      {2048, 1024, 1024}, {2048, 4096, 1024}, {2048, 1024, 4096}};
  private static final int[][] QUICK_SHAPES = {{32, 64, 64}};

  /** The widest layer of a block of LlamaGen's GPT-XL, as often as the model has it: more than any cache holds. */
  private static final int[] LAYER = {3840, 1280};
  private static final int LAYERS = 36;
  private static final int[] QUICK_LAYER = {96, 64};
  private static final int QUICK_LAYERS = 2;
  private static final int[] ROWS = {1, 2, 16};
  private static final long COPIED = 64L << 20;
  private static final long QUICK_COPIED = 1L << 18;

  private Products() {}

  static List<String> names() {
    return Stream.of(SHAPES).flatMap(s -> Stream.of(WeightFormat.values()).map(f -> name(s[0], s[1], s[2], f))).toList();
  }

  private static String name(int m, int n, int k, WeightFormat format) {
    return m + "x" + n + "x" + k + " " + format.label();
  }

  static void ofManyRows(Session session) {
    Backend b = session.backend();
    Optional<Ceiling> ceiling = session.ceiling();
    List<WeightFormat> formats = formats(session);
    for (int[] shape : session.quick() ? QUICK_SHAPES : SHAPES) {
      int m = shape[0];
      int n = shape[1];
      int k = shape[2];
      HostTensor weight = Operands.uniform(n, k);
      try (Backend.Scope _ = b.scope()) {
        Tensor x = b.tensor(Operands.uniform(m, k));
        Tensor out = b.alloc(DType.F32, m, n);
        for (WeightFormat format : formats) {
          String name = name(m, n, k, format);
          Matrix matrix = b.matrix(weight, format);
          double flops = 2.0 * m * n * k;
          session.seconds(name, flops, () -> b.linear(x, matrix, null, NONE, null, out)).ifPresent(seconds -> {
            List<Figure.Beside> beside = ceiling.stream().map(c -> new Figure.Beside(flops / seconds / c.flops(), "of the processor's FMA peak")).toList();
            session.add(name, seconds, flops / seconds * 1e-12, "TFLOP/s", beside);
          });
        }
      }
    }
  }

  static void ofFewRows(Session session) {
    Backend b = session.backend();
    OptionalDouble copied = copy(session);
    Optional<Ceiling> ceiling = session.ceiling();
    int[] layer = session.quick() ? QUICK_LAYER : LAYER;
    int layers = session.quick() ? QUICK_LAYERS : LAYERS;
    HostTensor weight = Operands.uniform(layer[0], layer[1]);
    for (WeightFormat format : formats(session)) {
      List<Matrix> matrices = new ArrayList<>();
      for (int i = 0; i < layers; i++) {
        matrices.add(b.matrix(weight, format));
      }
      double bytes = layers * bytes(layer[0], layer[1], format);
      for (int rows : ROWS) {
        String name = name(rows, layer[0], layer[1], format);
        try (Backend.Scope _ = b.scope()) {
          Tensor x = b.tensor(Operands.uniform(rows, layer[1]));
          Tensor out = b.alloc(DType.F32, rows, layer[0]);
          session.seconds(name, 2.0 * rows * layer[0] * layer[1] * layers, () -> matrices.forEach(matrix -> b.linear(x, matrix, null, NONE, null, out)))
              .ifPresent(seconds -> {
                List<Figure.Beside> beside = new ArrayList<>();
                copied.ifPresent(c -> beside.add(new Figure.Beside(bytes / seconds / c, "of the copy's rate")));
                ceiling.ifPresent(c -> beside.add(new Figure.Beside(bytes / seconds / c.bytes(), "of the rate of plain reading")));
                session.add(name, seconds / layers, bytes / seconds * 1e-9, "GB/s", beside);
              });
        }
      }
    }
  }

  /** Bytes a second, read and written, of a copy that no cache holds; reported too. */
  private static OptionalDouble copy(Session session) {
    Backend b = session.backend();
    long elements = session.quick() ? QUICK_COPIED : COPIED;
    try (Backend.Scope _ = b.scope()) {
      Tensor x = b.alloc(DType.F32, elements);
      Tensor out = b.alloc(DType.F32, elements);
      String name = "copy of " + (elements >> 18) + " MiB";
      OptionalDouble seconds = session.seconds(name, 0, () -> b.copy(x, out));
      seconds.ifPresent(s -> session.add(name, s, 8.0 * elements / s * 1e-9, "GB/s", List.of()));
      return seconds.isPresent() ? OptionalDouble.of(8.0 * elements / seconds.getAsDouble()) : seconds;
    }
  }

  /** Those in which the backend keeps weights. */
  private static List<WeightFormat> formats(Session session) {
    return Stream.of(WeightFormat.values()).filter(session::keeps).toList();
  }

  private static double bytes(int n, int k, WeightFormat format) {
    return switch (format) {
      case F32 -> 4.0 * n * k;
      case INT8 -> 1.0 * n * k + 4.0 * n;
      default -> 2.0 * n * k;
    };
  }
}

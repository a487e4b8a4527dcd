package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.models.vqdiffusion.FeedForward;
import azulejo.models.vqdiffusion.Transformer2D;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.Weights;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * VQ-Diffusion's transformer: {@code goldens/transformer.safetensors}, a case a timestep, one with intermediate activations; and its
 * feed-forward alone.
 */
final class Transformer2DParity {
  private static final double LOG_PROBABILITIES = 1e-4;
  private static final double ACTIVATIONS = 1e-4;

  private Transformer2DParity() {}

  static void check(Goldens.Golden golden, Transformer2D transformer, Backend backend, Checks checks) {
    checks.section("transformer");
    HostTensor text = golden.tensor("encoder_hidden_states");
    for (String name : golden.names()) {
      if (name.matches("t\\d{1,6}\\.log_p_x_0")) {
        String tag = name.substring(0, name.indexOf('.'));
        checks.attempt(tag, () -> {
          Recorder seen = new Recorder(backend);
          HostTensor value = logProbabilities(transformer, golden.tensor(tag + ".latents"), text, Integer.parseInt(tag.substring(1)),
              backend, seen);
          checks.denoised(name, golden.tensor(name), value, LOG_PROBABILITIES);
          seen.compare(golden.at(tag), tag, ACTIVATIONS, checks::denoised);
        });
      }
    }
  }

  /**
   * Log probabilities of the clean codes as the official model gives them, [N, codes, L], for grids I64 [N, L], each with its own text
   * [N, S, C].
   */
  static HostTensor logProbabilities(Transformer2D transformer, HostTensor grids, HostTensor text, int timestep, Backend backend, Tap tap) {
    int batch = grids.shape().size(0);
    int cells = transformer.config().cells();
    int[] all = new int[batch * cells];
    Arrays.setAll(all, i -> i % cells);
    try (Backend.Scope _ = backend.scope()) {
      Tensor grid = backend.alloc(DType.I32, batch, cells);
      backend.upload(grids, grid);
      Tensor logits = backend.alloc(DType.F32, 1, batch, cells, transformer.config().codes());
      Transformer2D.Modulation modulation = transformer.modulation(timestep + 1);
      transformer.forward(grid, modulation, timestep, transformer.condition(backend.tensor(text)),
          backend.tensor(HostTensor.of("open", all, batch, cells)),
          logits, tap);
      return Recorder.transposed(DiffusionParity.startDistribution(logits, 1, Float.POSITIVE_INFINITY, backend));
    }
  }

  static void checkFeedForward(Goldens.Golden golden, Path file, Backend backend, Checks checks) {
    checks.section("feed-forward");
    HostTensor x = golden.tensor("x");
    try (Checkpoint weights = Checkpoint.open(file)) {
      for (FeedForward.Form form : FeedForward.Form.values()) {
        String name = form.activationFn();
        golden.names().stream().filter(tensor -> tensor.startsWith(name + ".net.")).forEach(golden::tensor);
        checks.attempt(name, () ->
            checks.denoised(name + ".out", golden.tensor(name + ".out"), feedForward(weights.on(backend, checks.format()), form, x), ACTIVATIONS));
      }
    }
  }

  private static HostTensor feedForward(Weights weights, FeedForward.Form form, HostTensor x) {
    Backend backend = weights.backend();
    try (Backend.Scope _ = backend.scope()) {
      Tensor sum = backend.tensor(HostTensor.of("zeros", new float[Math.toIntExact(x.shape().elements())], x.shape().toArray()));
      FeedForward.load(weights.at(form.activationFn()), form, x.shape().size(-1))
          .addTo(backend, backend.tensor(x), sum, Tap.NONE, "ff");
      return backend.download(sum);
    }
  }
}

package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.models.amused.UVit2D;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Checkpoint;
import java.nio.file.Path;
import java.util.Arrays;

/** aMUSEd's transformer: {@code goldens/transformer.safetensors}, each case with its own grid size, one with intermediate activations. */
final class TransformerParity {
  private static final double LOGITS = 1e-4;
  /** On residual streams of about 0.02. */
  private static final double ACTIVATIONS = 2e-5;

  private TransformerParity() {}

  static void check(Goldens.Golden golden, UVit2D transformer, Path component, Backend backend, Checks checks) {
    checks.section("transformer");
    for (String name : golden.names()) {
      if (name.endsWith(".logits")) {
        String tag = name.substring(0, name.lastIndexOf('.'));
        checks.attempt(tag, () -> {
          Recorder seen = new Recorder(backend);
          HostTensor wanted = golden.tensor(name);
          checks.denoised(name, wanted, logits(golden.at(tag), transformer, backend, seen, wanted), LOGITS);
          seen.compare(golden.at(tag), tag, ACTIVATIONS, checks::denoised);
          microEmbeddings(golden.at(tag), tag, seen, checks);
        });
      }
      if (name.endsWith(".logits_fp16weights")) {
        checks.attempt(name, () -> halfPrecision(golden, name, component, transformer.config(), backend, checks));
      }
    }
  }

  /** The same sinusoids for each row and condition: [N * 5, size] in the goldens, [N, 5 * size] here. */
  private static void microEmbeddings(Goldens.Golden golden, String tag, Recorder seen, Checks checks) {
    if (golden.has("micro_cond_embeds")) {
      HostTensor wanted = golden.tensor("micro_cond_embeds");
      HostTensor value = seen.last("micro_cond_embeds");
      checks.close(tag + ".micro_cond_embeds", wanted, new HostTensor(value.name(), value.dtype(), wanted.shape(), value.data()), ACTIVATIONS);
    }
  }

  private static void halfPrecision(Goldens.Golden golden, String name, Path component, UVit2D.Config config, Backend backend, Checks checks) {
    try (Checkpoint half = Checkpoint.open(component, "fp16")) {
      HostTensor wanted = golden.tensor(name);
      UVit2D transformer = new UVit2D(config, half.on(backend, checks.format()));
      checks.denoised(name, wanted, logits(golden.at(name.substring(0, name.lastIndexOf('.'))), transformer, backend, Tap.NONE, wanted), LOGITS);
    }
  }

  /** [N, codes, H, W], every row with its own grid and text. */
  private static HostTensor logits(Goldens.Golden inputs, UVit2D transformer, Backend backend, Tap tap, HostTensor wanted) {
    HostTensor ids = inputs.tensor("input_ids");
    try (Backend.Scope _ = backend.scope()) {
      Tensor grid = backend.alloc(DType.I32, ids.shape().toArray());
      backend.upload(ids, grid);
      UVit2D.Conditioning conditioning = transformer.condition(backend.tensor(inputs.tensor("encoder_hidden_states")),
          backend.tensor(inputs.tensor("pooled_text_emb")), rows(inputs.tensor("micro_conds")), tap);
      return Recorder.channelsFirst(allLogits(transformer, grid, conditioning, backend, tap), wanted.shape());
    }
  }

  /** [1, N, H * W, codes] for a grid I32 [N, H, W]. */
  static HostTensor allLogits(UVit2D transformer, Tensor grid, UVit2D.Conditioning conditioning, Backend backend, Tap tap) {
    int batch = grid.size(0);
    int cells = grid.size(1) * grid.size(2);
    int[] all = new int[batch * cells];
    Arrays.setAll(all, i -> i % cells);
    Tensor logits = backend.alloc(DType.F32, 1, batch, cells, transformer.config().codebookSize());
    transformer.forward(grid, conditioning, backend.tensor(HostTensor.of("open", all, batch, cells)), logits, tap);
    return backend.download(logits);
  }

  static float[][] rows(HostTensor matrix) {
    int width = matrix.shape().size(1);
    float[] flat = matrix.toFloats();
    float[][] rows = new float[matrix.shape().size(0)][];
    Arrays.setAll(rows, i -> Arrays.copyOfRange(flat, i * width, (i + 1) * width));
    return rows;
  }
}

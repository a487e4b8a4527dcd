package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.kernels.Tensor;
import azulejo.models.vq.VqModel;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Checkpoint;
import java.nio.file.Path;
import java.util.function.Function;

/** The VQ autoencoder: {@code goldens/vqvae.safetensors}, cases that decode given codes and one that encodes pixels. */
final class VqParity {
  private static final double TOLERANCE = 1e-4;

  private VqParity() {}

  /** @param levels how the pipeline makes bytes of pixels */
  static void check(Goldens.Golden golden, VqModel vqvae, Path component, Function<HostTensor, byte[]> levels, Backend backend,
      Checks checks) {
    checks.section("VQ model");
    for (String name : golden.names()) {
      String tag = name.substring(0, Math.max(0, name.indexOf('.')));
      if (name.equals(tag + ".codes")) {
        checks.attempt(tag, () -> decode(golden.at(tag), tag, vqvae, component, levels, backend, checks));
      }
      if (name.equals(tag + ".latents")) {
        checks.attempt(tag, () -> encode(golden.at(tag), tag, vqvae, component, backend, checks));
      }
    }
  }

  private static void decode(Goldens.Golden golden, String tag, VqModel vqvae, Path component, Function<HostTensor, byte[]> levels,
      Backend backend, Checks checks) {
    Recorder seen = new Recorder(backend);
    HostTensor codes = grid(golden.tensor("codes"), golden.tensor("pixels").shape(), vqvae.config().factor());
    HostTensor pixels = decode(vqvae, codes, backend, seen);
    checks.closeIf(golden, tag + ".", "pixels", wanted -> Recorder.channelsFirst(pixels, wanted.shape()), TOLERANCE);
    checks.closeIf(golden, tag + ".", "embeddings", wanted -> Recorder.channelsFirst(seen.last("codebook_entry"), wanted.shape()),
        TOLERANCE);
    seen.compare(golden, tag, TOLERANCE, checks::close);
    if (golden.has("image_u8")) {
      checks.image(tag + ".image_u8", golden.tensor("image_u8"), levels.apply(pixels));
    }
    if (golden.has("pixels_fp16weights")) {
      try (Checkpoint half = Checkpoint.open(component, "fp16")) {
        HostTensor values = decode(new VqModel(vqvae.config(), half.on(backend)), codes, backend, Tap.NONE);
        checks.closeIf(golden, tag + ".", "pixels_fp16weights", wanted -> Recorder.channelsFirst(values, wanted.shape()), TOLERANCE);
      }
    }
  }

  /** Codes as the grid [B, h, w] that makes {@code pixels} [B, 3, H, W]; some goldens have them flat. */
  private static HostTensor grid(HostTensor codes, Shape pixels, int factor) {
    return new HostTensor(codes.name(), codes.dtype(), Shape.of(pixels.dim(0), pixels.dim(2) / factor, pixels.dim(3) / factor),
        codes.data());
  }

  private static HostTensor decode(VqModel vqvae, HostTensor codes, Backend backend, Tap tap) {
    try (Backend.Scope _ = backend.scope()) {
      Tensor grid = backend.alloc(DType.I32, codes.shape().toArray());
      backend.upload(codes, grid);
      return backend.download(vqvae.decode(grid, tap));
    }
  }

  private static void encode(Goldens.Golden golden, String tag, VqModel vqvae, Path component, Backend backend, Checks checks) {
    Recorder seen = new Recorder(backend);
    HostTensor latents;
    int[] codes;
    try (Backend.Scope _ = backend.scope()) {
      Tensor z = vqvae.encode(backend.tensor(Recorder.channelsLast(golden.tensor("pixels"))), seen);
      latents = backend.download(z);
      codes = vqvae.quantise(z);
    }
    HostTensor wantedLatents = golden.tensor("latents");
    checks.close(tag + ".latents", wantedLatents, Recorder.channelsFirst(latents, wantedLatents.shape()), TOLERANCE);
    seen.compare(golden, tag, TOLERANCE, checks::close);
    checks.equal(tag + ".indices", golden.tensor("indices"), codes);
    if (golden.has("reconstruction")) {
      HostTensor wanted = golden.tensor("reconstruction");
      HostTensor grid = grid(HostTensor.of("indices", codes, codes.length), wanted.shape(), vqvae.config().factor());
      checks.close(tag + ".reconstruction", wanted, Recorder.channelsFirst(decode(vqvae, grid, backend, Tap.NONE), wanted.shape()),
          TOLERANCE);
    }
    try (Checkpoint checkpoint = Checkpoint.open(component)) {
      codebook(golden, tag, latents, codes, checkpoint.tensor("quantize.embedding.weight"), checks);
    }
  }

  /** What the goldens tell about the nearest codes beside their numbers. */
  private static void codebook(Goldens.Golden golden, String tag, HostTensor latents, int[] codes, HostTensor codebook, Checks checks) {
    int width = codebook.shape().size(1);
    if (golden.has("zq")) {
      HostTensor wanted = golden.tensor("zq");
      float[] rows = new float[codes.length * width];
      for (int i = 0; i < rows.length; i++) {
        float z = latents.floatAt(i);
        rows[i] = z + (codebook.floatAt((long) codes[i / width] * width + i % width) - z);
      }
      HostTensor zq = HostTensor.of("zq", rows, latents.shape().toArray());
      checks.close(tag + ".zq", wanted, Recorder.channelsFirst(zq, wanted.shape()), TOLERANCE);
    }
    if (golden.has("distance_gap")) {
      float[] gaps = new float[codes.length];
      for (int cell = 0; cell < codes.length; cell++) {
        double nearest = Double.POSITIVE_INFINITY;
        double second = Double.POSITIVE_INFINITY;
        for (int code = 0; code < codebook.shape().size(0); code++) {
          double sum = 0;
          for (int i = 0; i < width; i++) {
            double d = latents.floatAt((long) cell * width + i) - codebook.floatAt((long) code * width + i);
            sum += d * d;
          }
          double distance = Math.sqrt(sum);
          second = Math.min(second, Math.max(nearest, distance));
          nearest = Math.min(nearest, distance);
        }
        gaps[cell] = (float) (second - nearest);
      }
      // A latent that is off by the tolerance in each of its channels moves either distance by at most this norm.
      double tolerance = 2 * TOLERANCE * Math.sqrt(width);
      checks.close(tag + ".distance_gap", golden.tensor("distance_gap"), HostTensor.of("distance_gap", gaps, gaps.length), tolerance);
    }
  }
}

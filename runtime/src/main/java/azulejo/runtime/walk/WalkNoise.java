package azulejo.runtime.walk;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Noise;
import azulejo.kernels.Stream;
import azulejo.kernels.Tensor;
import azulejo.runtime.random.TorchGenerator;

/** The random numbers of a walk, asked for step by step: a step's draw first, then its path where it has one. */
public interface WalkNoise {
  /** For the tokens of {@code step}, in the innermost scope of the backend. */
  Noise draw(int step);

  /** For the path's choice in {@code step}; null in a diffusion whose draw is to decide alone, as in the official scheduler. */
  Noise path(int step);

  /** Whether the kernels make the variates, so that these objects are the same at every step and nothing comes from the host. */
  default boolean counted() {
    return false;
  }

  /**
   * Philox: each stream has its own keys, so that one of them can be frozen while the other varies.
   *
   * @param drawKeys I64 [B, 2]: (seed, image) for each image
   * @param pathKeys I64 [B, 2]
   */
  static WalkNoise philox(Tensor drawKeys, Tensor pathKeys) {
    Noise draw = new Noise.Counter(drawKeys, Stream.DRAW);
    Noise path = new Noise.Counter(pathKeys, Stream.PATH);
    return new WalkNoise() {
      @Override
      public Noise draw(int step) {
        return draw;
      }

      @Override
      public Noise path(int step) {
        return path;
      }

      @Override
      public boolean counted() {
        return true;
      }
    };
  }

  /**
   * What the official pipeline takes from {@code generator}: for each step an Exp(1) variate for every cell and code of the batch, the settled cells
   * too, in row-major order, and then a uniform one for every cell.
   */
  static WalkNoise torch(Backend backend, TorchGenerator generator, int batch, int cells, int codes) {
    return new WalkNoise() {
      @Override
      public Noise draw(int step) {
        float[] values = new float[Math.multiplyExact(Math.multiplyExact(batch, cells), codes)];
        generator.exponential(values);
        return new Noise.Given(backend.tensor(HostTensor.of("exponential", values, batch, cells, codes)));
      }

      @Override
      public Noise path(int step) {
        float[] values = new float[batch * cells];
        generator.rand(values);
        return new Noise.Given(backend.tensor(HostTensor.of("uniform", values, batch, cells)));
      }
    };
  }

  /**
   * What the official sampler takes from {@code generator} in raster order: for each step an Exp(1) variate for every code of the one cell that is drawn,
   * image by image. The values live in the innermost scope of the backend at the time of this call.
   */
  static WalkNoise torchRaster(Backend backend, TorchGenerator generator, int batch, int cells, int codes) {
    Tensor values = backend.alloc(DType.F32, batch, cells, codes);
    float[] drawn = new float[Math.multiplyExact(batch, codes)];
    return new WalkNoise() {
      @Override
      public Noise draw(int step) {
        generator.exponential(drawn);
        backend.upload(HostTensor.of("exponential", drawn, batch, 1, codes), values.slice(1, step, 1));
        return new Noise.Given(values);
      }

      @Override
      public Noise path(int step) {
        throw new IllegalStateException("the raster path has no noise");
      }
    };
  }

  /**
   * What the official pipeline of a diffusion takes from {@code generator}: for each step a uniform variate for every class and cell, image by image and
   * class by class. The mask is a class too, but for the last step.
   */
  static WalkNoise torchDenoising(Backend backend, TorchGenerator generator, int batch, int cells, int codes, int steps) {
    return new WalkNoise() {
      @Override
      public Noise draw(int step) {
        int classes = step == steps - 1 ? codes : codes + 1;
        float[] drawn = new float[Math.multiplyExact(Math.multiplyExact(batch, cells), classes)];
        generator.rand(drawn);
        float[] values = new float[drawn.length];
        for (int image = 0; image < batch; image++) {
          int first = image * cells * classes;
          for (int i = 0; i < cells * classes; i++) {
            values[first + i] = drawn[first + i % classes * cells + i / classes];
          }
        }
        return new Noise.Given(backend.tensor(HostTensor.of("uniform", values, batch, cells, classes)));
      }

      @Override
      public Noise path(int step) {
        return null;
      }
    };
  }
}

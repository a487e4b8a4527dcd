package azulejo.cli;

import azulejo.kernels.Backend;
import azulejo.kernels.Backends;
import azulejo.kernels.WeightFormat;
import azulejo.models.ImageGenerator;
import azulejo.models.Models;
import azulejo.runtime.OptionException;
import java.nio.file.Path;

/** Where the command line gets devices and models from. */
interface Engine {
  /** What this build contains. */
  Engine INSTALLED = new Engine() {
    @Override
    public Backend backend(String name, int threads) {
      try {
        return Backends.open(name, threads);
      } catch (IllegalArgumentException e) {
        throw new OptionException(e.getMessage(), e);
      }
    }

    @Override
    public ImageGenerator open(Path folder, Backend backend, WeightFormat format) {
      return Models.open(folder, backend, format);
    }
  };

  /**
   * @param name as {@code azulejo devices} lists it
   * @param threads 0 for its own choice
   * @throws OptionException when there is none of that name, or it cannot run here
   */
  Backend backend(String name, int threads);

  /** @throws azulejo.runtime.CheckpointException when the folder holds no complete model that this build knows */
  ImageGenerator open(Path folder, Backend backend, WeightFormat format);
}

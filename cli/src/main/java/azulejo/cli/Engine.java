package azulejo.cli;

import azulejo.kernels.Backend;
import azulejo.models.ImageGenerator;
import azulejo.runtime.OptionException;
import java.nio.file.Path;

/** Where the command line gets devices and models from. */
interface Engine {
  /** What this build contains. */
  Engine INSTALLED = new Engine() {
    @Override
    public Backend backend(String name) {
      throw new OptionException("this build has no backend '" + name + "'");
    }

    @Override
    public ImageGenerator open(Path folder, Backend backend) {
      throw new OptionException("this build has no model for " + folder);
    }
  };

  /**
   * @param name as {@code azulejo devices} lists it
   * @throws OptionException when there is none of that name, or it cannot run here
   */
  Backend backend(String name);

  /** @throws azulejo.runtime.CheckpointException when the folder holds no complete model that this build knows */
  ImageGenerator open(Path folder, Backend backend);
}

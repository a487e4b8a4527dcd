package azulejo.models;

import azulejo.kernels.Backend;
import azulejo.models.amused.Amused;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.JsonConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The models that this version runs, recognised by their files. */
public final class Models {
  private static final String RUNS = "this version runs aMUSEd only (amused/amused-256, amused/amused-512 and folders of their layout)";

  private Models() {}

  /**
   * Opens a model's folder as it is published. The generator must be closed before the backend.
   *
   * @throws CheckpointException when there is no such model, or it is broken, or of a kind that this version does not run
   */
  public static ImageGenerator open(Path folder, Backend backend) {
    if (!Files.isDirectory(folder)) {
      throw new CheckpointException(Files.exists(folder)
          ? folder + " is a file, but a model is a folder with a model_index.json"
          : folder + " does not exist: name a model's folder, such as demo/masked");
    }
    Path index = folder.resolve("model_index.json");
    if (!Files.exists(index)) {
      throw new CheckpointException(names(folder).stream().anyMatch(name -> name.endsWith(".pt"))
          ? folder + " holds .pt files, as LlamaGen's models do, which are not in this version yet: " + RUNS
          : folder + " has no model_index.json, so it is not a model that can generate: " + RUNS);
    }
    String pipeline = JsonConfig.read(index).text("_class_name");
    return switch (pipeline) {
      case "AmusedPipeline" -> Amused.open(folder, backend);
      default -> throw new CheckpointException(folder + " is a model for " + pipeline + ", which is not in this version yet: " + RUNS);
    };
  }

  private static List<String> names(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).toList();
    } catch (IOException e) {
      throw new CheckpointException(folder + " cannot be read: " + AzulejoException.reason(e), e);
    }
  }
}

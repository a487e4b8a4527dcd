package azulejo.models;

import azulejo.kernels.Backend;
import azulejo.kernels.WeightFormat;
import azulejo.models.amused.Amused;
import azulejo.models.llamagen.LlamaGen;
import azulejo.models.vqdiffusion.VqDiffusion;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.JsonConfig;
import java.nio.file.Files;
import java.nio.file.Path;

/** The models that this version runs, recognised by their files. */
public final class Models {
  private static final String RUNS = "this version runs aMUSEd (amused/amused-256, amused/amused-512), VQ-Diffusion "
      + "(microsoft/vq-diffusion-ithq), folders of their layout, and LlamaGen (a folder with its .pt files)";

  private Models() {}

  /** {@link #open(Path, Backend, WeightFormat)} at full precision. */
  public static ImageGenerator open(Path folder, Backend backend) {
    return open(folder, backend, WeightFormat.F32);
  }

  /**
   * Opens a model's folder as it is published. The generator must be closed before the backend.
   *
   * @param format of the linear layers that each step reads: the GPT's, or the transformer's but for those of its adaptive norms. Text encoders, VQ models,
   *     embeddings, norms and convolutions stay in F32
   * @throws CheckpointException when there is no such model, or it is broken, or of a kind that this version does not run
   */
  public static ImageGenerator open(Path folder, Backend backend, WeightFormat format) {
    if (!Files.isDirectory(folder)) {
      throw new CheckpointException(Files.exists(folder)
          ? folder + " is a file, but a model is a folder with a model_index.json"
          : folder + " does not exist: name a model's folder, such as demo/masked");
    }
    Path index = folder.resolve("model_index.json");
    if (!Files.exists(index)) {
      if (LlamaGen.recognises(folder)) {
        return LlamaGen.open(folder, backend, format);
      }
      throw new CheckpointException(folder + " has no model_index.json, so it is not a model that can generate: " + RUNS);
    }
    String pipeline = JsonConfig.read(index).text("_class_name");
    return switch (pipeline) {
      case "AmusedPipeline" -> Amused.open(folder, backend, format);
      case "VQDiffusionPipeline" -> VqDiffusion.open(folder, backend, format);
      default -> throw new CheckpointException(folder + " is a model for " + pipeline + ", which is not in this version yet: " + RUNS);
    };
  }
}

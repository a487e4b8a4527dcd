package azulejo.models;

import azulejo.kernels.Backend;
import azulejo.kernels.WeightFormat;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.checkpoint.Weights;
import azulejo.runtime.text.ClipTokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** A diffusers pipeline's folder: a subfolder for each component, with its configuration and weights. */
public final class PipelineFolder implements AutoCloseable {
  private final Path path;
  private final Backend b;
  private final List<Checkpoint> checkpoints = new ArrayList<>();

  private PipelineFolder(Path path, Backend b) {
    this.path = path;
    this.b = b;
  }

  /** Makes a model of a folder, which the model must close; where that fails, the folder is closed already. */
  public static <M> M open(Path path, Backend b, Function<PipelineFolder, M> model) {
    PipelineFolder folder = new PipelineFolder(path, b);
    try {
      return model.apply(folder);
    } catch (RuntimeException e) {
      folder.close();
      throw e;
    }
  }

  /** {@code config.json} of a component. */
  public JsonConfig config(String component) {
    return config(component, "config.json");
  }

  public JsonConfig config(String component, String file) {
    return JsonConfig.read(path.resolve(component).resolve(file));
  }

  /** The component's weights at full precision, mapped until {@link #close}. */
  public Weights weights(String component) {
    return weights(component, WeightFormat.F32);
  }

  /** The component's weights, those of its linear layers in {@code format}, mapped until {@link #close}. */
  public Weights weights(String component, WeightFormat format) {
    Checkpoint checkpoint = Checkpoint.open(path.resolve(component));
    checkpoints.add(checkpoint);
    return checkpoint.on(b, format);
  }

  /** @param vocabSize of the text encoder that reads its tokens */
  public ClipTokenizer clipTokenizer(int vocabSize) {
    ClipTokenizer tokenizer = ClipTokenizer.read(path.resolve("tokenizer"));
    if (tokenizer.size() > vocabSize) {
      throw new CheckpointException(path + ": the tokenizer has " + tokenizer.size() + " tokens, but vocab_size of text_encoder is "
          + vocabSize
          + ": the components come from different models");
    }
    return tokenizer;
  }

  /** @throws CheckpointException when two values that must agree do not */
  public void requireEqual(String name, int value, String otherName, int otherValue) {
    if (value != otherValue) {
      throw new CheckpointException(path + ": " + name + " is " + value + ", but " + otherName + " is " + otherValue
          + ": the components come from different models");
    }
  }

  /** Of all weights that were asked for. */
  public long parameters() {
    return checkpoints.stream().mapToLong(Checkpoint::parameters).sum();
  }

  /** Unmaps the weights. */
  @Override
  public void close() {
    checkpoints.forEach(Checkpoint::close);
  }
}

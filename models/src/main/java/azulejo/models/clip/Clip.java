package azulejo.models.clip;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.models.Image;
import azulejo.models.layers.Linear;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.Fingerprint;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.checkpoint.Weights;
import azulejo.runtime.text.ClipTokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A whole CLIP model, which places pictures and texts on one sphere: the closer, the better they fit.
 *
 * <p>Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (ICML 2021). Follows transformers'
 * {@code models/clip/modeling_clip.py} (CLIPModel); {@code openai/clip-vit-*} folders load as they are published.
 */
public final class Clip implements AutoCloseable {
  /** Pictures, or texts, that go through together. */
  private static final int BATCH = 32;

  private final Backend b;
  private final Checkpoint checkpoint;
  private final ClipTokenizer tokenizer;
  private final ClipImageProcessor processor;
  private final ClipTextEncoder text;
  private final ClipVisionEncoder vision;
  private final Linear visualProjection;
  private final int projectionDim;
  private final double logitScale;

  private Clip(Path folder, Checkpoint checkpoint, Backend b) {
    this.b = b;
    this.checkpoint = checkpoint;
    JsonConfig config = JsonConfig.read(folder.resolve("config.json"));
    processor = ClipImageProcessor.of(JsonConfig.read(folder.resolve("preprocessor_config.json")));
    tokenizer = ClipTokenizer.read(folder);
    Weights weights = checkpoint.on(b);
    ClipTextEncoder.Config textConfig = ClipTextEncoder.Config.of(config);
    text = new ClipTextEncoder(textConfig, weights);
    vision = new ClipVisionEncoder(ClipVisionEncoder.Config.of(config), weights);
    projectionDim = textConfig.projectionDim();
    visualProjection = Linear.load(weights, "visual_projection", projectionDim, vision.config().hiddenSize(), false);
    if (!weights.has("text_projection.weight")) {
      throw new CheckpointException(checkpoint.path() + " has no tensor \"text_projection.weight\": it is not a whole CLIP model");
    }
    logitScale = Math.exp(weights.host("logit_scale").floatAt(0));
    int side = vision.config().imageSize();
    if (processor.cropHeight() != side || processor.cropWidth() != side) {
      throw new CheckpointException(folder + ": crop_size of preprocessor_config.json is " + processor.cropHeight() + "x" + processor.cropWidth()
          + ", but image_size of config.json is " + side + ": the files come from different models");
    }
    if (tokenizer.size() > textConfig.vocabSize()) {
      throw new CheckpointException(folder + ": the tokenizer has " + tokenizer.size() + " tokens, but vocab_size is " + textConfig.vocabSize()
          + ": the files come from different models");
    }
  }

  /**
   * @param folder with {@code config.json}, {@code preprocessor_config.json}, the tokenizer's files and the weights
   * @throws CheckpointException when something is missing, broken, or does not fit
   */
  public static Clip open(Path folder, Backend b) {
    Checkpoint checkpoint = Checkpoint.open(folder);
    try {
      return new Clip(folder, checkpoint, b);
    } catch (RuntimeException e) {
      checkpoint.close();
      throw e;
    }
  }

  public ClipTextEncoder text() {
    return text;
  }

  public ClipVisionEncoder vision() {
    return vision;
  }

  public ClipTokenizer tokenizer() {
    return tokenizer;
  }

  public ClipImageProcessor processor() {
    return processor;
  }

  /** What cosines are multiplied by to be logits. */
  public double logitScale() {
    return logitScale;
  }

  /** Of the tensors in use, see {@link Fingerprint}. */
  public String fingerprint() {
    return Fingerprint.of(List.of(checkpoint));
  }

  /** A unit vector for each picture, of any size. */
  public List<float[]> embedImages(List<Image> images) {
    List<float[]> embeds = new ArrayList<>();
    for (int from = 0; from < images.size(); from += BATCH) {
      try (Backend.Scope _ = b.scope()) {
        Tensor pixels = b.tensor(processor.process(images.subList(from, Math.min(from + BATCH, images.size()))));
        embeds.addAll(unitRows(b.download(imageFeatures(vision.encode(pixels, Tap.NONE)))));
      }
    }
    return embeds;
  }

  /** [B, projectionDim], not normalised; they belong to the caller's scope. */
  public Tensor imageFeatures(ClipVisionEncoder.Output output) {
    Tensor features = b.alloc(DType.F32, output.pooled().dim(0), projectionDim);
    visualProjection.apply(b, output.pooled(), features);
    return features;
  }

  /** A unit vector for each text. Of one that is too long the encoder reads the beginning, as the official tokenizer cuts it. */
  public List<float[]> embedTexts(List<String> texts) {
    int length = Math.min(tokenizer.maxLength(), text.config().maxPositionEmbeddings());
    List<float[]> embeds = new ArrayList<>();
    for (int from = 0; from < texts.size(); from += BATCH) {
      int[][] ids = texts.subList(from, Math.min(from + BATCH, texts.size())).stream().map(t -> tokenizer.encode(t, length).ids()).toArray(int[][]::new);
      // what comes after the end token is padding, which the pooled position does not see
      int longest = 1 + Arrays.stream(ids).mapToInt(text.config()::poolPosition).max().orElseThrow();
      int[][] cut = Arrays.stream(ids).map(row -> Arrays.copyOf(row, longest)).toArray(int[][]::new);
      try (Backend.Scope _ = b.scope()) {
        embeds.addAll(unitRows(b.download(text.encode(cut, Tap.NONE).embeds())));
      }
    }
    return embeds;
  }

  /** Each row over its length. */
  private static List<float[]> unitRows(HostTensor rows) {
    int width = rows.shape().size(1);
    float[] all = rows.toFloats();
    List<float[]> out = new ArrayList<>();
    for (int from = 0; from < all.length; from += width) {
      float[] row = Arrays.copyOfRange(all, from, from + width);
      double squares = 0;
      for (float value : row) {
        squares += (double) value * value;
      }
      float length = (float) Math.sqrt(squares);
      for (int i = 0; i < width; i++) {
        row[i] /= length;
      }
      out.add(row);
    }
    return out;
  }

  /** Unmaps the weights. */
  @Override
  public void close() {
    checkpoint.close();
  }
}

package azulejo.weights;

import azulejo.kernels.Backend;
import azulejo.kernels.Backends;
import azulejo.models.amused.UVit2D;
import azulejo.models.clip.ClipTextEncoder;
import azulejo.models.clip.ClipVisionEncoder;
import azulejo.models.layers.Linear;
import azulejo.models.llamagen.Gpt;
import azulejo.models.llamagen.VqCheckpoint;
import azulejo.models.t5.T5Encoder;
import azulejo.models.vq.VqModel;
import azulejo.models.vqdiffusion.Transformer2D;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.Audit;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.checkpoint.Weights;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * A part of a model that has weights of its own, recognised by a tensor that no other part has. What it should hold is what its own loading code asks for.
 *
 * @param loader builds it, or null where this version has no code for it
 */
record Part(String what, Predicate<Checkpoint> mark, Loader loader) {
  /** Builds a model part, which then has asked for all of its tensors. */
  @FunctionalInterface
  interface Loader {
    /** @param config what lies beside the weights as {@code config.json}, or, for a GPT, in the model's folder */
    void load(Optional<JsonConfig> config, Checkpoint checkpoint, Weights weights);
  }

  private static final List<Part> KNOWN = List.of(
      new Part("GPT of LlamaGen", has("tok_embeddings.weight"), Part::gpt),
      new Part("image tokenizer of LlamaGen", has("encoder.conv_blocks.0.res.0.conv1.weight"), (_, checkpoint, weights) ->
          new VqModel(VqCheckpoint.config(checkpoint), weights).loadEncoder()),
      new Part("transformer of aMUSEd", has("mlm_layer.conv1.weight"), (config, checkpoint, weights) ->
          new UVit2D(UVit2D.Config.of(needed(config, checkpoint)), weights)),
      new Part("transformer of VQ-Diffusion", has("latent_image_embedding.emb.weight"), (config, checkpoint, weights) ->
          new Transformer2D(Transformer2D.Config.of(needed(config, checkpoint)), weights)),
      new Part("VQ autoencoder", has("encoder.down_blocks.0.resnets.0.conv1.weight"), (config, checkpoint, weights) ->
          new VqModel(VqModel.Config.of(needed(config, checkpoint)), weights).loadEncoder()),
      new Part("Janus-Pro", has("gen_vision_model.quantize.embedding.weight"), null),
      new Part("Show-o", has("showo.model.embed_tokens.weight"), null),
      new Part("CLIP", has("vision_model.embeddings.class_embedding"), Part::clip),
      new Part("CLIP text encoder", has("text_model.embeddings.token_embedding.weight"), (config, checkpoint, weights) ->
          new ClipTextEncoder(ClipTextEncoder.Config.of(needed(config, checkpoint)), weights)),
      new Part("T5 encoder", has("encoder.block.0.layer.0.SelfAttention.q.weight"), (config, checkpoint, weights) ->
          new T5Encoder(T5Encoder.Config.of(needed(config, checkpoint)), weights)),
      new Part("LPIPS", has("lin0.model.1.weight"), null),
      new Part("trunk of LPIPS", has("features.0.weight"), null),
      new Part("Inception network of FID", has("Mixed_7c.branch_pool.conv.weight"), null),
      new Part("MAGVIT-v2 image tokenizer", has("quantize.power_vals"), null),
      new Part("embeddings for no prompt", checkpoint -> checkpoint.names().size() == 1 && checkpoint.has("embeddings"), (config, checkpoint, weights) ->
          weights.tensor("embeddings", needed(config, checkpoint).integer("length"), config.orElseThrow().integer("hidden_size"))));

  private static final Part UNKNOWN = new Part("unknown", _ -> true, null);

  static Part of(Checkpoint checkpoint) {
    return KNOWN.stream().filter(part -> part.mark.test(checkpoint)).findFirst().orElse(UNKNOWN);
  }

  boolean isKnown() {
    return this != UNKNOWN;
  }

  /** Has the part's own code ask for its tensors. */
  Audit audit(Optional<JsonConfig> config, Checkpoint checkpoint) {
    Audit audit = new Audit(checkpoint);
    try (Backend backend = Backends.open("reference")) {
      loader.load(config, checkpoint, audit.weights(backend));
    }
    return audit;
  }

  /** The {@code config.json} in the folder of a weights file, or in a component's folder. */
  static Optional<JsonConfig> configBeside(Path weights) {
    Path folder = Files.isDirectory(weights) ? weights : weights.toAbsolutePath().getParent();
    Path file = folder.resolve("config.json");
    return Files.exists(file) ? Optional.of(JsonConfig.read(file)) : Optional.empty();
  }

  private static Predicate<Checkpoint> has(String tensor) {
    return checkpoint -> checkpoint.has(tensor);
  }

  private static void gpt(Optional<JsonConfig> config, Checkpoint checkpoint, Weights weights) {
    String kind = checkpoint.has("cls_embedding.uncond_embedding") ? "t2i" : "c2i";
    Optional<JsonConfig> arguments = config.filter(c -> c.has(kind)).map(c -> c.section(kind));
    new Gpt(Gpt.Config.of(checkpoint, arguments), weights);
  }

  /** As {@link azulejo.models.clip.Clip} is made. */
  private static void clip(Optional<JsonConfig> config, Checkpoint checkpoint, Weights weights) {
    JsonConfig json = needed(config, checkpoint);
    ClipTextEncoder.Config text = ClipTextEncoder.Config.of(json);
    ClipVisionEncoder.Config vision = ClipVisionEncoder.Config.of(json);
    new ClipTextEncoder(text, weights);
    new ClipVisionEncoder(vision, weights);
    Linear.load(weights, "text_projection", text.projectionDim(), text.hiddenSize(), false);
    Linear.load(weights, "visual_projection", text.projectionDim(), vision.hiddenSize(), false);
    weights.host("logit_scale");
  }

  private static JsonConfig needed(Optional<JsonConfig> config, Checkpoint checkpoint) {
    return config.orElseThrow(() -> new CheckpointException(checkpoint.path()
        + " has no config.json beside it, without which its tensors' shapes cannot be checked"));
  }
}

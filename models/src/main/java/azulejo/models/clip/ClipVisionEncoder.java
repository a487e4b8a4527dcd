package azulejo.models.clip;

import azulejo.kernels.Activation;
import azulejo.kernels.AttentionMask;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Filter;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Norm;
import azulejo.kernels.Padding;
import azulejo.kernels.Tensor;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.checkpoint.Weights;
import java.util.List;
import java.util.stream.IntStream;

/**
 * CLIP's image encoder: a pre-norm transformer over an image's patches behind a class token.
 *
 * <p>Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (ICML 2021), section 2.4, after Dosovitskiy et al., "An
 * Image is Worth 16x16 Words" (ICLR 2021). Follows transformers' {@code models/clip/modeling_clip.py} (CLIPVisionTransformer).
 */
public final class ClipVisionEncoder {
  /** The fields of {@code config.json}'s {@code vision_config}. */
  public record Config(int hiddenSize, int intermediateSize, int numHiddenLayers, int numAttentionHeads, int imageSize, int patchSize, Activation hiddenAct,
      float layerNormEps) {
    /** Of a vision model's own configuration, or of a whole CLIP model's. */
    public static Config of(JsonConfig root) {
      JsonConfig json = root.has("vision_config") ? root.section("vision_config") : root;
      ClipLayer.Config layer = ClipLayer.Config.of(json, 768, 3072, 12, AttentionMask.NONE);
      int image = json.integer("image_size", 224);
      int patch = json.integer("patch_size", 32);
      if (patch < 1 || image < patch) {
        throw json.fault("patch_size", "is " + patch + ", which does not fit image_size " + image);
      }
      return new Config(layer.width(), layer.intermediate(), ClipLayer.Config.layers(json), layer.heads(), image, patch, layer.activation(), layer.eps());
    }

    private ClipLayer.Config layer() {
      return new ClipLayer.Config(hiddenSize, intermediateSize, numAttentionHeads, hiddenAct, layerNormEps, AttentionMask.NONE);
    }

    /** Patches along a side. */
    int side() {
      return imageSize / patchSize;
    }

    /** Patches and the class token. */
    int tokens() {
      return side() * side() + 1;
    }
  }

  /**
   * @param lastHidden [B, T, C] without a final norm, the class token first
   * @param pooled [B, C] of the class token, after the final norm
   */
  public record Output(Tensor lastHidden, Tensor pooled) {}

  private final Config config;
  private final Backend b;
  private final Tensor classEmbedding;
  private final Filter patchEmbedding;
  private final Tensor positionEmbedding;
  private final Tensor preNormWeight;
  private final Tensor preNormBias;
  private final List<ClipLayer> layers;
  private final Tensor postNormWeight;
  private final Tensor postNormBias;

  public ClipVisionEncoder(Config config, Weights weights) {
    this.config = config;
    this.b = weights.backend();
    int width = config.hiddenSize;
    Weights vision = weights.at("vision_model");
    Weights embeddings = vision.at("embeddings");
    classEmbedding = embeddings.tensor("class_embedding", width).reshape(1, width);
    patchEmbedding = embeddings.filter("patch_embedding.weight", width, 3, config.patchSize, config.patchSize);
    positionEmbedding = embeddings.tensor("position_embedding.weight", config.tokens(), width);
    // spelt so in the official code
    preNormWeight = vision.tensor("pre_layrnorm.weight", width);
    preNormBias = vision.tensor("pre_layrnorm.bias", width);
    layers = IntStream.range(0, config.numHiddenLayers).mapToObj(i -> new ClipLayer(config.layer(), vision.at("encoder.layers").at(i))).toList();
    postNormWeight = vision.tensor("post_layernorm.weight", width);
    postNormBias = vision.tensor("post_layernorm.bias", width);
  }

  public Config config() {
    return config;
  }

  /** pixels [B, imageSize, imageSize, 3], normalised. The outputs belong to the caller's scope. The tap sees {@code hidden_states.0}. */
  public Output encode(Tensor pixels, Tap tap) {
    long batch = pixels.dim(0);
    long patches = config.tokens() - 1;
    int width = config.hiddenSize;
    float eps = config.layerNormEps;
    Tensor x = b.alloc(DType.F32, batch, 1 + patches, width);
    Tensor pooled = b.alloc(DType.F32, batch, width);
    Tensor classes = x.slice(1, 0, 1).reshape(batch, width);
    try (Backend.Scope _ = b.scope()) {
      Tensor embedded = b.alloc(DType.F32, batch, config.side(), config.side(), width);
      b.conv2d(pixels, patchEmbedding, null, config.patchSize, Padding.NONE, null, embedded);
      b.copy(embedded.reshape(batch, patches, width), x.slice(1, 1, patches));
      b.gather(classEmbedding, b.tensor(HostTensor.of("class", new int[(int) batch], batch)), classes);
    }
    b.add(x, positionEmbedding, x);
    b.norm(Norm.LAYER, x, preNormWeight, preNormBias, eps, null, x);
    tap.accept("hidden_states.0", x);
    for (ClipLayer layer : layers) {
      layer.forward(x);
    }
    b.norm(Norm.LAYER, classes, postNormWeight, postNormBias, eps, null, pooled);
    return new Output(x, pooled);
  }
}

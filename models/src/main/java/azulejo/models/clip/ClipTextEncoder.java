package azulejo.models.clip;

import azulejo.kernels.Activation;
import azulejo.kernels.AttentionMask;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Norm;
import azulejo.kernels.Tensor;
import azulejo.models.layers.Linear;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.checkpoint.Weights;
import java.util.List;
import java.util.stream.IntStream;

/**
 * CLIP's text encoder: a causal pre-norm transformer over byte-pair tokens.
 *
 * <p>Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (ICML 2021), section 2.4. Follows transformers'
 * {@code models/clip/modeling_clip.py} (CLIPTextModel, CLIPTextModelWithProjection, and the text half of CLIPModel) without an attention mask, as the image
 * pipelines call it: padding comes after the end token, where a causal model cannot see it from the pooled position.
 */
public final class ClipTextEncoder {
  /** An end token id that openai/clip-* configurations carry although their tokenizers end with the highest id: it asks for the old pooling rule. */
  private static final int LEGACY_EOS_TOKEN_ID = 2;

  /**
   * The fields of {@code config.json}, or of its {@code text_config}, that shape the model.
   *
   * @param projectionDim width of {@link Output#embeds}
   */
  public record Config(int vocabSize, int hiddenSize, int intermediateSize, int numHiddenLayers, int numAttentionHeads, int maxPositionEmbeddings,
      int projectionDim, Activation hiddenAct, float layerNormEps, int eosTokenId) {
    /** Of a text model's own configuration, or of a whole CLIP model's. */
    public static Config of(JsonConfig root) {
      JsonConfig json = root.has("text_config") ? root.section("text_config") : root;
      ClipLayer.Config layer = ClipLayer.Config.of(json, 512, 2048, 8, AttentionMask.CAUSAL);
      return new Config(json.integer("vocab_size", 49408), layer.width(), layer.intermediate(), ClipLayer.Config.layers(json), layer.heads(),
          json.integer("max_position_embeddings", 77), root.integer("projection_dim", 512), layer.activation(), layer.eps(),
          json.integer("eos_token_id", 49407));
    }

    /** Where {@link Output#pooled} is taken from: the first end token, or by the old rule the first of the highest ids. */
    public int poolPosition(int[] ids) {
      int best = 0;
      for (int t = 0; t < ids.length; t++) {
        if (eosTokenId != LEGACY_EOS_TOKEN_ID && ids[t] == eosTokenId) {
          return t;
        }
        if (eosTokenId == LEGACY_EOS_TOKEN_ID && ids[t] > ids[best]) {
          best = t;
        }
      }
      return best;
    }
  }

  /**
   * @param lastHidden [B, T, C] after the final norm
   * @param penultimate [B, T, C] {@code hidden_states[-2]}: what the last layer got, without the final norm
   * @param pooled [B, C] of lastHidden at the end token
   * @param embeds [B, projectionDim] projected, not normalised; null where the checkpoint has no projection
   */
  public record Output(Tensor lastHidden, Tensor penultimate, Tensor pooled, Tensor embeds) {}

  private final Config config;
  private final Backend b;
  private final Tensor tokenEmbedding;
  private final Tensor positionEmbedding;
  private final List<ClipLayer> layers;
  private final Tensor finalNormWeight;
  private final Tensor finalNormBias;
  private final Linear textProjection;

  public ClipTextEncoder(Config config, Weights weights) {
    this.config = config;
    this.b = weights.backend();
    int width = config.hiddenSize;
    Weights text = weights.at("text_model");
    Weights embeddings = text.at("embeddings");
    tokenEmbedding = embeddings.tensor("token_embedding.weight", config.vocabSize, width);
    positionEmbedding = embeddings.tensor("position_embedding.weight", config.maxPositionEmbeddings, width);
    ClipLayer.Config layer = new ClipLayer.Config(width, config.intermediateSize, config.numAttentionHeads, config.hiddenAct, config.layerNormEps,
        AttentionMask.CAUSAL);
    layers = IntStream.range(0, config.numHiddenLayers).mapToObj(i -> new ClipLayer(layer, text.at("encoder.layers").at(i))).toList();
    finalNormWeight = text.tensor("final_layer_norm.weight", width);
    finalNormBias = text.tensor("final_layer_norm.bias", width);
    textProjection = weights.has("text_projection.weight") ? Linear.load(weights, "text_projection", config.projectionDim, width, false) : null;
  }

  public Config config() {
    return config;
  }

  /** The outputs belong to the caller's scope; ids [B][T] with T at most {@code maxPositionEmbeddings}. The tap sees {@code hidden_states.0}. */
  public Output encode(int[][] ids, Tap tap) {
    int batch = ids.length;
    int length = ids[0].length;
    int width = config.hiddenSize;
    Tensor x = b.alloc(DType.F32, batch, length, width);
    Tensor penultimate = b.alloc(DType.F32, batch, length, width);
    Tensor pooled = b.alloc(DType.F32, batch, width);
    Tensor embeds = textProjection == null ? null : b.alloc(DType.F32, batch, config.projectionDim);
    try (Backend.Scope _ = b.scope()) {
      int[] flat = IntStream.range(0, batch * length).map(i -> ids[i / length][i % length]).toArray();
      b.gather(tokenEmbedding, b.tensor(HostTensor.of("input_ids", flat, batch, length)), x);
      b.add(x, positionEmbedding.slice(0, 0, length), x);
      tap.accept("hidden_states.0", x);

      for (ClipLayer layer : layers.subList(0, layers.size() - 1)) {
        layer.forward(x);
      }
      b.copy(x, penultimate);
      layers.getLast().forward(x);
      b.norm(Norm.LAYER, x, finalNormWeight, finalNormBias, config.layerNormEps, null, x);

      int[] ends = IntStream.range(0, batch).map(i -> i * length + config.poolPosition(ids[i])).toArray();
      b.gather(x.reshape(batch * length, width), b.tensor(HostTensor.of("pool_position", ends, batch)), pooled);
      if (textProjection != null) {
        textProjection.apply(b, pooled, embeds);
      }
    }
    return new Output(x, penultimate, pooled, embeds);
  }
}

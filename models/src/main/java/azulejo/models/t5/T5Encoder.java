package azulejo.models.t5;

import azulejo.kernels.Activation;
import azulejo.kernels.AttentionMask;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.models.layers.Linear;
import azulejo.models.layers.RmsNorm;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.checkpoint.Weights;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * T5's encoder, of version 1.1 and of Flan-T5: a pre-norm transformer whose only knowledge of order is a learned bias on the attention scores.
 *
 * <p>Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer" (JMLR 2020), section 2.1, with the gated
 * feed-forward of Shazeer, "GLU Variants Improve Transformer" (arXiv 2002.05202). Follows transformers' {@code models/t5/modeling_t5.py} (T5Stack,
 * T5Attention, T5LayerFF). The checkpoint may be an encoder-decoder's: what belongs to the decoder is left alone.
 *
 * <p>Scores are not scaled: the initialisation of T5's weights takes care of that.
 */
public final class T5Encoder {
  /**
   * The fields of {@code config.json} that shape the encoder.
   *
   * @param dKv width of a head; heads * dKv need not be dModel
   * @param dFf width of the gated feed-forward
   * @param numBuckets of relative positions, half of them for keys after the query
   * @param maxDistance from which on all positions share the last bucket of their side
   */
  public record Config(int vocabSize, int dModel, int dKv, int dFf, int numLayers, int numHeads, int numBuckets, int maxDistance, float layerNormEpsilon) {
    public static Config of(JsonConfig json) {
      String feedForward = json.text("feed_forward_proj", "relu");
      if (!feedForward.equals("gated-gelu")) {
        throw json.fault("feed_forward_proj", "is \"" + feedForward + "\", but only gated-gelu (T5 1.1, Flan-T5) is known");
      }
      int buckets = json.integer("relative_attention_num_buckets", 32);
      if (buckets < 4 || buckets % 2 != 0) {
        throw json.fault("relative_attention_num_buckets", "is " + buckets + ", but an even number from 4 is needed");
      }
      int distance = json.integer("relative_attention_max_distance", 128);
      if (distance <= buckets / 4) {
        throw json.fault("relative_attention_max_distance", "is " + distance + ", but must be more than a quarter of the " + buckets + " buckets");
      }
      return new Config(json.integer("vocab_size", 32128), positive(json, "d_model", 512), positive(json, "d_kv", 64), positive(json, "d_ff", 2048),
          positive(json, "num_layers", 6), positive(json, "num_heads", 8), buckets, distance, (float) json.real("layer_norm_epsilon", 1e-6));
    }

    private static int positive(JsonConfig json, String name, int absent) {
      int value = json.integer(name, absent);
      if (value < 1) {
        throw json.fault(name, "is " + value + ", but at least 1 is needed");
      }
      return value;
    }

    /** Width of the queries of all heads. */
    int inner() {
      return numHeads * dKv;
    }

    /**
     * The bucket of a relative position: each small distance has its own, larger ones share theirs on a logarithmic scale. In float32 as
     * {@code T5Attention._relative_position_bucket}, because the floor is taken.
     *
     * @param relative the key's position less the query's
     */
    public int bucket(int relative) {
      int side = numBuckets / 2;
      int exact = side / 2;
      int distance = Math.abs(relative);
      int offset = relative > 0 ? side : 0;
      if (distance < exact) {
        return offset + distance;
      }
      float scale = (float) Math.log((float) distance / exact) / (float) Math.log((double) maxDistance / exact);
      return offset + Math.min(side - 1, exact + (int) (scale * (side - exact)));
    }
  }

  private final Config config;
  private final Backend b;
  private final Tensor embedding;
  private final HostTensor relativeBias;
  private final List<Block> blocks;
  private final RmsNorm finalNorm;

  public T5Encoder(Config config, Weights weights) {
    this.config = config;
    this.b = weights.backend();
    String shared = weights.has("shared.weight") ? "shared.weight" : "encoder.embed_tokens.weight";
    embedding = weights.tensor(shared, config.vocabSize, config.dModel);
    Weights encoder = weights.at("encoder");
    relativeBias = encoder.host("block.0.layer.0.SelfAttention.relative_attention_bias.weight", config.numBuckets, config.numHeads);
    blocks = IntStream.range(0, config.numLayers).mapToObj(i -> new Block(encoder.at("block").at(i))).toList();
    finalNorm = norm(encoder, "final_layer_norm");
  }

  private RmsNorm norm(Weights w, String name) {
    return new RmsNorm(w.tensor(name + ".weight", config.dModel), config.layerNormEpsilon);
  }

  public Config config() {
    return config;
  }

  /**
   * The final states [B, T, dModel], in the caller's scope. Those of padding are computed too, as the official model does. The tap sees
   * {@code hidden_states.0} to {@code hidden_states.<numLayers>}.
   *
   * @param ids [B][T]
   * @param lengths how many tokens of each row come before its padding, which no query sees
   */
  public Tensor encode(int[][] ids, int[] lengths, Tap tap) {
    int batch = ids.length;
    int tokens = ids[0].length;
    Tensor x = b.alloc(DType.F32, batch, tokens, config.dModel);
    try (Backend.Scope _ = b.scope()) {
      int[] flat = Arrays.stream(ids).flatMapToInt(Arrays::stream).toArray();
      b.gather(embedding, b.tensor(HostTensor.of("input_ids", flat, batch, tokens)), x);
      Tensor bias = bias(tokens, lengths);
      for (int i = 0; i < blocks.size(); i++) {
        tap.accept("hidden_states." + i, x);
        blocks.get(i).forward(x, bias);
      }
      finalNorm.apply(b, x, x);
      tap.accept("hidden_states." + blocks.size(), x);
    }
    return x;
  }

  /** What is added to every layer's scores: [1, heads, T, T], or [B, heads, T, T] where there is padding to hide. */
  private Tensor bias(int tokens, int[] lengths) {
    float[] positions = positionBias(tokens);
    if (Arrays.stream(lengths).allMatch(length -> length == tokens)) {
      return b.tensor(HostTensor.of("bias", positions, 1, config.numHeads, tokens, tokens));
    }
    Tensor bias = b.alloc(DType.F32, lengths.length, config.numHeads, tokens, tokens);
    for (int row = 0; row < lengths.length; row++) {
      float[] values = positions.clone();
      for (int query = 0; query < config.numHeads * tokens; query++) {
        Arrays.fill(values, query * tokens + lengths[row], (query + 1) * tokens, Float.NEGATIVE_INFINITY);
      }
      b.upload(HostTensor.of("bias", values, 1, config.numHeads, tokens, tokens), bias.slice(0, row, 1));
    }
    return bias;
  }

  /** {@code compute_bias(tokens, tokens)}: [heads, T, T], row by row. */
  public float[] positionBias(int tokens) {
    float[] bias = new float[config.numHeads * tokens * tokens];
    for (int i = 0; i < bias.length; i++) {
      int head = i / (tokens * tokens);
      int query = i / tokens % tokens;
      int key = i % tokens;
      bias[i] = relativeBias.floatAt((long) config.bucket(key - query) * config.numHeads + head);
    }
    return bias;
  }

  private final class Block {
    private final RmsNorm norm1;
    private final Linear q;
    private final Linear k;
    private final Linear v;
    private final Linear o;
    private final RmsNorm norm2;
    private final Linear wi0;
    private final Linear wi1;
    private final Linear wo;

    Block(Weights w) {
      Weights attention = w.at("layer.0.SelfAttention");
      Weights feedForward = w.at("layer.1.DenseReluDense");
      norm1 = norm(w, "layer.0.layer_norm");
      q = Linear.load(attention, "q", config.inner(), config.dModel, false);
      k = Linear.load(attention, "k", config.inner(), config.dModel, false);
      v = Linear.load(attention, "v", config.inner(), config.dModel, false);
      o = Linear.load(attention, "o", config.dModel, config.inner(), false);
      norm2 = norm(w, "layer.1.layer_norm");
      wi0 = Linear.load(feedForward, "wi_0", config.dFf, config.dModel, false);
      wi1 = Linear.load(feedForward, "wi_1", config.dFf, config.dModel, false);
      wo = Linear.load(feedForward, "wo", config.dModel, config.dFf, false);
    }

    /** x [B, T, C], in place. */
    void forward(Tensor x, Tensor bias) {
      attend(x, bias);
      feedForward(x);
    }

    private void attend(Tensor x, Tensor bias) {
      try (Backend.Scope _ = b.scope()) {
        Tensor y = b.alloc(DType.F32, x.shape().toArray());
        Tensor queries = b.alloc(DType.F32, x.dim(0), x.dim(1), config.inner());
        Tensor keys = b.alloc(DType.F32, queries.shape().toArray());
        Tensor values = b.alloc(DType.F32, queries.shape().toArray());
        Tensor mixed = b.alloc(DType.F32, queries.shape().toArray());
        norm1.apply(b, x, y);
        q.apply(b, y, queries);
        k.apply(b, y, keys);
        v.apply(b, y, values);
        b.attention(queries, keys, values, config.numHeads, 1, AttentionMask.NONE, bias, mixed);
        o.addTo(b, mixed, x, Tap.NONE, "SelfAttention");
      }
    }

    private void feedForward(Tensor x) {
      try (Backend.Scope _ = b.scope()) {
        Tensor y = b.alloc(DType.F32, x.shape().toArray());
        Tensor valueAndGate = b.alloc(DType.F32, x.dim(0), x.dim(1), 2 * config.dFf);
        Tensor inner = b.alloc(DType.F32, x.dim(0), x.dim(1), config.dFf);
        norm2.apply(b, x, y);
        wi1.apply(b, y, valueAndGate.slice(2, 0, config.dFf));
        wi0.apply(b, y, valueAndGate.slice(2, config.dFf, config.dFf));
        b.gate(valueAndGate, Activation.GELU_TANH, inner);
        wo.addTo(b, inner, x, Tap.NONE, "DenseReluDense");
      }
    }
  }
}

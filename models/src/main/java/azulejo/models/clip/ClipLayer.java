package azulejo.models.clip;

import azulejo.kernels.Activation;
import azulejo.kernels.AttentionMask;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Norm;
import azulejo.kernels.Tensor;
import azulejo.models.layers.Linear;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.checkpoint.Weights;

/** A pre-norm transformer layer, the same in both halves of CLIP but for what a position sees; CLIPEncoderLayer in transformers' {@code modeling_clip.py}. */
final class ClipLayer {
  /**
   * @param width channels C
   * @param intermediate channels inside the feed-forward part
   */
  record Config(int width, int intermediate, int heads, Activation activation, float eps, AttentionMask mask) {
    /** Of {@code config.json}; the numbers are those of a field that is absent. */
    static Config of(JsonConfig json, int width, int intermediate, int heads, AttentionMask mask) {
      Activation activation = switch (json.text("hidden_act", "quick_gelu")) {
        case "quick_gelu" -> Activation.QUICK_GELU;
        case "gelu" -> Activation.GELU;
        default -> throw json.fault("hidden_act", "is \"" + json.text("hidden_act") + "\", but only quick_gelu and gelu are known");
      };
      int hidden = json.integer("hidden_size", width);
      int count = json.integer("num_attention_heads", heads);
      if (count < 1 || hidden % count != 0) {
        throw json.fault("num_attention_heads", "is " + count + ", which does not divide hidden_size " + hidden);
      }
      return new Config(hidden, json.integer("intermediate_size", intermediate), count, activation, (float) json.real("layer_norm_eps", 1e-5), mask);
    }

    static int layers(JsonConfig json) {
      int layers = json.integer("num_hidden_layers", 12);
      if (layers < 1) {
        throw json.fault("num_hidden_layers", "is " + layers + ", but at least 1 is needed");
      }
      return layers;
    }
  }

  private final Config config;
  private final Backend b;
  private final Tensor norm1Weight;
  private final Tensor norm1Bias;
  private final Linear q;
  private final Linear k;
  private final Linear v;
  private final Linear out;
  private final Tensor norm2Weight;
  private final Tensor norm2Bias;
  private final Linear fc1;
  private final Linear fc2;

  ClipLayer(Config config, Weights w) {
    this.config = config;
    this.b = w.backend();
    int width = config.width;
    norm1Weight = w.tensor("layer_norm1.weight", width);
    norm1Bias = w.tensor("layer_norm1.bias", width);
    q = Linear.load(w, "self_attn.q_proj", width, width, true);
    k = Linear.load(w, "self_attn.k_proj", width, width, true);
    v = Linear.load(w, "self_attn.v_proj", width, width, true);
    out = Linear.load(w, "self_attn.out_proj", width, width, true);
    norm2Weight = w.tensor("layer_norm2.weight", width);
    norm2Bias = w.tensor("layer_norm2.bias", width);
    fc1 = Linear.load(w, "mlp.fc1", config.intermediate, width, true);
    fc2 = Linear.load(w, "mlp.fc2", width, config.intermediate, true);
  }

  /** x [B, T, C], in place. */
  void forward(Tensor x) {
    long[] shape = x.shape().toArray();
    try (Backend.Scope _ = b.scope()) {
      Tensor y = b.alloc(DType.F32, shape);
      Tensor queries = b.alloc(DType.F32, shape);
      Tensor keys = b.alloc(DType.F32, shape);
      Tensor values = b.alloc(DType.F32, shape);
      b.norm(Norm.LAYER, x, norm1Weight, norm1Bias, config.eps, null, y);
      q.apply(b, y, queries);
      k.apply(b, y, keys);
      v.apply(b, y, values);
      float scale = (float) (1 / Math.sqrt(config.width / config.heads));
      b.attention(queries, keys, values, config.heads, scale, config.mask, y);
      out.addTo(b, y, x, Tap.NONE, "self_attn");

      Tensor inner = b.alloc(DType.F32, shape[0], shape[1], config.intermediate);
      b.norm(Norm.LAYER, x, norm2Weight, norm2Bias, config.eps, null, y);
      fc1.apply(b, y, config.activation, inner);
      fc2.addTo(b, inner, x, Tap.NONE, "mlp");
    }
  }
}

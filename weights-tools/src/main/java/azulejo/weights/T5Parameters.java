package azulejo.weights;

import azulejo.runtime.checkpoint.JsonConfig;
import java.util.List;

/** The tensors of transformers' {@code T5EncoderModel} with a gated feed-forward. */
final class T5Parameters {
  private T5Parameters() {}

  static List<Parameter> of(JsonConfig config) {
    int width = config.integer("d_model");
    int inner = config.integer("num_heads") * config.integer("d_kv");
    int wide = config.integer("d_ff");
    Parameters all = new Parameters();
    all.embedding("shared", config.integer("vocab_size"), width);
    Parameters encoder = all.at("encoder");
    for (int i = 0; i < config.integer("num_layers"); i++) {
      Parameters block = encoder.at("block").at(i);
      Parameters attention = block.at("layer.0.SelfAttention");
      // the scores are not scaled, so the queries must be small
      attention.modulation("q", inner, width).linear("k", inner, width).linear("v", inner, width).linear("o", width, inner);
      if (i == 0) {
        attention.embedding("relative_attention_bias", config.integer("relative_attention_num_buckets"), config.integer("num_heads"));
      }
      block.at("layer.0").norm("layer_norm", width);
      block.at("layer.1").norm("layer_norm", width);
      block.at("layer.1.DenseReluDense").linear("wi_0", wide, width).linear("wi_1", wide, width).linear("wo", width, wide);
    }
    encoder.norm("final_layer_norm", width);
    return all.list();
  }
}

package azulejo.weights;

import azulejo.runtime.checkpoint.JsonConfig;
import java.util.List;

/** The tensors of transformers' {@code CLIPTextModelWithProjection} and {@code CLIPTextModel}, which lacks the projection. */
final class ClipTextParameters {
  private ClipTextParameters() {}

  static List<Parameter> of(JsonConfig config) {
    int width = config.integer("hidden_size");
    int inner = config.integer("intermediate_size");
    Parameters all = new Parameters();
    if (config.texts("architectures").contains("CLIPTextModelWithProjection")) {
      all.linear("text_projection", config.integer("projection_dim"), width);
    }

    Parameters text = all.at("text_model");
    text.at("embeddings").embedding("token_embedding", config.integer("vocab_size"), width)
        .embedding("position_embedding", config.integer("max_position_embeddings"), width);
    for (int i = 0; i < config.integer("num_hidden_layers"); i++) {
      Parameters layer = text.at("encoder.layers").at(i);
      layerNorm(layer, "layer_norm1", width);
      layerNorm(layer, "layer_norm2", width);
      for (String projection : List.of("q_proj", "k_proj", "v_proj", "out_proj")) {
        layer.at("self_attn").linear(projection, width, width).bias(projection, width);
      }
      layer.at("mlp").linear("fc1", inner, width).bias("fc1", inner).linear("fc2", width, inner).bias("fc2", width);
    }
    layerNorm(text, "final_layer_norm", width);
    return all.list();
  }

  private static void layerNorm(Parameters at, String name, int width) {
    at.norm(name, width).bias(name, width);
  }
}

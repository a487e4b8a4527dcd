package azulejo.weights;

import azulejo.runtime.checkpoint.JsonConfig;
import java.util.List;

/** The tensors of diffusers' {@code Transformer2DModel} for vector-quantised input, the transformer of VQ-Diffusion, in the form that is published. */
final class Transformer2DParameters {
  private static final int EXPANSION = 4;
  private static final int SCALE_AND_SHIFT = 2;

  private Transformer2DParameters() {}

  static List<Parameter> of(JsonConfig config) {
    if (!config.flag("attention_bias")) {
      throw config.fault("attention_bias", "is false; only the published form with biases can be synthesised");
    }
    if (!config.text("activation_fn").equals("geglu-approximate")) {
      throw config.fault("activation_fn", "is not geglu-approximate; only the published form, which is not gated, can be synthesised");
    }
    int width = config.integer("num_attention_heads") * config.integer("attention_head_dim");
    int classes = config.integer("num_vector_embeds");
    int side = config.integer("sample_size");

    Parameters all = new Parameters();
    all.at("latent_image_embedding").embedding("emb", classes, width).embedding("height_emb", side, width).embedding("width_emb", side, width);
    for (int i = 0; i < config.integer("num_layers"); i++) {
      Parameters block = all.at("transformer_blocks").at(i);
      for (String norm : List.of("norm1", "norm2")) {
        block.at(norm).embedding("emb", config.integer("num_embeds_ada_norm"), width)
            .modulation("linear", SCALE_AND_SHIFT * width, width).bias("linear", SCALE_AND_SHIFT * width);
      }
      attention(block.at("attn1"), width, width);
      attention(block.at("attn2"), width, config.integer("cross_attention_dim"));
      block.norm("norm3", width).bias("norm3", width);
      linear(block.at("ff.net"), "0.proj", EXPANSION * width, width);
      linear(block.at("ff.net"), "2", width, EXPANSION * width);
    }
    all.norm("norm_out", width).bias("norm_out", width);
    linear(all, "out", classes - 1, width);
    return all.list();
  }

  private static void attention(Parameters at, int width, int memoryWidth) {
    linear(at, "to_q", width, width);
    linear(at, "to_k", width, memoryWidth);
    linear(at, "to_v", width, memoryWidth);
    linear(at, "to_out.0", width, width);
  }

  private static void linear(Parameters at, String name, int outputs, int inputs) {
    at.linear(name, outputs, inputs).bias(name, outputs);
  }
}

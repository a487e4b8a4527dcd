package azulejo.weights;

import azulejo.runtime.checkpoint.JsonConfig;
import java.util.List;

/** The tensors of diffusers' {@code UVit2DModel}, the transformer of aMUSEd, in the form that is published: no biases, affine norms. */
final class UVit2DParameters {
  private static final int GATED = 2;
  private static final int SCALE_AND_SHIFT = 2;

  private UVit2DParameters() {}

  static List<Parameter> of(JsonConfig config) {
    if (config.flag("use_bias")) {
      throw config.fault("use_bias", "is true; only the published form without biases can be synthesised");
    }
    if (!config.flag("ln_elementwise_affine")) {
      throw config.fault("ln_elementwise_affine", "is false; only the published form with affine norms can be synthesised");
    }
    int width = config.integer("hidden_size");
    int channels = config.integer("block_out_channels");
    int embed = config.integer("in_channels");
    int inner = config.integer("intermediate_size");

    Parameters all = new Parameters();
    all.linear("encoder_proj", width, config.integer("encoder_hidden_size")).norm("encoder_proj_layer_norm", width);
    all.at("embed").embedding("embeddings", config.integer("vocab_size"), embed).norm("layer_norm", embed).conv("conv", channels, embed, 1);
    all.at("cond_embed").linear("linear_1", width, config.integer("micro_cond_embed_dim") + config.integer("cond_embed_dim"))
        .linear("linear_2", width, width);
    Parameters down = block(all.at("down_block"), config, channels, width);
    if (config.flag("downsample")) {
      down.at("downsample").norm("norm", channels).conv("conv", channels, channels, 2);
    }
    all.norm("project_to_hidden_norm", channels).linear("project_to_hidden", width, channels);
    for (int i = 0; i < config.integer("num_hidden_layers"); i++) {
      Parameters layer = all.at("transformer_layers").at(i);
      for (String norm : List.of("norm1", "norm2", "norm3")) {
        layer.at(norm).norm("norm", width).modulation("linear", SCALE_AND_SHIFT * width, width);
      }
      attention(layer, "attn1", width);
      attention(layer, "attn2", width);
      layer.at("ff.net").linear("0.proj", GATED * inner, width).linear("2", width, inner);
    }
    all.norm("project_from_hidden_norm", width).linear("project_from_hidden", channels, width);
    Parameters up = block(all.at("up_block"), config, channels, width);
    if (config.flag("upsample")) {
      up.at("upsample").norm("norm", channels).transposedConv("conv", channels, channels, 2);
    }
    all.at("mlm_layer").conv("conv1", embed, channels, 1).norm("layer_norm", embed).conv("conv2", config.integer("codebook_size"), embed, 1);
    return all.list();
  }

  /** Pairs of a ConvNeXt block and a block of two attentions to the text. */
  private static Parameters block(Parameters block, JsonConfig config, int channels, int width) {
    for (int i = 0; i < config.integer("num_res_blocks"); i++) {
      Parameters res = block.at("res_blocks").at(i);
      res.depthwise("depthwise", channels, 3).norm("norm", channels)
          .linear("channelwise_linear_1", 4 * channels, channels)
          .linear("channelwise_linear_2", channels, 4 * channels)
          .modulation("cond_embeds_mapper", SCALE_AND_SHIFT * channels, width);
      res.at("channelwise_norm").free("gamma", 1, 1, 1, 4 * channels).free("beta", 1, 1, 1, 4 * channels);

      Parameters attention = block.at("attention_blocks").at(i);
      attention.norm("norm1", channels).norm("norm2", channels);
      if (channels != width) {
        attention.linear("kv_mapper", channels, width);
      }
      attention(attention, "attn1", channels);
      attention(attention, "attn2", channels);
    }
    return block;
  }

  private static void attention(Parameters at, String name, int width) {
    at.at(name).linear("to_q", width, width).linear("to_k", width, width).linear("to_v", width, width).linear("to_out.0", width, width);
  }
}

package azulejo.weights;

import azulejo.runtime.checkpoint.JsonConfig;
import java.util.List;

/** The tensors of diffusers' {@code VQModel}. */
final class VqModelParameters {
  private VqModelParameters() {}

  static List<Parameter> of(JsonConfig config) {
    List<Integer> channels = config.integers("block_out_channels");
    int last = channels.getLast();
    int layers = config.integer("layers_per_block");
    int latent = config.integer("latent_channels");
    int code = config.integer("vq_embed_dim", latent);

    boolean midAttention = config.flag("mid_block_add_attention", true);

    Parameters all = new Parameters();
    Parameters encoder = all.at("encoder");
    conv(encoder, "conv_in", channels.getFirst(), config.integer("in_channels"), 3);
    for (int i = 0; i < channels.size(); i++) {
      Parameters level = encoder.at("down_blocks").at(i);
      resnets(level, layers, channels.get(Math.max(0, i - 1)), channels.get(i));
      attentions(level, config.texts("down_block_types").get(i).startsWith("Attn") ? layers : 0, channels.get(i));
      if (i < channels.size() - 1) {
        conv(level.at("downsamplers.0"), "conv", channels.get(i), channels.get(i), 3);
      }
    }
    resnets(encoder.at("mid_block"), 2, last, last);
    attentions(encoder.at("mid_block"), midAttention ? 1 : 0, last);
    groupNorm(encoder, "conv_norm_out", last);
    conv(encoder, "conv_out", latent, last, 3);

    conv(all, "quant_conv", code, latent, 1);
    all.at("quantize").embedding("embedding", config.integer("num_vq_embeddings"), code);
    conv(all, "post_quant_conv", latent, code, 1);

    Parameters decoder = all.at("decoder");
    conv(decoder, "conv_in", last, latent, 3);
    resnets(decoder.at("mid_block"), 2, last, last);
    attentions(decoder.at("mid_block"), midAttention ? 1 : 0, last);
    List<Integer> upwards = channels.reversed();
    for (int i = 0; i < upwards.size(); i++) {
      Parameters level = decoder.at("up_blocks").at(i);
      resnets(level, layers + 1, upwards.get(Math.max(0, i - 1)), upwards.get(i));
      attentions(level, config.texts("up_block_types").get(i).startsWith("Attn") ? layers + 1 : 0, upwards.get(i));
      if (i < upwards.size() - 1) {
        conv(level.at("upsamplers.0"), "conv", upwards.get(i), upwards.get(i), 3);
      }
    }
    groupNorm(decoder, "conv_norm_out", channels.getFirst());
    conv(decoder, "conv_out", config.integer("out_channels"), channels.getFirst(), 3);
    return all.list();
  }

  private static void resnets(Parameters level, int count, int inputs, int outputs) {
    for (int i = 0; i < count; i++) {
      Parameters resnet = level.at("resnets").at(i);
      int from = i == 0 ? inputs : outputs;
      groupNorm(resnet, "norm1", from);
      conv(resnet, "conv1", outputs, from, 3);
      groupNorm(resnet, "norm2", outputs);
      conv(resnet, "conv2", outputs, outputs, 3);
      if (from != outputs) {
        conv(resnet, "conv_shortcut", outputs, from, 1);
      }
    }
  }

  private static void attentions(Parameters level, int count, int channels) {
    for (int i = 0; i < count; i++) {
      Parameters attention = level.at("attentions").at(i);
      groupNorm(attention, "group_norm", channels);
      for (String layer : List.of("to_q", "to_k", "to_v", "to_out.0")) {
        attention.linear(layer, channels, channels).bias(layer, channels);
      }
    }
  }

  private static void conv(Parameters at, String name, int outputs, int inputs, int size) {
    at.conv(name, outputs, inputs, size).bias(name, outputs);
  }

  private static void groupNorm(Parameters at, String name, int channels) {
    at.norm(name, channels).bias(name, channels);
  }
}

package azulejo.weights;

import java.util.List;

/**
 * The tensors of LlamaGen's {@code Transformer} and {@code VQModel} (FoundationVision/LlamaGen {@code autoregressive/models/gpt.py},
 * {@code tokenizer/tokenizer_image/vq_model.py}) in published sizes.
 */
final class LlamaGenParameters {
  static final int CODES = 16_384;
  private static final int CODE_WIDTH = 8;
  /** The feed-forward's width is a multiple of this. */
  private static final int MULTIPLE = 256;
  private static final int VQ_CHANNELS = 128;
  private static final int VQ_LATENT = 256;
  private static final int VQ_BLOCKS = 2;
  /** VQ-16: of {@link #VQ_CHANNELS} at each level, from the full resolution down. */
  private static final int[] VQ_LEVELS = {1, 1, 2, 2, 4};

  private LlamaGenParameters() {}

  /** A class-conditional model. */
  static List<Parameter> ofClasses(int layers, int dim, int classes) {
    Parameters all = new Parameters();
    all.at("cls_embedding").embedding("embedding_table", classes + 1, dim);
    return gpt(all, layers, dim);
  }

  /** A model of captions. */
  static List<Parameter> ofCaptions(int layers, int dim, int tokens, int width) {
    Parameters all = new Parameters();
    Parameters embedding = all.at("cls_embedding");
    embedding.free("uncond_embedding", tokens, width);
    embedding.at("cap_proj").linear("fc1", dim, width).linear("fc2", dim, dim);
    return gpt(all, layers, dim);
  }

  private static List<Parameter> gpt(Parameters all, int layers, int dim) {
    int inner = Math.ceilDiv(8 * dim / 3, MULTIPLE) * MULTIPLE;
    all.embedding("tok_embeddings", CODES, dim).norm("norm", dim).linear("output", CODES, dim);
    for (int i = 0; i < layers; i++) {
      Parameters layer = all.at("layers").at(i);
      layer.norm("attention_norm", dim).norm("ffn_norm", dim);
      layer.at("attention").linear("wqkv", 3L * dim, dim).linear("wo", dim, dim);
      layer.at("feed_forward").linear("w1", inner, dim).linear("w3", inner, dim).linear("w2", dim, inner);
    }
    return all.list();
  }

  /** VQ-16. */
  static List<Parameter> vq() {
    Parameters all = new Parameters();
    int lowest = VQ_LEVELS.length - 1;
    int width = VQ_CHANNELS * VQ_LEVELS[lowest];
    Parameters encoder = all.at("encoder");
    conv(encoder, "conv_in", VQ_CHANNELS, 3, 3);
    for (int i = 0; i <= lowest; i++) {
      Parameters level = encoder.at("conv_blocks").at(i);
      blocks(level, VQ_BLOCKS, VQ_CHANNELS * VQ_LEVELS[Math.max(0, i - 1)], VQ_CHANNELS * VQ_LEVELS[i], i == lowest);
      if (i < lowest) {
        conv(level.at("downsample"), "conv", VQ_CHANNELS * VQ_LEVELS[i], VQ_CHANNELS * VQ_LEVELS[i], 3);
      }
    }
    ends(encoder, width, width, VQ_LATENT);

    Parameters decoder = all.at("decoder");
    conv(decoder, "conv_in", width, VQ_LATENT, 3);
    for (int i = 0; i <= lowest; i++) {
      Parameters level = decoder.at("conv_blocks").at(i);
      int channels = VQ_CHANNELS * VQ_LEVELS[lowest - i];
      blocks(level, VQ_BLOCKS + 1, VQ_CHANNELS * VQ_LEVELS[Math.min(lowest, lowest - i + 1)], channels, i == 0);
      if (i < lowest) {
        conv(level.at("upsample"), "conv", channels, channels, 3);
      }
    }
    ends(decoder, width, VQ_CHANNELS, 3);

    conv(all, "quant_conv", CODE_WIDTH, VQ_LATENT, 1);
    conv(all, "post_quant_conv", VQ_LATENT, CODE_WIDTH, 1);
    all.at("quantize").embedding("embedding", CODES, CODE_WIDTH);
    return all.list();
  }

  /** The blocks at the lowest resolution, of {@code width} channels, and the way out from {@code last}. */
  private static void ends(Parameters half, int width, int last, int outputs) {
    Parameters mid = half.at("mid");
    resnet(mid.at(0), width, width);
    attention(mid.at(1), width);
    resnet(mid.at(2), width, width);
    norm(half, "norm_out", last);
    conv(half, "conv_out", outputs, last, 3);
  }

  private static void blocks(Parameters level, int count, int inputs, int outputs, boolean attention) {
    for (int i = 0; i < count; i++) {
      resnet(level.at("res").at(i), i == 0 ? inputs : outputs, outputs);
      if (attention) {
        attention(level.at("attn").at(i), outputs);
      }
    }
  }

  private static void resnet(Parameters at, int inputs, int outputs) {
    norm(at, "norm1", inputs);
    conv(at, "conv1", outputs, inputs, 3);
    norm(at, "norm2", outputs);
    conv(at, "conv2", outputs, outputs, 3);
    if (inputs != outputs) {
      conv(at, "nin_shortcut", outputs, inputs, 1);
    }
  }

  private static void attention(Parameters at, int channels) {
    norm(at, "norm", channels);
    for (String projection : List.of("q", "k", "v", "proj_out")) {
      conv(at, projection, channels, channels, 1);
    }
  }

  private static void conv(Parameters at, String name, int outputs, int inputs, int size) {
    at.conv(name, outputs, inputs, size).bias(name, outputs);
  }

  private static void norm(Parameters at, String name, int channels) {
    at.norm(name, channels).bias(name, channels);
  }
}

package azulejo.models.vq;

import azulejo.kernels.Activation;
import azulejo.kernels.AttentionMask;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Padding;
import azulejo.kernels.Tensor;
import azulejo.models.Image;
import azulejo.models.layers.Conv;
import azulejo.models.layers.GroupNorm;
import azulejo.models.layers.Linear;
import azulejo.runtime.OptionException;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.checkpoint.Weights;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The VQ autoencoder that turns pixels into a grid of codes and back.
 *
 * <p>Esser et al., "Taming Transformers for High-Resolution Image Synthesis" (CVPR 2021), section 3.1. Follows diffusers'
 * {@code models/vq_model.py} (VQModel), {@code models/autoencoders/vae.py} (Encoder, Decoder, VectorQuantizer) and the blocks of
 * {@code models/unets/unet_2d_blocks.py} that these use. Other codebases have the same blocks under other {@link Names}.
 *
 * <p>Images are [B, H, W, 3] in the range that the model was trained on (aMUSEd: 0 to 1, VQ-Diffusion and LlamaGen: -1 to 1), code grids [B, h, w]
 * smaller by {@link Config#factor}. The encoder, which generation does not need, is loaded when it is first used.
 */
public final class VqModel {
  /**
   * What a checkpoint calls the parts, in the encoder and the decoder alike.
   *
   * @param down the encoder's levels, from the full resolution down
   * @param up the decoder's levels, from the lowest resolution up
   * @param resnets a level's residual blocks
   * @param attentions what follows each of them where the level has attention
   * @param mid the two residual blocks at the lowest resolution that belong to no level
   * @param midAttention what lies between those two
   */
  public record Names(String down, String up, String resnets, String attentions, String downsampler, String upsampler, List<String> mid,
      String midAttention, String normOut, String shortcut, String attentionNorm, String query, String key, String value, String attentionOut) {
    public static final Names DIFFUSERS = new Names("down_blocks", "up_blocks", "resnets", "attentions", "downsamplers.0.conv", "upsamplers.0.conv",
        List.of("mid_block.resnets.0", "mid_block.resnets.1"), "mid_block.attentions.0", "conv_norm_out", "conv_shortcut", "group_norm", "to_q", "to_k",
        "to_v", "to_out.0");
  }

  /**
   * What shapes the model, after the fields of diffusers' {@code config.json}.
   *
   * @param encoderChannels channels of each of the encoder's levels, from the full resolution down
   * @param decoderChannels the decoder's, in the same order
   * @param downAttention whether the encoder's level has attention, in the same order
   * @param upAttention whether the decoder's level has attention, from the lowest resolution up
   * @param vqEmbedDim width of a code
   * @param unitCodes whether codes are scaled to unit length where they are looked up, and latents where they are quantised
   */
  public record Config(Names names, int inChannels, int outChannels, List<Integer> encoderChannels, List<Integer> decoderChannels,
      List<Boolean> downAttention, List<Boolean> upAttention, int layersPerBlock, int latentChannels, int vqEmbedDim, int numVqEmbeddings,
      int normNumGroups, boolean midBlockAddAttention, boolean unitCodes) {
    /** Of a diffusers checkpoint. */
    public static Config of(JsonConfig json) {
      List<Integer> channels = json.integers("block_out_channels");
      int groups = json.integer("norm_num_groups", 32);
      if (channels.isEmpty() || channels.stream().anyMatch(c -> c < 1 || groups < 1 || c % groups != 0)) {
        throw json.fault("block_out_channels", "is " + channels + ", but each must be a positive multiple of norm_num_groups " + groups);
      }
      demand(json, "act_fn", "silu", "silu");
      demand(json, "norm_type", "group", "group");
      int latent = json.integer("latent_channels", 3);
      return new Config(Names.DIFFUSERS, json.integer("in_channels", 3), json.integer("out_channels", 3), channels, channels,
          attention(json, "down_block_types", "DownEncoderBlock2D", channels.size()), attention(json, "up_block_types", "UpDecoderBlock2D", channels.size()),
          json.integer("layers_per_block", 1), latent, json.integer("vq_embed_dim", latent), json.integer("num_vq_embeddings", 256), groups,
          json.flag("mid_block_add_attention", true), false);
    }

    private static void demand(JsonConfig json, String field, String absent, String known) {
      if (!json.text(field, absent).equals(known)) {
        throw json.fault(field, "is \"" + json.text(field) + "\", but only \"" + known + "\" is known");
      }
    }

    private static List<Boolean> attention(JsonConfig json, String field, String plain, int levels) {
      List<String> types = json.texts(field);
      if (types.size() != levels || !types.stream().allMatch(t -> t.equals(plain) || t.equals("Attn" + plain))) {
        throw json.fault(field, "is " + types + ", but " + levels + " of " + plain + " or Attn" + plain + " are expected");
      }
      return types.stream().map(t -> !t.equals(plain)).toList();
    }

    /** How many pixels a code covers in each direction. */
    public int factor() {
      return 1 << decoderChannels.size() - 1;
    }
  }

  private final Config config;
  private final Names names;
  private final Weights weights;
  private final Backend b;
  private final Tensor codebook;
  private final Decoder decoder;
  private Encoder encoder;

  public VqModel(Config config, Weights weights) {
    this.config = config;
    this.names = config.names;
    this.weights = weights;
    this.b = weights.backend();
    this.codebook = config.unitCodes ? b.weight(unitCodes()) : weights.tensor("quantize.embedding.weight", config.numVqEmbeddings, config.vqEmbedDim);
    this.decoder = new Decoder();
  }

  /** {@code F.normalize} of the codebook's rows. */
  private HostTensor unitCodes() {
    HostTensor stored = weights.host("quantize.embedding.weight", config.numVqEmbeddings, config.vqEmbedDim);
    float[] rows = stored.toFloats();
    for (int from = 0; from < rows.length; from += config.vqEmbedDim) {
      double squares = 0;
      for (int i = from; i < from + config.vqEmbedDim; i++) {
        squares += (double) rows[i] * rows[i];
      }
      double length = Math.max(Math.sqrt(squares), 1e-12);
      for (int i = from; i < from + config.vqEmbedDim; i++) {
        rows[i] = (float) (rows[i] / length);
      }
    }
    return HostTensor.of(stored.name(), rows, config.numVqEmbeddings, config.vqEmbedDim);
  }

  public Config config() {
    return config;
  }

  /** codes I32 [B, h, w]; the picture [B, H, W, 3], not clipped, belongs to the caller's scope. */
  public Tensor decode(Tensor codes, Tap tap) {
    int factor = config.factor();
    Tensor pixels = b.alloc(DType.F32, codes.dim(0), codes.dim(1) * factor, codes.dim(2) * factor, config.outChannels);
    try (Backend.Scope _ = b.scope()) {
      Tensor quantised = b.alloc(DType.F32, codes.dim(0), codes.dim(1), codes.dim(2), config.vqEmbedDim);
      b.gather(codebook, codes, quantised);
      tap.accept("codebook_entry", quantised);
      decoder.forward(quantised, pixels, tap);
    }
    return pixels;
  }

  /** pixels [B, H, W, 3] with H and W multiples of {@link Config#factor}; the latents [B, h, w, vqEmbedDim] before quantisation belong to the caller's scope. */
  public Tensor encode(Tensor pixels, Tap tap) {
    int factor = config.factor();
    Tensor latents = b.alloc(DType.F32, pixels.dim(0), pixels.dim(1) / factor, pixels.dim(2) / factor, config.vqEmbedDim);
    try (Backend.Scope _ = b.scope()) {
      encoder().forward(pixels, latents, tap);
    }
    return latents;
  }

  /** The nearest code by Euclidean distance (by angle, with unit codes) for each latent [..., vqEmbedDim], row by row; the lowest on a tie. */
  public int[] quantise(Tensor latents) {
    return encoder().nearest(latents.reshape(latents.rows(), latents.columns()));
  }

  /** Loads the encoder, which otherwise waits until it is first used. */
  public void loadEncoder() {
    encoder();
  }

  /**
   * The codes of a picture, row by row.
   *
   * @param low what the model takes for black
   * @param high for white
   * @throws OptionException when its sides are not multiples of {@link Config#factor}
   */
  public int[] codes(Image image, float low, float high) {
    int factor = config.factor();
    if (image.width() % factor != 0 || image.height() % factor != 0) {
      throw new OptionException("a picture of " + image.width() + "x" + image.height() + " pixels does not divide into codes of " + factor + "x" + factor);
    }
    float[] pixels = new float[image.rgb().length];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = low + (high - low) * ((image.rgb()[i] & 0xFF) / 255f);
    }
    try (Backend.Scope _ = b.scope()) {
      return quantise(encode(b.tensor(HostTensor.of("pixels", pixels, 1, image.height(), image.width(), 3)), Tap.NONE));
    }
  }

  private Encoder encoder() {
    if (encoder == null) {
      encoder = new Encoder();
    }
    return encoder;
  }

  // ---- decoder ------------------------------------------------------------------------------------------------------------

  private final class Decoder {
    private final Linear postQuantConv;
    private final Conv convIn;
    private final Mid midBlock;
    private final List<Level> upBlocks = new ArrayList<>();
    private final GroupNorm convNormOut;
    private final Conv convOut;

    Decoder() {
      List<Integer> channels = config.decoderChannels.reversed();
      Weights w = weights.at("decoder");
      postQuantConv = Linear.load(weights, "post_quant_conv", config.latentChannels, config.vqEmbedDim, true);
      convIn = Conv.load(w, "conv_in", channels.getFirst(), config.latentChannels, 3);
      midBlock = new Mid(w, channels.getFirst());
      for (int i = 0; i < channels.size(); i++) {
        String resampler = i == channels.size() - 1 ? null : names.upsampler;
        upBlocks.add(new Level(w.at(names.up).at(i), channels.get(Math.max(0, i - 1)), channels.get(i), config.layersPerBlock + 1,
            config.upAttention.get(i), resampler));
      }
      convNormOut = norm(w, names.normOut, channels.getLast());
      convOut = Conv.load(w, "conv_out", config.outChannels, channels.getLast(), 3);
    }

    void forward(Tensor quantised, Tensor pixels, Tap tap) {
      Tensor x = b.alloc(DType.F32, quantised.dim(0), quantised.dim(1), quantised.dim(2), config.latentChannels);
      postQuantConv.apply(b, quantised, x);
      tap.accept("post_quant_conv", x);
      x = convIn.same(b, x);
      tap.accept("decoder.conv_in", x);
      midBlock.forward(x, tap.at("decoder"));
      tap.accept("decoder.mid_block", x);
      for (int i = 0; i < upBlocks.size(); i++) {
        Level level = upBlocks.get(i);
        x = level.layers(x);
        if (level.resampler != null) {
          x = upsampled(x, level.resampler);
        }
        tap.accept("decoder." + names.up + "." + i, x);
      }
      convNormOut.apply(b, x, Activation.SILU, x);
      convOut.same(b, x, null, pixels);
    }

    private Tensor upsampled(Tensor x, Conv conv) {
      Tensor out = b.alloc(DType.F32, x.dim(0), 2 * x.dim(1), 2 * x.dim(2), x.dim(3));
      try (Backend.Scope _ = b.scope()) {
        Tensor large = b.alloc(DType.F32, out.shape().toArray());
        b.upsample(x, large);
        conv.same(b, large, null, out);
      }
      return out;
    }
  }

  // ---- encoder and quantiser ----------------------------------------------------------------------------------------------

  private final class Encoder {
    private final Conv convIn;
    private final List<Level> downBlocks = new ArrayList<>();
    private final Mid midBlock;
    private final GroupNorm convNormOut;
    private final Conv convOut;
    private final Linear quantConv;
    private final Linear codes;

    Encoder() {
      List<Integer> channels = config.encoderChannels;
      Weights w = weights.at("encoder");
      convIn = Conv.load(w, "conv_in", channels.getFirst(), config.inChannels, 3);
      for (int i = 0; i < channels.size(); i++) {
        String resampler = i == channels.size() - 1 ? null : names.downsampler;
        downBlocks.add(new Level(w.at(names.down).at(i), channels.get(Math.max(0, i - 1)), channels.get(i), config.layersPerBlock,
            config.downAttention.get(i), resampler));
      }
      midBlock = new Mid(w, channels.getLast());
      convNormOut = norm(w, names.normOut, channels.getLast());
      convOut = Conv.load(w, "conv_out", config.latentChannels, channels.getLast(), 3);
      quantConv = Linear.load(weights, "quant_conv", config.vqEmbedDim, config.latentChannels, true);
      codes = config.unitCodes ? new Linear(b.matrix(unitCodes()), null)
          : new Linear(weights.matrix("quantize.embedding.weight", config.numVqEmbeddings, config.vqEmbedDim), halfNorms());
    }

    void forward(Tensor pixels, Tensor latents, Tap tap) {
      Tensor x = convIn.same(b, pixels);
      tap.accept("encoder.conv_in", x);
      for (int i = 0; i < downBlocks.size(); i++) {
        Level level = downBlocks.get(i);
        x = level.layers(x);
        if (level.resampler != null) {
          x = downsampled(x, level.resampler);
        }
        tap.accept("encoder." + names.down + "." + i, x);
      }
      midBlock.forward(x, tap.at("encoder"));
      tap.accept("encoder.mid_block", x);
      convNormOut.apply(b, x, Activation.NONE, x);
      tap.accept("encoder." + names.normOut, x);
      b.activate(x, Activation.SILU, x);
      x = convOut.same(b, x);
      tap.accept("encoder.conv_out", x);
      quantConv.apply(b, x, latents);
    }

    private Tensor downsampled(Tensor x, Conv conv) {
      Tensor out = b.alloc(DType.F32, x.dim(0), x.dim(1) / 2, x.dim(2) / 2, x.dim(3));
      b.conv2d(x, conv.filter(), conv.bias(), 2, new Padding(0, 0, 1, 1), null, out);
      return out;
    }

    /** {@code -|e|^2 / 2} of each code: with it as bias, {@code z e - |e|^2 / 2} is greatest where the distance {@code |z - e|} is least. */
    private Tensor halfNorms() {
      HostTensor codebook = weights.host("quantize.embedding.weight", config.numVqEmbeddings, config.vqEmbedDim);
      float[] out = new float[config.numVqEmbeddings];
      for (int code = 0; code < out.length; code++) {
        double sum = 0;
        for (int i = 0; i < config.vqEmbedDim; i++) {
          double e = codebook.floatAt((long) code * config.vqEmbedDim + i);
          sum += e * e;
        }
        out[code] = (float) (-sum / 2);
      }
      return b.weight(HostTensor.of("half norms of the codes", out, out.length));
    }

    int[] nearest(Tensor latents) {
      float[] scores;
      try (Backend.Scope _ = b.scope()) {
        Tensor closeness = b.alloc(DType.F32, latents.dim(0), config.numVqEmbeddings);
        codes.apply(b, latents, closeness);
        scores = b.download(closeness).toFloats();
      }
      int[] out = new int[latents.size(0)];
      for (int row = 0; row < out.length; row++) {
        int from = row * config.numVqEmbeddings;
        for (int code = 1; code < config.numVqEmbeddings; code++) {
          if (scores[from + code] > scores[from + out[row]]) {
            out[row] = code;
          }
        }
      }
      return out;
    }
  }

  // ---- blocks -------------------------------------------------------------------------------------------------------------

  private GroupNorm norm(Weights w, String name, int channels) {
    return GroupNorm.load(w, name, config.normNumGroups, channels);
  }

  /** A level of the encoder or decoder: residual blocks, each with attention behind it where the level has that, and a convolution that leads to the next level. */
  private final class Level {
    private final List<Resnet> resnets;
    private final List<Attention> attentions;
    private final Conv resampler;

    Level(Weights w, int inputs, int channels, int layers, boolean attention, String resampler) {
      resnets = IntStream.range(0, layers).mapToObj(i -> new Resnet(w.at(names.resnets).at(i), i == 0 ? inputs : channels, channels)).toList();
      attentions = IntStream.range(0, attention ? layers : 0).mapToObj(i -> new Attention(w.at(names.attentions).at(i), channels)).toList();
      this.resampler = resampler == null ? null : Conv.load(w, resampler, channels, channels, 3);
    }

    /** All but the resampler; x may be overwritten. */
    Tensor layers(Tensor x) {
      for (int i = 0; i < resnets.size(); i++) {
        x = resnets.get(i).forward(x);
        if (!attentions.isEmpty()) {
          attentions.get(i).forward(x);
        }
      }
      return x;
    }
  }

  private final class Mid {
    private final Resnet first;
    private final Attention attention;
    private final Resnet second;

    Mid(Weights w, int channels) {
      first = new Resnet(w.at(names.mid.getFirst()), channels, channels);
      attention = config.midBlockAddAttention ? new Attention(w.at(names.midAttention), channels) : null;
      second = new Resnet(w.at(names.mid.getLast()), channels, channels);
    }

    /** In place. */
    void forward(Tensor x, Tap tap) {
      first.forward(x);
      if (attention != null) {
        attention.forward(x);
        tap.accept(names.midAttention, x);
      }
      second.forward(x);
    }
  }

  private final class Resnet {
    private final GroupNorm norm1;
    private final Conv conv1;
    private final GroupNorm norm2;
    private final Conv conv2;
    private final Linear convShortcut;

    Resnet(Weights w, int inputs, int outputs) {
      norm1 = norm(w, "norm1", inputs);
      conv1 = Conv.load(w, "conv1", outputs, inputs, 3);
      norm2 = norm(w, "norm2", outputs);
      conv2 = Conv.load(w, "conv2", outputs, outputs, 3);
      convShortcut = inputs == outputs ? null : Linear.load(w, names.shortcut, outputs, inputs, true);
    }

    /** In place where the number of channels stays, else into a new tensor. */
    Tensor forward(Tensor x) {
      Tensor out = x;
      if (convShortcut != null) {
        out = b.alloc(DType.F32, x.dim(0), x.dim(1), x.dim(2), conv1.filter().outputs());
        convShortcut.apply(b, x, out);
      }
      try (Backend.Scope _ = b.scope()) {
        Tensor normed = b.alloc(DType.F32, x.shape().toArray());
        norm1.apply(b, x, Activation.SILU, normed);
        Tensor inner = conv1.same(b, normed);
        norm2.apply(b, inner, Activation.SILU, inner);
        conv2.same(b, inner, out, out);
      }
      return out;
    }
  }

  /** Self-attention over all positions with one head. */
  private final class Attention {
    private final GroupNorm groupNorm;
    private final Linear toQ;
    private final Linear toK;
    private final Linear toV;
    private final Linear toOut;

    Attention(Weights w, int channels) {
      groupNorm = norm(w, names.attentionNorm, channels);
      toQ = load(w, names.query, "query", channels);
      toK = load(w, names.key, "key", channels);
      toV = load(w, names.value, "value", channels);
      toOut = load(w, names.attentionOut, "proj_attn", channels);
    }

    /** Checkpoints from before diffusers 0.12 have the older name. */
    private static Linear load(Weights w, String name, String olderName, int channels) {
      return Linear.load(w, w.has(olderName + ".weight") ? olderName : name, channels, channels, true);
    }

    /** In place. */
    void forward(Tensor image) {
      int channels = image.size(3);
      Tensor x = image.reshape(image.dim(0), image.dim(1) * image.dim(2), channels);
      try (Backend.Scope _ = b.scope()) {
        Tensor normed = b.alloc(DType.F32, image.shape().toArray());
        groupNorm.apply(b, image, Activation.NONE, normed);
        Tensor y = normed.reshape(x.shape().toArray());
        Tensor q = b.alloc(DType.F32, x.shape().toArray());
        Tensor k = b.alloc(DType.F32, x.shape().toArray());
        Tensor v = b.alloc(DType.F32, x.shape().toArray());
        toQ.apply(b, y, q);
        toK.apply(b, y, k);
        toV.apply(b, y, v);
        b.attention(q, k, v, 1, (float) (1 / Math.sqrt(channels)), AttentionMask.NONE, y);
        toOut.addTo(b, y, x, Tap.NONE, "attention");
      }
    }
  }
}

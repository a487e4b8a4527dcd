package azulejo.models.amused;

import azulejo.kernels.Activation;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Filter;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Padding;
import azulejo.kernels.Tensor;
import azulejo.models.layers.Attention;
import azulejo.models.layers.Linear;
import azulejo.models.layers.RmsNorm;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Weights;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * One end of the U-ViT: convolutional residual blocks with attention to the text behind each, and a change of resolution before (down) or after
 * (up) them where the model has that. diffusers' UVitBlock, ConvNextBlock and SkipFFTransformerBlock.
 */
final class UVitBlock {
  /** The norms of the attention blocks have this epsilon whatever the configuration says. */
  private static final float ATTENTION_NORM_EPS = 1e-6f;

  /**
   * What one residual block and its attention need of the prompts.
   *
   * @param modulation [N, 2C] (scale, shift)
   */
  record Given(Tensor modulation, Attention.Memory attn1, Attention.Memory attn2) {
    Stream<Tensor> tensors() {
      return Stream.concat(Stream.of(modulation), Stream.concat(attn1.tensors(), attn2.tensors()));
    }
  }

  private final Backend b;
  private final UVit2D.Config c;
  private final Downsample downsample;
  private final List<ConvNext> resBlocks;
  private final List<TextAttention> attentionBlocks;
  private final Upsample upsample;

  UVitBlock(UVit2D.Config c, Weights w, boolean down, boolean up) {
    this.b = w.backend();
    this.c = c;
    downsample = down ? new Downsample(w.at("downsample")) : null;
    resBlocks = IntStream.range(0, c.numResBlocks()).mapToObj(i -> new ConvNext(w.at("res_blocks").at(i))).toList();
    attentionBlocks = IntStream.range(0, c.numResBlocks()).mapToObj(i -> new TextAttention(w.at("attention_blocks").at(i))).toList();
    upsample = up ? new Upsample(w.at("upsample")) : null;
  }

  /**
   * @param activated [N, hidden] the pooled condition after SiLU
   * @param text [N, S, hidden]
   */
  List<Given> condition(Tensor activated, Tensor text) {
    return IntStream.range(0, c.numResBlocks())
        .mapToObj(i -> attentionBlocks.get(i).condition(resBlocks.get(i).condition(activated), text)).toList();
  }

  /** x [N, H, W, C] is overwritten; the result, of another size where the block resamples, belongs to the caller's scope. */
  Tensor forward(Tensor x, List<Given> given, Tap tap) {
    if (downsample != null) {
      x = downsample.forward(x);
      tap.accept("downsample", x);
    }
    for (int i = 0; i < resBlocks.size(); i++) {
      resBlocks.get(i).forward(x, given.get(i));
      tap.at("res_blocks").accept(Integer.toString(i), x);
      attentionBlocks.get(i).forward(UVit2D.tokens(x), given.get(i));
      tap.at("attention_blocks").accept(Integer.toString(i), UVit2D.tokens(x));
    }
    if (upsample != null) {
      x = upsample.forward(x);
      tap.accept("upsample", x);
    }
    return x;
  }

  /** ConvNeXt-V2's block, then scaled and shifted by the condition. */
  private final class ConvNext {
    private final Tensor depthwise;
    private final Tensor depthwiseBias;
    private final RmsNorm norm;
    private final Linear channelwiseLinear1;
    private final Tensor gamma;
    private final Tensor beta;
    private final Linear channelwiseLinear2;
    private final Linear condEmbedsMapper;

    ConvNext(Weights w) {
      int channels = c.blockOutChannels();
      int inner = 4 * channels;
      depthwise = w.tensor("depthwise.weight", channels, 1, 3, 3);
      depthwiseBias = c.useBias() ? w.tensor("depthwise.bias", channels) : null;
      norm = c.rmsNorm(w, "norm", channels);
      channelwiseLinear1 = Linear.load(w, "channelwise_linear_1", inner, channels, c.useBias());
      gamma = w.tensor("channelwise_norm.gamma", 1, 1, 1, inner).reshape(inner);
      beta = w.tensor("channelwise_norm.beta", 1, 1, 1, inner).reshape(inner);
      channelwiseLinear2 = Linear.load(w, "channelwise_linear_2", channels, inner, c.useBias());
      condEmbedsMapper = Linear.load(w.inFull(), "cond_embeds_mapper", 2 * channels, c.hiddenSize(), c.useBias());
    }

    Tensor condition(Tensor activated) {
      Tensor scaleShift = b.alloc(DType.F32, activated.dim(0), 2L * c.blockOutChannels());
      condEmbedsMapper.apply(b, activated, scaleShift);
      return scaleShift;
    }

    /** x [N, H, W, C], in place. */
    void forward(Tensor x, Given given) {
      Tensor stream = UVit2D.tokens(x);
      try (Backend.Scope _ = b.scope()) {
        Tensor y = b.alloc(DType.F32, x.shape().toArray());
        b.depthwiseConv2d(x, depthwise, depthwiseBias, y);
        norm.apply(b, y, y);
        Tensor inner = b.alloc(DType.F32, stream.dim(0), stream.dim(1), channelwiseLinear1.weight().outputs());
        channelwiseLinear1.apply(b, UVit2D.tokens(y), Activation.GELU, inner);
        b.globalResponseNorm(inner, gamma, beta, inner);
        channelwiseLinear2.addTo(b, inner, stream, Tap.NONE, "channelwise_linear_2");
        b.modulate(stream, given.modulation, stream);
      }
    }
  }

  /** Attends to the text twice; there is neither self-attention nor a feed-forward. */
  private final class TextAttention {
    private final Linear kvMapper;
    private final RmsNorm norm1;
    private final Attention attn1;
    private final RmsNorm norm2;
    private final Attention attn2;

    TextAttention(Weights w) {
      int channels = c.blockOutChannels();
      kvMapper = channels == c.hiddenSize() ? null : Linear.load(w, "kv_mapper", channels, c.hiddenSize(), c.useBias());
      norm1 = new RmsNorm(w.tensor("norm1.weight", channels), ATTENTION_NORM_EPS);
      attn1 = Attention.load(w.at("attn1"), channels, channels, c.blockNumHeads(), c.useBias(), c.useBias());
      norm2 = new RmsNorm(w.tensor("norm2.weight", channels), ATTENTION_NORM_EPS);
      attn2 = Attention.load(w.at("attn2"), channels, channels, c.blockNumHeads(), c.useBias(), c.useBias());
    }

    Given condition(Tensor modulation, Tensor text) {
      Tensor mapped = text;
      if (kvMapper != null) {
        mapped = b.alloc(DType.F32, text.dim(0), text.dim(1), c.blockOutChannels());
        try (Backend.Scope _ = b.scope()) {
          Tensor activated = b.alloc(DType.F32, text.shape().toArray());
          b.activate(text, Activation.SILU, activated);
          kvMapper.apply(b, activated, mapped);
        }
      }
      return new Given(modulation, attn1.memory(b, mapped), attn2.memory(b, mapped));
    }

    /** x [N, T, C], in place. */
    void forward(Tensor x, Given given) {
      try (Backend.Scope _ = b.scope()) {
        Tensor y = b.alloc(DType.F32, x.shape().toArray());
        norm1.apply(b, x, y);
        attn1.addTo(b, y, given.attn1, x, Tap.NONE, "attn1");
        norm2.apply(b, x, y);
        attn2.addTo(b, y, given.attn2, x, Tap.NONE, "attn2");
      }
    }
  }

  /** Halves the resolution: norm, then a 2x2 convolution with stride 2. */
  private final class Downsample {
    private final RmsNorm norm;
    private final Filter conv;
    private final Tensor bias;

    Downsample(Weights w) {
      int channels = c.blockOutChannels();
      norm = c.rmsNorm(w, "norm", channels);
      conv = w.filter("conv.weight", channels, channels, 2, 2);
      bias = c.useBias() ? w.tensor("conv.bias", channels) : null;
    }

    Tensor forward(Tensor x) {
      Tensor out = b.alloc(DType.F32, x.dim(0), x.dim(1) / 2, x.dim(2) / 2, x.dim(3));
      norm.apply(b, x, x);
      b.conv2d(x, conv, bias, 2, Padding.NONE, null, out);
      return out;
    }
  }

  /** Doubles the resolution: norm, then a transposed 2x2 convolution with stride 2, which is a linear layer from a cell to its four sub-cells. */
  private final class Upsample {
    private final RmsNorm norm;
    private final Linear conv;

    Upsample(Weights w) {
      norm = c.rmsNorm(w, "norm", c.blockOutChannels());
      conv = asLinear(w, c.blockOutChannels());
    }

    /** The checkpoint has [inputs, outputs, dy, dx]; the linear layer's rows are (dy, dx, outputs). */
    private Linear asLinear(Weights w, int channels) {
      HostTensor transposed = w.host("conv.weight", channels, channels, 2, 2);
      HostTensor bias = c.useBias() ? w.host("conv.bias", channels) : null;
      float[] rows = new float[4 * channels * channels];
      float[] biases = new float[4 * channels];
      for (int row = 0; row < 4 * channels; row++) {
        int cell = row / channels;
        int output = row % channels;
        for (int input = 0; input < channels; input++) {
          rows[row * channels + input] = transposed.floatAt((long) (input * channels + output) * 4 + cell);
        }
        biases[row] = bias == null ? 0 : bias.floatAt(output);
      }
      return new Linear(b.matrix(HostTensor.of(transposed.name(), rows, 4L * channels, channels)),
          bias == null ? null : b.weight(HostTensor.of(bias.name(), biases, 4L * channels)));
    }

    Tensor forward(Tensor x) {
      Tensor out = b.alloc(DType.F32, x.dim(0), 2 * x.dim(1), 2 * x.dim(2), x.dim(3));
      try (Backend.Scope _ = b.scope()) {
        Tensor cells = b.alloc(DType.F32, x.dim(0), x.dim(1), x.dim(2), 4 * x.dim(3));
        norm.apply(b, x, x);
        conv.apply(b, x, cells);
        b.depthToSpace(cells, out);
      }
      return out;
    }
  }
}

package azulejo.models.amused;

import azulejo.kernels.Activation;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Norm;
import azulejo.kernels.Tensor;
import azulejo.models.layers.Attention;
import azulejo.models.layers.Linear;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Weights;
import java.util.stream.Stream;

/**
 * A layer of the U-ViT's trunk: self-attention, attention to the text and a gated feed-forward, each behind a norm that the pooled condition
 * modulates. diffusers' BasicTransformerBlock with {@code norm_type="ada_norm_continuous"}.
 */
final class TransformerLayer {
  /**
   * What the layer needs of the prompts.
   *
   * @param norm1 [N, 2C] (scale, shift), like the other norms
   */
  record Given(Tensor norm1, Tensor norm2, Tensor norm3, Attention.Memory text) {
    Stream<Tensor> tensors() {
      return Stream.concat(Stream.of(norm1, norm2, norm3), text.tensors());
    }
  }

  /** @param kind the third norm alone subtracts the mean */
  private record AdaNorm(Norm kind, Linear linear, Tensor weight, Tensor bias, float eps) {
    static AdaNorm load(Weights w, Norm kind, UVit2D.Config c) {
      int width = c.hiddenSize();
      Tensor weight = c.lnElementwiseAffine() ? w.tensor("norm.weight", width) : null;
      Tensor bias = kind == Norm.LAYER && c.lnElementwiseAffine() && c.useBias() ? w.tensor("norm.bias", width) : null;
      return new AdaNorm(kind, Linear.load(w.inFull(), "linear", 2 * width, width, c.useBias()), weight, bias, c.layerNormEps());
    }

    Tensor condition(Backend b, Tensor activated) {
      Tensor scaleShift = b.alloc(DType.F32, activated.dim(0), 2 * activated.dim(1));
      linear.apply(b, activated, scaleShift);
      return scaleShift;
    }

    void apply(Backend b, Tensor x, Tensor scaleShift, Tensor out) {
      b.norm(kind, x, weight, bias, eps, scaleShift, out);
    }
  }

  private final Backend b;
  private final AdaNorm norm1;
  private final Attention attn1;
  private final AdaNorm norm2;
  private final Attention attn2;
  private final AdaNorm norm3;
  private final Linear ffIn;
  private final Linear ffOut;

  TransformerLayer(UVit2D.Config c, Weights w) {
    b = w.backend();
    int width = c.hiddenSize();
    norm1 = AdaNorm.load(w.at("norm1"), Norm.RMS, c);
    attn1 = Attention.load(w.at("attn1"), width, width, c.numAttentionHeads(), c.useBias(), c.useBias());
    norm2 = AdaNorm.load(w.at("norm2"), Norm.RMS, c);
    attn2 = Attention.load(w.at("attn2"), width, width, c.numAttentionHeads(), c.useBias(), c.useBias());
    norm3 = AdaNorm.load(w.at("norm3"), Norm.LAYER, c);
    ffIn = Linear.load(w, "ff.net.0.proj", 2 * c.intermediateSize(), width, c.useBias());
    ffOut = Linear.load(w, "ff.net.2", width, c.intermediateSize(), c.useBias());
  }

  /**
   * @param activated [N, C] the pooled condition after SiLU
   * @param text [N, S, C]
   */
  Given condition(Tensor activated, Tensor text) {
    return new Given(norm1.condition(b, activated), norm2.condition(b, activated), norm3.condition(b, activated), attn2.memory(b, text));
  }

  /** x [N, T, C], in place. */
  void forward(Tensor x, Given given, Tap tap) {
    try (Backend.Scope _ = b.scope()) {
      Tensor y = b.alloc(DType.F32, x.shape().toArray());
      norm1.apply(b, x, given.norm1, y);
      tap.accept("norm1", y);
      attn1.addTo(b, y, attn1.memory(b, y), x, tap, "attn1");
      norm2.apply(b, x, given.norm2, y);
      attn2.addTo(b, y, given.text, x, tap, "attn2");
      norm3.apply(b, x, given.norm3, y);
      tap.accept("norm3", y);
      feedForward(y, x, tap);
    }
  }

  private void feedForward(Tensor y, Tensor stream, Tap tap) {
    try (Backend.Scope _ = b.scope()) {
      Tensor valueAndGate = b.alloc(DType.F32, y.dim(0), y.dim(1), ffIn.weight().outputs());
      Tensor inner = b.alloc(DType.F32, y.dim(0), y.dim(1), ffOut.weight().inputs());
      ffIn.apply(b, y, valueAndGate);
      b.gate(valueAndGate, Activation.GELU, inner);
      ffOut.addTo(b, inner, stream, tap, "ff");
    }
  }
}

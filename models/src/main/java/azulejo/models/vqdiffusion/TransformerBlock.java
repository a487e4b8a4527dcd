package azulejo.models.vqdiffusion;

import azulejo.kernels.Activation;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Norm;
import azulejo.kernels.Tensor;
import azulejo.models.layers.Attention;
import azulejo.models.layers.Linear;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Weights;

/**
 * A block of the denoiser: self-attention and attention to the text, each behind a norm that the timestep modulates, then a feed-forward
 * behind a plain one. diffusers' BasicTransformerBlock with {@code norm_type="ada_norm"}.
 */
final class TransformerBlock {
  /** Of a norm without weights of its own, whatever the configuration says. */
  private static final float ADA_NORM_EPS = 1e-5f;

  /**
   * What the adaptive norms make of each timestep.
   *
   * @param norm1 [timesteps, 2C] (scale, shift), like the other
   */
  record Modulation(Tensor norm1, Tensor norm2) {}

  /** @param emb [timesteps, C] */
  private record AdaNorm(Tensor emb, Linear linear) {
    static AdaNorm load(Weights w, Transformer2D.Config c) {
      return new AdaNorm(w.tensor("emb.weight", c.numEmbedsAdaNorm(), c.width()), Linear.load(w.inFull(), "linear", 2 * c.width(), c.width(), true));
    }

    Tensor modulation(Backend b, int timesteps) {
      Tensor scaleShift = b.alloc(DType.F32, timesteps, 2 * emb.dim(1));
      try (Backend.Scope _ = b.scope()) {
        Tensor activated = b.alloc(DType.F32, timesteps, emb.dim(1));
        b.activate(emb.slice(0, 0, timesteps), Activation.SILU, activated);
        linear.apply(b, activated, scaleShift);
      }
      return scaleShift;
    }

    /** The timestep is the same for all images, so their cells count as those of one. */
    static void apply(Backend b, Tensor x, Tensor modulation, int timestep, Tensor out) {
      long cells = x.dim(0) * x.dim(1);
      b.norm(Norm.LAYER, x.reshape(1, cells, x.dim(2)), null, null, ADA_NORM_EPS, modulation.slice(0, timestep, 1),
          out.reshape(1, cells, x.dim(2)));
    }
  }

  private final Backend b;
  private final float eps;
  private final AdaNorm norm1;
  private final Attention attn1;
  private final AdaNorm norm2;
  private final Attention attn2;
  private final Tensor norm3Weight;
  private final Tensor norm3Bias;
  private final FeedForward ff;

  TransformerBlock(Transformer2D.Config c, Weights w) {
    b = w.backend();
    eps = c.normEps();
    int width = c.width();
    norm1 = AdaNorm.load(w.at("norm1"), c);
    attn1 = Attention.load(w.at("attn1"), width, width, c.numAttentionHeads(), c.attentionBias(), true);
    norm2 = AdaNorm.load(w.at("norm2"), c);
    attn2 = Attention.load(w.at("attn2"), width, c.crossAttentionDim(), c.numAttentionHeads(), c.attentionBias(), true);
    norm3Weight = c.normElementwiseAffine() ? w.tensor("norm3.weight", width) : null;
    norm3Bias = c.normElementwiseAffine() ? w.tensor("norm3.bias", width) : null;
    ff = FeedForward.load(w.at("ff"), c.feedForward(), width);
  }

  /** Of timesteps 0 to {@code timesteps - 1}. */
  Modulation modulation(int timesteps) {
    return new Modulation(norm1.modulation(b, timesteps), norm2.modulation(b, timesteps));
  }

  /** text [N, S, crossAttentionDim]. */
  Attention.Memory memory(Tensor text) {
    return attn2.memory(b, text);
  }

  /** x [N, T, C], in place. */
  void forward(Tensor x, Modulation modulation, int timestep, Attention.Memory text, Tap tap) {
    try (Backend.Scope _ = b.scope()) {
      Tensor y = b.alloc(DType.F32, x.shape().toArray());
      AdaNorm.apply(b, x, modulation.norm1, timestep, y);
      tap.accept("norm1", y);
      try (Backend.Scope _ = b.scope()) {
        attn1.addTo(b, y, attn1.memory(b, y), x, tap, "attn1");
      }
      AdaNorm.apply(b, x, modulation.norm2, timestep, y);
      tap.accept("norm2", y);
      attn2.addTo(b, y, text, x, tap, "attn2");
      b.norm(Norm.LAYER, x, norm3Weight, norm3Bias, eps, null, y);
      tap.accept("norm3", y);
      ff.addTo(b, y, x, tap, "ff");
    }
  }
}

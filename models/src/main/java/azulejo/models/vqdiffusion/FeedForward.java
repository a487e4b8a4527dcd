package azulejo.models.vqdiffusion;

import azulejo.kernels.Activation;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.Tensor;
import azulejo.models.layers.Linear;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Weights;

/** The feed-forward of a transformer block; diffusers' {@code models/attention.py} (FeedForward). */
public record FeedForward(Form form, Linear in, Linear out) {
  private static final int EXPANSION = 4;

  /** What lies between the two layers. */
  public enum Form {
    GELU("gelu", Activation.GELU, false),
    GELU_APPROXIMATE("gelu-approximate", Activation.GELU_TANH, false),
    GEGLU("geglu", Activation.GELU, true),
    /** Not gated, whatever its name says. */
    GEGLU_APPROXIMATE("geglu-approximate", Activation.QUICK_GELU, false);

    private final String activationFn;
    private final Activation activation;
    private final boolean gated;

    Form(String activationFn, Activation activation, boolean gated) {
      this.activationFn = activationFn;
      this.activation = activation;
      this.gated = gated;
    }

    /** As {@code config.json} calls it. */
    public String activationFn() {
      return activationFn;
    }
  }

  /** {@code net.0.proj} and {@code net.2}. */
  public static FeedForward load(Weights w, Form form, int width) {
    int inner = EXPANSION * width;
    return new FeedForward(form, Linear.load(w, "net.0.proj", form.gated ? 2 * inner : inner, width, true),
        Linear.load(w, "net.2", width, inner, true));
  }

  /** {@code stream += feedForward(x)}: x, stream [N, T, C]. */
  public void addTo(Backend b, Tensor x, Tensor stream, Tap tap, String name) {
    try (Backend.Scope _ = b.scope()) {
      Tensor inner = b.alloc(DType.F32, x.dim(0), x.dim(1), out.weight().inputs());
      if (form.gated) {
        Tensor valueAndGate = b.alloc(DType.F32, x.dim(0), x.dim(1), in.weight().outputs());
        in.apply(b, x, valueAndGate);
        b.gate(valueAndGate, form.activation, inner);
      } else {
        in.apply(b, x, form.activation, inner);
      }
      out.addTo(b, inner, stream, tap, name);
    }
  }
}

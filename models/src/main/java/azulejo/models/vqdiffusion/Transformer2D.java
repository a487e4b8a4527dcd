package azulejo.models.vqdiffusion;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Norm;
import azulejo.kernels.Tensor;
import azulejo.models.layers.Attention;
import azulejo.models.layers.Linear;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.checkpoint.Weights;
import azulejo.runtime.walk.Denoiser;
import azulejo.runtime.walk.DiffusionSchedule;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * VQ-Diffusion's denoiser: a transformer over the cells of a grid with learned positions, conditioned on the timestep and the prompt; it
 * predicts the clean code of every cell, whether masked, spoilt or right.
 *
 * <p>Gu et al., "Vector Quantized Diffusion Model for Text-to-Image Synthesis" (CVPR 2022), section 4.3. Follows diffusers'
 * {@code models/transformers/transformer_2d.py} (Transformer2DModel for vector-quantised input), {@code models/attention.py}
 * (BasicTransformerBlock with ada_norm), {@code models/normalization.py} (AdaLayerNorm) and {@code models/embeddings.py}
 * (ImagePositionalEmbeddings).
 *
 * <p>What depends on the timestep alone is computed once for a schedule ({@link #modulation}), the text's keys and values once for a prompt
 * ({@link #condition}); a step ({@link #forward}) computes the rest.
 */
public final class Transformer2D {
  /** Of {@code norm_out}, whatever the configuration says. */
  private static final float NORM_OUT_EPS = 1e-5f;

  /**
   * The fields of {@code config.json} that shape the model.
   *
   * @param sampleSize height and width of the grid
   * @param numVectorEmbeds classes: the codes, and last the mask
   * @param numEmbedsAdaNorm timesteps
   */
  public record Config(int numAttentionHeads, int attentionHeadDim, int numLayers, int crossAttentionDim, boolean attentionBias,
      int sampleSize, int numVectorEmbeds, int numEmbedsAdaNorm, FeedForward.Form feedForward, float normEps, boolean normElementwiseAffine) {
    public static Config of(JsonConfig json) {
      // The published file is older than norm_type: the adaptive norm follows from its number of embeddings.
      String norm = json.text("norm_type", "layer_norm");
      if (!norm.equals("layer_norm") && !norm.equals("ada_norm")) {
        throw json.fault("norm_type", "is \"" + norm + "\", but only ada_norm is known");
      }
      for (String variant : List.of("only_cross_attention", "double_self_attention")) {
        if (json.flag(variant, false)) {
          throw json.fault(variant, "is true, but only a self-attention followed by one to the text is known");
        }
      }
      return new Config(atLeast(1, json, "num_attention_heads", json.integer("num_attention_heads", 16)),
          atLeast(1, json, "attention_head_dim", json.integer("attention_head_dim", 88)),
          atLeast(1, json, "num_layers", json.integer("num_layers", 1)),
          atLeast(1, json, "cross_attention_dim", json.integer("cross_attention_dim")), json.flag("attention_bias", false),
          atLeast(1, json, "sample_size", json.integer("sample_size")),
          atLeast(2, json, "num_vector_embeds", json.integer("num_vector_embeds")),
          atLeast(1, json, "num_embeds_ada_norm", json.integer("num_embeds_ada_norm")), form(json), (float) json.real("norm_eps", 1e-5),
          json.flag("norm_elementwise_affine", true));
    }

    private static FeedForward.Form form(JsonConfig json) {
      String name = json.text("activation_fn", "geglu");
      List<FeedForward.Form> forms = List.of(FeedForward.Form.values());
      return forms.stream().filter(form -> form.activationFn().equals(name)).findFirst().orElseThrow(() ->
          json.fault("activation_fn", "is \"" + name + "\", but only "
              + String.join(", ", forms.stream().map(FeedForward.Form::activationFn).toList()) + " are known"));
    }

    private static int atLeast(int least, JsonConfig json, String field, int value) {
      if (value < least) {
        throw json.fault(field, "is " + value + ", but at least " + least + " is needed");
      }
      return value;
    }

    /** C. */
    public int width() {
      return numAttentionHeads * attentionHeadDim;
    }

    /** V, without the mask. */
    public int codes() {
      return numVectorEmbeds - 1;
    }

    /** L. */
    public int cells() {
      return sampleSize * sampleSize;
    }
  }

  private final Config config;
  private final Backend b;
  private final Tensor embeddings;
  private final Tensor positions;
  private final List<TransformerBlock> transformerBlocks;
  private final Tensor normOutWeight;
  private final Tensor normOutBias;
  private final Linear out;

  public Transformer2D(Config config, Weights w) {
    this.config = config;
    this.b = w.backend();
    int width = config.width();
    embeddings = w.tensor("latent_image_embedding.emb.weight", config.numVectorEmbeds, width);
    positions = b.weight(positions(w.at("latent_image_embedding")));
    transformerBlocks = IntStream.range(0, config.numLayers).mapToObj(i -> new TransformerBlock(config, w.at("transformer_blocks").at(i)))
        .toList();
    normOutWeight = w.tensor("norm_out.weight", width);
    normOutBias = w.tensor("norm_out.bias", width);
    out = Linear.load(w, "out", config.codes(), width, true);
  }

  /** [L, C]: what each row of the grid adds and what each column. */
  private HostTensor positions(Weights w) {
    int size = config.sampleSize;
    int width = config.width();
    HostTensor rows = w.host("height_emb.weight", size, width);
    HostTensor columns = w.host("width_emb.weight", size, width);
    float[] sums = new float[config.cells() * width];
    for (int i = 0; i < sums.length; i++) {
      int cell = i / width;
      sums[i] = rows.floatAt((long) (cell / size) * width + i % width) + columns.floatAt((long) (cell % size) * width + i % width);
    }
    return HostTensor.of("positions", sums, config.cells(), width);
  }

  public Config config() {
    return config;
  }

  // ---- once per schedule, once per prompt -----------------------------------------------------------------------------------

  /** What the blocks make of timesteps 0 to {@code timesteps - 1}; it belongs to the scope in which {@link #modulation} was called. */
  public record Modulation(int timesteps, List<TransformerBlock.Modulation> blocks) {}

  /** @param timesteps at most {@code numEmbedsAdaNorm} */
  public Modulation modulation(int timesteps) {
    return new Modulation(timesteps, transformerBlocks.stream().map(block -> block.modulation(timesteps)).toList());
  }

  /** What the blocks need of the prompts, N of them; it belongs to the scope in which {@link #condition} was called. */
  public record Conditioning(int batch, List<Attention.Memory> blocks) {
    /** All of them, in an order of their own. */
    public Stream<Tensor> tensors() {
      return blocks.stream().flatMap(Attention.Memory::tensors);
    }
  }

  /** text [N, S, crossAttentionDim]. */
  public Conditioning condition(Tensor text) {
    return new Conditioning(text.size(0), transformerBlocks.stream().map(block -> block.memory(text)).toList());
  }

  // ---- a step -------------------------------------------------------------------------------------------------------------

  /**
   * This model for a walk of as many steps as {@code modulation} has timesteps over grids [batch, L]; N a multiple of the batch, image by
   * image in each guidance branch.
   */
  public Denoiser denoiser(Modulation modulation, Conditioning given, int batch) {
    return new Denoiser() {
      @Override
      public int codes() {
        return config.codes();
      }

      @Override
      public int branches() {
        return given.batch / batch;
      }

      @Override
      public boolean recordable() {
        return true;
      }

      @Override
      public void logits(int step, Tensor grid, Tensor open, Tensor logits) {
        forward(grid, modulation, DiffusionSchedule.timestep(step, modulation.timesteps), given, open, logits, Tap.NONE);
      }
    };
  }

  /**
   * @param grid I32 [B, L], classes
   * @param given for N = G * B rows: each branch of guidance sees the whole grid
   * @param open I32 [B, P] cells whose logits are wanted, -1 for none
   * @param logits out: F32 [G, B, P, codes]
   */
  public void forward(Tensor grid, Modulation modulation, int timestep, Conditioning given, Tensor open, Tensor logits, Tap tap) {
    try (Backend.Scope _ = b.scope()) {
      Tensor x = embed(grid, given.batch);
      tap.accept("latent_image_embedding", x);
      for (int i = 0; i < transformerBlocks.size(); i++) {
        transformerBlocks.get(i).forward(x, modulation.blocks.get(i), timestep, given.blocks.get(i), tap.at("transformer_blocks").at(i));
        tap.at("transformer_blocks").accept(Integer.toString(i), x);
      }
      b.norm(Norm.LAYER, x, normOutWeight, normOutBias, NORM_OUT_EPS, null, x);
      tap.accept("norm_out", x);
      predict(x, open, logits);
      tap.accept("out", logits.reshape(given.batch, open.dim(1), config.codes()));
    }
  }

  /** The branches of guidance differ in the text alone, so the grid is embedded once and copied. */
  private Tensor embed(Tensor grid, int rows) {
    long batch = grid.dim(0);
    Tensor x = b.alloc(DType.F32, rows, config.cells(), config.width());
    Tensor first = x.slice(0, 0, batch);
    b.gather(embeddings, grid, first);
    b.add(first, positions, first);
    for (long from = batch; from < rows; from += batch) {
      b.copy(first, x.slice(0, from, batch));
    }
    return x;
  }

  /** The last layer, at the open cells of x [N, L, C] only. */
  private void predict(Tensor x, Tensor open, Tensor logits) {
    long batch = open.dim(0);
    Tensor rows = b.alloc(DType.F32, x.dim(0), open.dim(1), x.dim(2));
    for (long n = 0; n < x.dim(0); n++) {
      Tensor cells = open.slice(0, n % batch, 1).reshape(open.dim(1));
      b.gather(x.slice(0, n, 1).reshape(x.dim(1), x.dim(2)), cells, rows.slice(0, n, 1).reshape(open.dim(1), x.dim(2)));
    }
    out.apply(b, rows.reshape(logits.dim(0), batch, open.dim(1), x.dim(2)), logits);
  }
}

package azulejo.models.amused;

import azulejo.kernels.Activation;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.models.layers.Linear;
import azulejo.models.layers.RmsNorm;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.checkpoint.Weights;
import azulejo.runtime.walk.Denoiser;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * aMUSEd's denoiser, U-ViT: convolutional blocks at both ends of a transformer, all of them conditioned on the prompt; it predicts the codes
 * of masked cells.
 *
 * <p>Patil et al., "aMUSEd: An Open MUSE Reproduction" (arXiv 2401.01808), section 3, after Hoogeboom et al., "simple diffusion" (ICML 2023).
 * Follows diffusers' {@code models/unets/uvit_2d.py} (UVit2DModel), {@code models/attention.py} (BasicTransformerBlock with ada_norm_continuous,
 * SkipFFTransformerBlock) and {@code models/normalization.py}.
 *
 * <p>What depends on the prompt alone, the modulations and the text's keys and values, is computed once ({@link #condition}); a step
 * ({@link #forward}) computes the rest. There is no position embedding, so the grid may have any shape.
 */
public final class UVit2D {
  /** Width, height, the crop's two coordinates and the aesthetic score. */
  private static final int MICRO_CONDITIONS = 5;

  /** The fields of {@code config.json} that shape the model. */
  public record Config(int hiddenSize, boolean useBias, int condEmbedDim, int microCondEncodeDim, int encoderHiddenSize, int vocabSize,
      int codebookSize, int inChannels, int blockOutChannels, int numResBlocks, boolean resampled, int blockNumHeads, int numHiddenLayers,
      int numAttentionHeads, int intermediateSize, float layerNormEps, boolean lnElementwiseAffine, int sampleSize) {
    public static Config of(JsonConfig json) {
      boolean downsample = json.flag("downsample", false);
      if (json.flag("upsample", false) != downsample) {
        throw json.fault("upsample", "must equal downsample, or the logits would not fit the grid");
      }
      int encode = json.integer("micro_cond_encode_dim", 256);
      if (json.integer("micro_cond_embed_dim", 1280) != MICRO_CONDITIONS * encode || encode % 2 != 0) {
        throw json.fault("micro_cond_embed_dim", "must be " + MICRO_CONDITIONS + " times micro_cond_encode_dim, which must be even");
      }
      int hidden = dividedBy(json, "hidden_size", 1024, "num_attention_heads", 16);
      int channels = dividedBy(json, "block_out_channels", 768, "block_num_heads", 12);
      return new Config(hidden, json.flag("use_bias", false), json.integer("cond_embed_dim", 768), encode, json.integer("encoder_hidden_size", 768),
          json.integer("vocab_size", 8256), json.integer("codebook_size", 8192), json.integer("in_channels", 768), channels,
          json.integer("num_res_blocks", 3), downsample, json.integer("block_num_heads", 12), json.integer("num_hidden_layers", 22),
          json.integer("num_attention_heads", 16), json.integer("intermediate_size", 2816), (float) json.real("layer_norm_eps", 1e-6),
          json.flag("ln_elementwise_affine", true), json.integer("sample_size", 64));
    }

    private static int dividedBy(JsonConfig json, String width, int absentWidth, String heads, int absentHeads) {
      int value = json.integer(width, absentWidth);
      int divisor = json.integer(heads, absentHeads);
      if (divisor < 1 || value % divisor != 0) {
        throw json.fault(heads, "is " + divisor + ", which does not divide " + width + " " + value);
      }
      return value;
    }

    /** A norm that follows the configuration. */
    RmsNorm rmsNorm(Weights w, String name, int width) {
      return new RmsNorm(lnElementwiseAffine ? w.tensor(name + ".weight", width) : null, layerNormEps);
    }
  }

  private final Config config;
  private final Backend b;
  private final Linear encoderProj;
  private final RmsNorm encoderProjLayerNorm;
  private final Tensor embeddings;
  private final RmsNorm embedNorm;
  private final Linear embedConv;
  private final Linear condLinear1;
  private final Linear condLinear2;
  private final UVitBlock downBlock;
  private final RmsNorm projectToHiddenNorm;
  private final Linear projectToHidden;
  private final List<TransformerLayer> transformerLayers;
  private final RmsNorm projectFromHiddenNorm;
  private final Linear projectFromHidden;
  private final UVitBlock upBlock;
  private final Linear mlmConv1;
  private final RmsNorm mlmNorm;
  private final Linear mlmConv2;

  public UVit2D(Config config, Weights w) {
    this.config = config;
    this.b = w.backend();
    int hidden = config.hiddenSize;
    int channels = config.blockOutChannels;
    encoderProj = linear(w, "encoder_proj", hidden, config.encoderHiddenSize);
    encoderProjLayerNorm = config.rmsNorm(w, "encoder_proj_layer_norm", hidden);
    embeddings = w.tensor("embed.embeddings.weight", config.vocabSize, config.inChannels);
    embedNorm = config.rmsNorm(w, "embed.layer_norm", config.inChannels);
    embedConv = linear(w, "embed.conv", channels, config.inChannels);
    condLinear1 = linear(w, "cond_embed.linear_1", hidden, config.condEmbedDim + MICRO_CONDITIONS * config.microCondEncodeDim);
    condLinear2 = linear(w, "cond_embed.linear_2", hidden, hidden);
    downBlock = new UVitBlock(config, w.at("down_block"), config.resampled, false);
    projectToHiddenNorm = config.rmsNorm(w, "project_to_hidden_norm", channels);
    projectToHidden = linear(w, "project_to_hidden", hidden, channels);
    transformerLayers = IntStream.range(0, config.numHiddenLayers).mapToObj(i -> new TransformerLayer(config, w.at("transformer_layers").at(i))).toList();
    projectFromHiddenNorm = config.rmsNorm(w, "project_from_hidden_norm", hidden);
    projectFromHidden = linear(w, "project_from_hidden", channels, hidden);
    upBlock = new UVitBlock(config, w.at("up_block"), false, config.resampled);
    mlmConv1 = linear(w, "mlm_layer.conv1", config.inChannels, channels);
    mlmNorm = config.rmsNorm(w, "mlm_layer.layer_norm", config.inChannels);
    mlmConv2 = linear(w, "mlm_layer.conv2", config.codebookSize, config.inChannels);
  }

  public Config config() {
    return config;
  }

  // ---- conditioning: once per prompt ----------------------------------------------------------------------------------------

  /** What the blocks need of the prompts, N of them; it belongs to the scope in which {@link #condition} was called. */
  public record Conditioning(int batch, List<UVitBlock.Given> down, List<TransformerLayer.Given> layers, List<UVitBlock.Given> up) {
    /** All of them, in an order of their own. */
    public Stream<Tensor> tensors() {
      return Stream.of(down.stream().flatMap(UVitBlock.Given::tensors), layers.stream().flatMap(TransformerLayer.Given::tensors),
          up.stream().flatMap(UVitBlock.Given::tensors)).flatMap(tensors -> tensors);
    }
  }

  /**
   * @param text [N, S, encoderHiddenSize] penultimate states of the text encoder
   * @param pooled [N, condEmbedDim] projected pooled text
   * @param micro [N][5] width, height, crop (two), aesthetic score
   */
  public Conditioning condition(Tensor text, Tensor pooled, float[][] micro, Tap tap) {
    Tensor states = alloc(text.dim(0), text.dim(1), config.hiddenSize);
    encoderProj.apply(b, text, states);
    encoderProjLayerNorm.apply(b, states, states);
    tap.accept("encoder_proj_layer_norm", states);

    Tensor activated = embedCondition(pooled, micro, tap);
    b.activate(activated, Activation.SILU, activated);
    return new Conditioning(text.size(0), downBlock.condition(activated, states),
        transformerLayers.stream().map(layer -> layer.condition(activated, states)).toList(), upBlock.condition(activated, states));
  }

  private Tensor embedCondition(Tensor pooled, float[][] micro, Tap tap) {
    int batch = micro.length;
    Tensor embedded = alloc(batch, config.hiddenSize);
    try (Backend.Scope _ = b.scope()) {
      Tensor microEmbeds = b.tensor(HostTensor.of("micro_conds", microEmbeddings(micro, config.microCondEncodeDim), batch,
          (long) MICRO_CONDITIONS * config.microCondEncodeDim));
      tap.accept("micro_cond_embeds", microEmbeds);
      Tensor joined = alloc(batch, config.condEmbedDim + microEmbeds.dim(1));
      b.copy(pooled, joined.slice(1, 0, config.condEmbedDim));
      b.copy(microEmbeds, joined.slice(1, config.condEmbedDim, microEmbeds.dim(1)));
      Tensor inner = alloc(batch, config.hiddenSize);
      condLinear1.apply(b, joined, Activation.SILU, inner);
      condLinear2.apply(b, inner, embedded);
    }
    tap.accept("cond_embed", embedded);
    return embedded;
  }

  /** Sinusoidal embeddings, cosines first, [N][5 * size] flattened; in float32 as diffusers' {@code get_timestep_embedding}. */
  private static float[] microEmbeddings(float[][] micro, int size) {
    int half = size / 2;
    float[] out = new float[micro.length * MICRO_CONDITIONS * size];
    int at = 0;
    for (float[] conditions : micro) {
      for (float value : conditions) {
        for (int i = 0; i < half; i++) {
          float frequency = (float) Math.exp((float) -Math.log(10000) * i / half);
          float angle = value * frequency;
          out[at + i] = (float) Math.cos(angle);
          out[at + half + i] = (float) Math.sin(angle);
        }
        at += size;
      }
    }
    return out;
  }

  // ---- a step -------------------------------------------------------------------------------------------------------------

  /** This model with its conditioning, for a walk over a grid [B, height * width]; N a multiple of B, image by image in each guidance branch. */
  public Denoiser denoiser(Conditioning given, int batch, int height, int width) {
    return new Denoiser() {
      @Override
      public int codes() {
        return config.codebookSize;
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
        forward(grid.reshape(batch, height, width), given, open, logits, Tap.NONE);
      }
    };
  }

  /**
   * @param grid I32 [B, H, W]; even sizes where the model downsamples
   * @param given for N = G * B rows: each branch of guidance sees the whole grid
   * @param open I32 [B, P] cells whose logits are wanted, -1 for none
   * @param logits out: F32 [G, B, P, codebookSize]
   */
  public void forward(Tensor grid, Conditioning given, Tensor open, Tensor logits, Tap tap) {
    int height = grid.size(1);
    int width = grid.size(2);
    if (config.resampled && (height % 2 != 0 || width % 2 != 0)) {
      throw new IllegalArgumentException("the grid " + grid + " cannot be halved");
    }
    try (Backend.Scope _ = b.scope()) {
      Tensor x = embed(grid, given.batch);
      tap.accept("embed", x);
      x = downBlock.forward(x, given.down, tap.at("down_block"));
      tap.accept("down_block", x);

      Tensor hidden = alloc(given.batch, x.dim(1) * x.dim(2), config.hiddenSize);
      projectToHiddenNorm.apply(b, x, x);
      projectToHidden.apply(b, tokens(x), hidden);
      tap.accept("project_to_hidden", hidden);
      for (int i = 0; i < transformerLayers.size(); i++) {
        transformerLayers.get(i).forward(hidden, given.layers.get(i), tap.at("transformer_layers").at(i));
        tap.at("transformer_layers").accept(Integer.toString(i), hidden);
      }
      projectFromHiddenNorm.apply(b, hidden, hidden);
      projectFromHidden.apply(b, hidden, tokens(x));
      tap.accept("project_from_hidden", tokens(x));

      x = upBlock.forward(x, given.up, tap.at("up_block"));
      tap.accept("up_block", x);
      predict(tokens(x), open, logits);
    }
  }

  /** The branches of guidance differ in the text alone, so the grid is embedded once and copied. */
  private Tensor embed(Tensor grid, int rows) {
    long batch = grid.dim(0);
    Tensor x = alloc(rows, grid.dim(1), grid.dim(2), config.blockOutChannels);
    Tensor first = x.slice(0, 0, batch);
    try (Backend.Scope _ = b.scope()) {
      Tensor embedded = alloc(batch, grid.dim(1), grid.dim(2), config.inChannels);
      b.gather(embeddings, grid, embedded);
      embedNorm.apply(b, embedded, embedded);
      embedConv.apply(b, embedded, first);
    }
    for (long from = batch; from < rows; from += batch) {
      b.copy(first, x.slice(0, from, batch));
    }
    return x;
  }

  /** The masked-token head, at the open cells of x [N, L, C] only. */
  private void predict(Tensor x, Tensor open, Tensor logits) {
    long branches = logits.dim(0);
    long batch = logits.dim(1);
    long cells = open.dim(1);
    Tensor rows = alloc(branches, batch, cells, x.dim(2));
    Tensor inner = alloc(branches, batch, cells, config.inChannels);
    Tensor flat = rows.reshape(branches * batch, cells, x.dim(2));
    for (int n = 0; n < branches * batch; n++) {
      b.gather(row(x, n), row(open, (int) (n % batch)), row(flat, n));
    }
    mlmConv1.apply(b, rows, inner);
    mlmNorm.apply(b, inner, inner);
    mlmConv2.apply(b, inner, logits);
  }

  /** Entry {@code i} of the outermost dimension. */
  private static Tensor row(Tensor x, int i) {
    Tensor one = x.slice(0, i, 1);
    return x.shape().rank() == 2 ? one.reshape(x.dim(1)) : one.reshape(x.dim(1), x.dim(2));
  }

  private Tensor alloc(long... dims) {
    return b.alloc(DType.F32, dims);
  }

  /** [N, H, W, C] as [N, H * W, C]. */
  static Tensor tokens(Tensor x) {
    return x.reshape(x.dim(0), x.dim(1) * x.dim(2), x.dim(3));
  }

  private Linear linear(Weights w, String name, int outputs, int inputs) {
    return Linear.load(w, name, outputs, inputs, config.useBias);
  }
}

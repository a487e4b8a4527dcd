package azulejo.models.llamagen;

import azulejo.kernels.Activation;
import azulejo.kernels.AttentionMask;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.kernels.Tensor;
import azulejo.models.layers.Linear;
import azulejo.models.layers.RmsNorm;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.checkpoint.Weights;
import azulejo.runtime.walk.NextToken;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * LlamaGen's transformer: a Llama over image tokens in raster order, behind a condition of one or more positions that stands for a class or a caption.
 *
 * <p>Sun et al., "Autoregressive Model Beats Diffusion: Llama for Scalable Image Generation" (arXiv 2406.06525), section 2.2. Follows FoundationVision/LlamaGen
 * {@code autoregressive/models/gpt.py} (Transformer).
 *
 * <p>Keys and values of all positions are kept, so a step computes one position ({@link #decoder}). The rotary table is two-dimensional, rows in the first
 * half of each head and columns in the second, and zero at the condition's positions: queries and keys become zero there, so that the condition is attended
 * to evenly.
 */
public final class Gpt {
  /** What the image tokens are conditioned on. */
  public sealed interface Condition {
    /** Positions before the first image token, T. */
    int tokens();

    /** A class label; the label {@code classes} stands for none. */
    record Label(int classes) implements Condition {
      @Override
      public int tokens() {
        return 1;
      }
    }

    /** @param width of a text encoder's state */
    record Caption(int tokens, int width) implements Condition {}
  }

  /** A published size: the number of heads cannot be read from tensors. */
  private record Size(String name, int layers, int heads, int dim) {
    static final List<Size> PUBLISHED = List.of(new Size("B", 12, 12, 768), new Size("L", 24, 16, 1024), new Size("XL", 36, 20, 1280),
        new Size("XXL", 48, 24, 1536), new Size("XXXL", 48, 40, 2560), new Size("1B", 22, 32, 2048), new Size("3B", 24, 32, 3200), new Size("7B", 32, 32, 4096));

    static Optional<Size> of(int layers, int dim) {
      return PUBLISHED.stream().filter(size -> size.layers == layers && size.dim == dim).findFirst();
    }
  }

  /**
   * What shapes the model.
   *
   * @param name the published size's, or empty
   * @param dim C, width of the residual stream
   * @param ffnDim width of the gated feed-forward
   * @param codes V
   */
  public record Config(String name, Condition condition, int dim, int numLayers, int numHeads, int ffnDim, int codes, float normEps, float ropeBase) {
    /**
     * From the tensors' shapes and, for what these do not say, the table of published sizes.
     *
     * @param json {@code ModelArgs} of a model that is not in the table
     * @throws CheckpointException when the file is no such model, or of an unknown size
     */
    public static Config of(Checkpoint checkpoint, Optional<JsonConfig> json) {
      Shape embeddings = shape(checkpoint, "tok_embeddings.weight", 2);
      int dim = embeddings.size(1);
      int layers = (int) IntStream.iterate(0, i -> checkpoint.has("layers." + i + ".attention_norm.weight"), i -> i + 1).count();
      Optional<Size> size = Size.of(layers, dim);
      if (json.isEmpty() && size.isEmpty()) {
        throw new CheckpointException(checkpoint.path() + " has " + layers + " layers of width " + dim + ", which is no published GPT size ("
            + Size.PUBLISHED.stream().map(s -> s.name + " " + s.layers + "x" + s.dim).collect(Collectors.joining(", "))
            + "): say n_head and the other arguments in a config.json beside it");
      }
      int heads = json.map(j -> j.integer("n_head")).orElseGet(() -> size.orElseThrow().heads);
      if (heads < 1 || dim % (4 * heads) != 0) {
        throw json.orElseThrow().fault("n_head", "is " + heads + ", but the width " + dim + " must split into heads of a multiple of 4");
      }
      return new Config(size.map(s -> s.name).orElse(""), condition(checkpoint), dim, layers, heads, shape(checkpoint, "layers.0.feed_forward.w1.weight", 2).size(0),
          embeddings.size(0), (float) (double) json.map(j -> j.real("norm_eps", 1e-5)).orElse(1e-5),
          (float) (double) json.map(j -> j.real("rope_base", 10_000)).orElse(10_000.0));
    }

    private static Condition condition(Checkpoint checkpoint) {
      if (checkpoint.has("cls_embedding.uncond_embedding")) {
        Shape shape = shape(checkpoint, "cls_embedding.uncond_embedding", 2);
        return new Condition.Caption(shape.size(0), shape.size(1));
      }
      return new Condition.Label(shape(checkpoint, "cls_embedding.embedding_table.weight", 2).size(0) - 1);
    }

    private static Shape shape(Checkpoint checkpoint, String name, int rank) {
      Shape shape = checkpoint.tensor(name).shape();
      if (shape.rank() != rank || shape.elements() == 0) {
        throw new CheckpointException(checkpoint.path() + ": tensor \"" + name + "\" has the shape " + shape + ", which does not fit a LlamaGen model");
      }
      return shape;
    }

    int headDim() {
      return dim / numHeads;
    }
  }

  private final Config config;
  private final Backend b;
  private final Tensor labels;
  private final Linear captionFc1;
  private final Linear captionFc2;
  private final Tensor noCaption;
  private final Tensor tokEmbeddings;
  private final List<Layer> layers;
  private final RmsNorm norm;
  private final Linear output;

  public Gpt(Config config, Weights w) {
    this.config = config;
    this.b = w.backend();
    Weights embedding = w.at("cls_embedding");
    switch (config.condition) {
      case Condition.Label(int classes) -> {
        labels = embedding.tensor("embedding_table.weight", classes + 1, config.dim);
        captionFc1 = null;
        captionFc2 = null;
        noCaption = null;
      }
      case Condition.Caption(int tokens, int width) -> {
        labels = null;
        captionFc1 = Linear.load(embedding, "cap_proj.fc1", config.dim, width, false);
        captionFc2 = Linear.load(embedding, "cap_proj.fc2", config.dim, config.dim, false);
        noCaption = embedding.tensor("uncond_embedding", tokens, width);
      }
    }
    tokEmbeddings = w.tensor("tok_embeddings.weight", config.codes, config.dim);
    layers = IntStream.range(0, config.numLayers).mapToObj(i -> new Layer(w.at("layers").at(i))).toList();
    norm = norm(w, "norm");
    output = Linear.load(w, "output", config.codes, config.dim, false);
  }

  private RmsNorm norm(Weights w, String name) {
    return new RmsNorm(w.tensor(name + ".weight", config.dim), config.normEps);
  }

  public Config config() {
    return config;
  }

  // ---- conditions ---------------------------------------------------------------------------------------------------------

  /** The condition positions [N, 1, C] of class labels, in the caller's scope. */
  public Tensor embedLabels(int[] classes) {
    Tensor out = b.alloc(DType.F32, classes.length, 1, config.dim);
    b.gather(labels, b.tensor(HostTensor.of("labels", classes, classes.length, 1)), out);
    return out;
  }

  /** The condition positions [N, T, C] of text states [N, T, width], in the caller's scope. */
  public Tensor embedCaptions(Tensor states) {
    Tensor out = b.alloc(DType.F32, states.dim(0), states.dim(1), config.dim);
    try (Backend.Scope _ = b.scope()) {
      Tensor inner = b.alloc(DType.F32, out.shape().toArray());
      captionFc1.apply(b, states, Activation.GELU_TANH, inner);
      captionFc2.apply(b, inner, out);
    }
    return out;
  }

  /** [T, width] what stands for the states of a caption where there is none. */
  public Tensor noCaption() {
    return noCaption;
  }

  // ---- positions ----------------------------------------------------------------------------------------------------------

  /**
   * (cos, sin) of each position and pair of a head, [T + side * side, headDim / 2, 2] flattened, zero for the condition's. In float32 as
   * {@code precompute_freqs_cis_2d}.
   *
   * @param side of the grid
   */
  public float[] rotaryTable(int side) {
    int pairs = config.headDim() / 2;
    int half = pairs / 2;
    float[] table = new float[(config.condition.tokens() + side * side) * pairs * 2];
    int at = config.condition.tokens() * pairs * 2;
    for (int cell = 0; cell < side * side; cell++) {
      for (int i = 0; i < pairs; i++) {
        float frequency = 1 / (float) Math.pow(config.ropeBase, (float) (2 * (i % half)) / pairs);
        float angle = (i < half ? cell / side : cell % side) * frequency;
        table[at++] = (float) Math.cos(angle);
        table[at++] = (float) Math.sin(angle);
      }
    }
    return table;
  }

  /**
   * Whether a query sees a key: those before it but the condition's masked ones, and always itself.
   *
   * @param unmasked [T], for the condition's positions
   */
  public static boolean sees(boolean[] unmasked, int query, int key) {
    return key == query || key < query && (key >= unmasked.length || unmasked[key]);
  }

  // ---- decoding -----------------------------------------------------------------------------------------------------------

  /**
   * This model with its condition, for a walk in raster order over a grid [B, side * side]. It lives in the scope that is open.
   *
   * @param condition [N, T, C], N a multiple of B: each branch of guidance for all images, the conditional one last; it is overwritten
   * @param unmasked [B][T] which of the condition's positions may be attended to, or null for all
   * @param tap sees {@code layers.<i>.attention} and {@code layers.<i>}, [N, 1 or T, C], and {@code h}, the last of these
   */
  public NextToken decoder(Tensor condition, boolean[][] unmasked, int batch, int side, Tap tap) {
    return new Decoder(condition, unmasked, batch, side, tap);
  }

  /** Computes the condition's positions first, then that of each token. */
  private final class Decoder implements NextToken {
    private final int tokens;
    private final int batch;
    private final int rows;
    private final Tap tap;
    /** [T + L, D], a row (cos, sin) of each position. */
    private final Tensor rotary;
    private final List<Cache> caches;
    /** Added to the scores: of the condition's positions [N, 1, T, T], of the later ones [N, 1, 1, T + L], or null. */
    private final Tensor conditionBias;
    private final Tensor tokenBias;
    private final Tensor condition;
    /** I32 [2]: the position that was computed last, and how many there are with it. */
    private final Tensor place;
    /** I32 [1]: the condition's. */
    private final Tensor origin;
    /** By the number of branches that are computed, less 1. */
    private final List<Pass> next;

    Decoder(Tensor condition, boolean[][] unmasked, int batch, int side, Tap tap) {
      this.condition = condition;
      this.rows = condition.size(0);
      this.tokens = condition.size(1);
      this.batch = batch;
      this.tap = tap;
      int positions = tokens + side * side;
      rotary = b.tensor(HostTensor.of("rotary", rotaryTable(side), positions, config.headDim()));
      caches = layers.stream().map(_ -> new Cache(b.alloc(DType.F32, rows, positions, config.dim), b.alloc(DType.F32, rows, positions, config.dim),
          positions)).toList();
      boolean all = unmasked == null || Arrays.stream(unmasked).allMatch(row -> IntStream.range(0, row.length).allMatch(t -> row[t]));
      conditionBias = all ? null : bias(unmasked, 0, tokens, tokens);
      tokenBias = all ? null : bias(unmasked, positions - 1, 1, positions);
      place = b.alloc(DType.I32, 2);
      origin = b.tensor(HostTensor.of("origin", new int[1], 1));
      next = IntStream.rangeClosed(1, branches()).mapToObj(branches -> pass(b.alloc(DType.F32, (long) branches * batch, 1, config.dim), positions,
          place.slice(0, 0, 1), b.alloc(DType.F32, 1, config.headDim() / 2, 2), AttentionMask.NONE, tokenBias, place.slice(0, 1, 1))).toList();
    }

    /** For the last n rows of the caches, up to {@code positions}. */
    private Pass pass(Tensor x, int positions, Tensor position, Tensor angles, AttentionMask mask, Tensor bias, Tensor length) {
      int first = rows - x.size(0);
      return new Pass(x, position, angles, caches.stream().map(cache -> cache.rows(first, x.dim(0), positions)).toList(), mask,
          bias == null ? null : bias.slice(0, first, x.dim(0)), length);
    }

    /** [N, 1, queries, keys] of the queries from {@code first}: minus infinity where a key is not seen. */
    private Tensor bias(boolean[][] unmasked, int first, int queries, int keys) {
      float[] values = new float[rows * queries * keys];
      for (int i = 0; i < values.length; i++) {
        boolean seen = sees(unmasked[i / keys / queries % batch], first + i / keys % queries, i % keys);
        values[i] = seen ? 0 : Float.NEGATIVE_INFINITY;
      }
      return b.tensor(HostTensor.of("bias", values, rows, 1, queries, keys));
    }

    @Override
    public int codes() {
      return config.codes;
    }

    @Override
    public int branches() {
      return rows / batch;
    }

    @Override
    public boolean recordable() {
      return !tap.listens();
    }

    @Override
    public void first(Tensor logits) {
      b.upload(HostTensor.of("place", new int[] {tokens - 1, tokens}, 2), place);
      try (Backend.Scope _ = b.scope()) {
        int count = logits.size(0) * batch;
        Tensor angles = rotary.slice(0, 0, tokens).reshape(tokens, config.headDim() / 2, 2);
        forward(pass(condition.slice(0, rows - count, count), tokens, origin, angles, AttentionMask.CAUSAL, conditionBias, null), logits);
      }
    }

    /** The branches of guidance differ in their conditions alone, so all get the same tokens. */
    @Override
    public void next(Tensor tokens, Tensor logits) {
      Pass pass = next.get(logits.size(0) - 1);
      for (int from = 0; from < pass.x.size(0); from += batch) {
        b.gather(tokEmbeddings, tokens, pass.x.slice(0, from, batch));
      }
      b.increment(place);
      b.gather(rotary, pass.position, pass.angles.reshape(1, config.headDim()));
      forward(pass, logits);
    }

    private void forward(Pass pass, Tensor logits) {
      for (int i = 0; i < layers.size(); i++) {
        layers.get(i).forward(pass, pass.caches.get(i), tap.at("layers").at(i));
        tap.at("layers").accept(Integer.toString(i), pass.x);
      }
      tap.accept("h", pass.x);
      predict(pass.last, logits.reshape(pass.x.dim(0), 1, config.codes));
    }
  }

  /** The logits [..., V] of states [..., C] behind the last layer. */
  public void predict(Tensor x, Tensor logits) {
    try (Backend.Scope _ = b.scope()) {
      Tensor y = b.alloc(DType.F32, x.shape().toArray());
      norm.apply(b, x, y);
      output.apply(b, y, logits);
    }
  }

  /** A layer's keys and values [N, S, C], apart, so that either is read as one stretch of memory, and those of the positions that are attended to. */
  private record Cache(Tensor keys, Tensor values, Tensor firstKeys, Tensor firstValues) {
    Cache(Tensor keys, Tensor values, int positions) {
      this(keys, values, keys.slice(1, 0, positions), values.slice(1, 0, positions));
    }

    Cache rows(long first, long count, int positions) {
      return new Cache(keys.slice(0, first, count), values.slice(0, first, count), positions);
    }
  }

  /** What the layers read and write on their way over x [n, t, C], which they compute in place: made once, so that a step makes neither tensors nor views. */
  private final class Pass {
    private final Tensor x;
    /** The last of x's positions. */
    private final Tensor last;
    /** I32 [1]: where the first of x's positions goes in the caches. */
    private final Tensor position;
    /** [t, D / 2, 2] */
    private final Tensor angles;
    private final List<Cache> caches;
    private final AttentionMask mask;
    private final Tensor bias;
    private final Tensor length;
    private final Tensor y;
    private final Tensor qkv;
    private final Tensor queries;
    private final Tensor queriesAndKeys;
    private final Tensor keys;
    private final Tensor values;
    private final Tensor valueAndGate;
    private final Tensor value;
    private final Tensor gate;
    private final Tensor inner;

    Pass(Tensor x, Tensor position, Tensor angles, List<Cache> caches, AttentionMask mask, Tensor bias, Tensor length) {
      this.x = x;
      this.last = x.slice(1, x.dim(1) - 1, 1);
      this.position = position;
      this.angles = angles;
      this.caches = caches;
      this.mask = mask;
      this.bias = bias;
      this.length = length;
      long width = config.dim;
      y = b.alloc(DType.F32, x.shape().toArray());
      qkv = b.alloc(DType.F32, x.dim(0), x.dim(1), 3 * width);
      queries = qkv.slice(2, 0, width);
      queriesAndKeys = qkv.slice(2, 0, 2 * width);
      keys = qkv.slice(2, width, width);
      values = qkv.slice(2, 2 * width, width);
      valueAndGate = b.alloc(DType.F32, x.dim(0), x.dim(1), 2L * config.ffnDim);
      value = valueAndGate.slice(2, 0, config.ffnDim);
      gate = valueAndGate.slice(2, config.ffnDim, config.ffnDim);
      inner = b.alloc(DType.F32, x.dim(0), x.dim(1), config.ffnDim);
    }
  }

  private final class Layer {
    private final RmsNorm attentionNorm;
    private final Linear wqkv;
    private final Linear wo;
    private final RmsNorm ffnNorm;
    private final Linear w1;
    private final Linear w2;
    private final Linear w3;

    Layer(Weights w) {
      attentionNorm = norm(w, "attention_norm");
      wqkv = Linear.load(w, "attention.wqkv", 3 * config.dim, config.dim, false);
      wo = Linear.load(w, "attention.wo", config.dim, config.dim, false);
      ffnNorm = norm(w, "ffn_norm");
      w1 = Linear.load(w, "feed_forward.w1", config.ffnDim, config.dim, false);
      w2 = Linear.load(w, "feed_forward.w2", config.dim, config.ffnDim, false);
      w3 = Linear.load(w, "feed_forward.w3", config.ffnDim, config.dim, false);
    }

    void forward(Pass p, Cache cache, Tap tap) {
      attentionNorm.apply(b, p.x, p.y);
      wqkv.apply(b, p.y, p.qkv);
      b.rotary(p.queriesAndKeys, p.angles, 2 * config.numHeads, p.queriesAndKeys);
      b.place(p.keys, p.position, cache.keys);
      b.place(p.values, p.position, cache.values);
      float scale = (float) (1 / Math.sqrt(config.headDim()));
      b.attention(p.queries, cache.firstKeys, cache.firstValues, config.numHeads, scale, p.mask, p.bias, p.length, p.y);
      wo.addTo(b, p.y, p.x, tap, "attention");

      ffnNorm.apply(b, p.x, p.y);
      w3.apply(b, p.y, p.value);
      w1.apply(b, p.y, p.gate);
      b.gate(p.valueAndGate, Activation.SILU, p.inner);
      w2.addTo(b, p.inner, p.x, tap, "feed_forward");
    }
  }
}

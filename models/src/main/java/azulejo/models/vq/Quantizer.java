package azulejo.models.vq;

import java.util.List;

/**
 * How image tokenizers make codes of vectors, each kind with the arithmetic of its reference implementation. Vectors are rows of
 * {@link #width} floats, one after another.
 */
public sealed interface Quantizer {
  /** D, the width of a vector. */
  int width();

  /** The number of codes, whether their vectors are stored or implied. */
  long codebookSize();

  /** The code of each vector: vectors [N, D], N codes. */
  long[] indices(float[] vectors);

  /** The vector of each code: N codes, [N, D]. */
  float[] codes(long[] indices);

  /**
   * The nearest of stored vectors, the first of those that are equally near.
   *
   * <p>van den Oord et al., "Neural Discrete Representation Learning" (NeurIPS 2017), section 3; with {@code unit} compared by angle, as in
   * Yu et al., "Vector-quantized Image Modeling with Improved VQGAN" (ICLR 2022), section 3.2. Follows FoundationVision/LlamaGen's
   * {@code tokenizer/tokenizer_image/vq_model.py} (VectorQuantizer).
   */
  final class Vq implements Quantizer {
    private static final double LEAST_LENGTH = 1e-12;

    private final float[] codebook;
    private final int width;
    private final boolean unit;

    /**
     * @param codebook [V, width]
     * @param unit whether vectors of the codebook and the input are scaled to unit length
     */
    public Vq(float[] codebook, int width, boolean unit) {
      if (width < 1 || codebook.length == 0 || codebook.length % width != 0) {
        throw new IllegalArgumentException("a codebook of " + codebook.length + " floats with codes of width " + width);
      }
      this.codebook = unit ? normalised(codebook, width) : codebook.clone();
      this.width = width;
      this.unit = unit;
    }

    private static float[] normalised(float[] rows, int width) {
      float[] out = rows.clone();
      for (int from = 0; from < out.length; from += width) {
        double squares = 0;
        for (int i = from; i < from + width; i++) {
          squares += (double) out[i] * out[i];
        }
        double length = Math.max(Math.sqrt(squares), LEAST_LENGTH);
        for (int i = from; i < from + width; i++) {
          out[i] = (float) (out[i] / length);
        }
      }
      return out;
    }

    @Override
    public int width() {
      return width;
    }

    @Override
    public long codebookSize() {
      return codebook.length / width;
    }

    @Override
    public long[] indices(float[] vectors) {
      float[] z = unit ? normalised(vectors, width) : vectors;
      long[] out = new long[z.length / width];
      for (int row = 0; row < out.length; row++) {
        double best = Double.POSITIVE_INFINITY;
        for (int code = 0; code < codebookSize(); code++) {
          double distance = 0;
          for (int i = 0; i < width; i++) {
            double difference = (double) z[row * width + i] - codebook[code * width + i];
            distance += difference * difference;
          }
          if (distance < best) {
            best = distance;
            out[row] = code;
          }
        }
      }
      return out;
    }

    @Override
    public float[] codes(long[] indices) {
      float[] out = new float[indices.length * width];
      for (int row = 0; row < indices.length; row++) {
        System.arraycopy(codebook, Math.toIntExact(indices[row]) * width, out, row * width, width);
      }
      return out;
    }
  }

  /**
   * Each dimension bounded and rounded to one of a few levels; the first dimension is a code's least significant digit.
   *
   * <p>Mentzer et al., "Finite Scalar Quantization: VQ-VAE Made Simple" (ICLR 2024), section 3. Follows
   * lucidrains/vector-quantize-pytorch's {@code finite_scalar_quantization.py}, which bounds with another sign of epsilon than the paper's
   * listing.
   *
   * @param levels of each dimension, at least 2
   */
  record Fsq(List<Integer> levels, Bound bound) implements Quantizer {
    private static final float EPS = 1e-3f;

    /** How a dimension is bounded. */
    public enum Bound {
      TANH,
      /** Cut off at the outermost levels. */
      CLAMP,
      /** By tanh, to levels that lie symmetrically about 0 even where their number is even. */
      SYMMETRIC
    }

    public Fsq {
      levels = List.copyOf(levels);
      if (levels.isEmpty() || levels.stream().anyMatch(level -> level < 2)) {
        throw new IllegalArgumentException("levels " + levels);
      }
      levels.stream().mapToLong(Integer::longValue).reduce(1, Math::multiplyExact);
    }

    @Override
    public int width() {
      return levels.size();
    }

    @Override
    public long codebookSize() {
      return levels.stream().mapToLong(Integer::longValue).reduce(1, Math::multiplyExact);
    }

    @Override
    public long[] indices(float[] vectors) {
      long[] out = new long[vectors.length / width()];
      for (int row = 0; row < out.length; row++) {
        for (int i = width() - 1; i >= 0; i--) {
          out[row] = out[row] * levels.get(i) + level(vectors[row * width() + i], levels.get(i));
        }
      }
      return out;
    }

    /** From 0 to {@code levels - 1}. */
    private int level(float z, int levels) {
      if (bound == Bound.SYMMETRIC) {
        return (int) Math.floor((levels - 1) * ((float) Math.tanh(z) + 1) / 2 + 0.5f);
      }
      float half = (levels - 1) * (1 + EPS) / 2;
      float offset = levels % 2 == 0 ? 0.5f : 0;
      float bounded = bound == Bound.CLAMP ? Math.clamp(z + offset / half, -1f, 1f) : (float) Math.tanh(z + (float) atanh(offset / half));
      return (int) Math.rint(bounded * half - offset) + levels / 2;
    }

    private static double atanh(double x) {
      return (Math.log1p(x) - Math.log1p(-x)) / 2;
    }

    @Override
    public float[] codes(long[] indices) {
      float[] out = new float[indices.length * width()];
      for (int row = 0; row < indices.length; row++) {
        long rest = indices[row];
        for (int i = 0; i < width(); i++) {
          int count = levels.get(i);
          int level = (int) (rest % count);
          out[row * width() + i] = bound == Bound.SYMMETRIC ? level * (2f / (count - 1)) - 1 : (float) (level - count / 2) / (count / 2);
          rest /= count;
        }
      }
      return out;
    }
  }

  /**
   * The sign of each dimension, with 0 counted as negative.
   *
   * <p>Yu et al., "Language Model Beats Diffusion: Tokenizer is Key to Visual Generation" (ICLR 2024), section 3.1. Follows
   * lucidrains/vector-quantize-pytorch's {@code lookup_free_quantization.py}, in which the first dimension is a code's most significant
   * bit, and TencentARC/SEED-Voken's Open-MAGVIT2 ({@code lookup_free_quantize.py}), in which it is the least significant one; the parts of
   * a factorised code of the latter are quantisers of their own.
   *
   * @param width up to 62
   * @param scale a code's distance from 0 in each dimension, or with {@code spherical} in all
   * @param leastFirst whether the first dimension is the least significant bit
   */
  record Lfq(int width, float scale, boolean spherical, boolean leastFirst) implements Quantizer {
    public Lfq {
      Signs.require(width);
    }

    @Override
    public long codebookSize() {
      return 1L << width;
    }

    @Override
    public long[] indices(float[] vectors) {
      return Signs.indices(vectors, width, leastFirst);
    }

    @Override
    public float[] codes(long[] indices) {
      return Signs.codes(indices, width, leastFirst, spherical ? scale * (float) (1 / Math.sqrt(width)) : scale);
    }
  }

  /**
   * {@link Lfq} of vectors on the unit sphere, its codes the corners of a cube on that sphere; the first dimension is a code's most
   * significant bit.
   *
   * <p>Zhao et al., "Image and Video Tokenization with Binary Spherical Quantization" (arXiv 2406.07548), section 4. Follows
   * zhaoyue-zephyrus/bsq-vit's {@code transcoder/models/quantizer/bsq.py} (BinarySphericalQuantizer).
   *
   * @param width up to 62
   * @param unit whether codes lie on the unit sphere instead of having 1 or -1 in each dimension
   */
  record Bsq(int width, boolean unit) implements Quantizer {
    public Bsq {
      Signs.require(width);
    }

    @Override
    public long codebookSize() {
      return 1L << width;
    }

    @Override
    public long[] indices(float[] vectors) {
      return Signs.indices(vectors, width, false);
    }

    /** The codes of groups of dimensions, which divide the width, each numbered by itself: [N, width / size]. */
    public long[] groupIndices(float[] vectors, int size) {
      if (size < 1 || width % size != 0) {
        throw new IllegalArgumentException("groups of " + size + " of " + width + " dimensions");
      }
      return Signs.indices(vectors, size, false);
    }

    @Override
    public float[] codes(long[] indices) {
      return Signs.codes(indices, width, false, unit ? (float) (1 / Math.sqrt(width)) : 1);
    }
  }

  /** Codes whose bits are the signs of dimensions, most significant first unless told otherwise. */
  final class Signs {
    private static final int MAX_WIDTH = 62;

    private Signs() {}

    private static void require(int width) {
      if (width < 1 || width > MAX_WIDTH) {
        throw new IllegalArgumentException(width + " dimensions: 1 to " + MAX_WIDTH + " are possible");
      }
    }

    private static int bit(int dimension, int width, boolean leastFirst) {
      return leastFirst ? dimension : width - 1 - dimension;
    }

    private static long[] indices(float[] vectors, int width, boolean leastFirst) {
      long[] out = new long[vectors.length / width];
      for (int i = 0; i < out.length * width; i++) {
        out[i / width] |= (vectors[i] > 0 ? 1L : 0L) << bit(i % width, width, leastFirst);
      }
      return out;
    }

    private static float[] codes(long[] indices, int width, boolean leastFirst, float magnitude) {
      float[] out = new float[indices.length * width];
      for (int i = 0; i < out.length; i++) {
        out[i] = (indices[i / width] >>> bit(i % width, width, leastFirst) & 1) == 1 ? magnitude : -magnitude;
      }
      return out;
    }
  }
}

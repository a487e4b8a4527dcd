package azulejo.runtime.random;

/**
 * PyTorch's CPU generator: {@code torch.Generator("cpu").manual_seed(seed)} and the distributions drawn from it, bit for bit, in its portable
 * build. (Its x86 wheels with MKL draw {@code exponential_}, and so {@code multinomial}, from a stream of MKL's that no seed of a generator reaches.)
 *
 * <p>Sources: ATen/core/MT19937RNGEngine.h, DistributionsHelper.h, TransformationHelper.h, native/cpu/DistributionTemplates.h,
 * native/Distributions.cpp and native/cpu/MultinomialKernel.cpp of PyTorch 1.13. Each method says how many 32-bit words it takes, for {@link #skip}.
 */
public final class TorchGenerator {
  private final Mt19937 words;
  /** The second normal of the last scalar Box-Muller pair, NaN where there is none. It outlives calls, as it does in PyTorch. */
  private double spareNormal = Double.NaN;

  /** @param seed the lower 32 bits count */
  public TorchGenerator(long seed) {
    words = new Mt19937((int) seed);
  }

  /** The next word. */
  public int word() {
    return words.word();
  }

  /** Passes over words, for variates that nobody reads; much cheaper than drawing them. */
  public void skip(long count) {
    words.skip(count);
  }

  private long longWord() {
    return (long) words.word() << 32 | words.word() & 0xFFFFFFFFL;
  }

  /** {@code torch.rand([])}: U[0, 1) on 24 bits; one word. */
  public float rand() {
    return (words.word() & 0xFFFFFF) * 0x1p-24f;
  }

  /** {@code torch.rand([], dtype=torch.float64)}: U[0, 1) on 53 bits; two words. */
  public double randDouble() {
    return (longWord() & (1L << 53) - 1) * 0x1p-53;
  }

  /** {@code torch.rand}; one word an element. */
  public void rand(float[] out) {
    rand(out, 0, out.length);
  }

  /** {@link #rand(float[])} for {@code out[from .. from + count)}. */
  public void rand(float[] out, int from, int count) {
    for (int i = from; i < from + count; i++) {
      out[i] = rand();
    }
  }

  /** {@code torch.rand(dtype=torch.float64)}; two words an element. */
  public void rand(double[] out) {
    for (int i = 0; i < out.length; i++) {
      out[i] = randDouble();
    }
  }

  /** {@code Tensor.exponential_(1)}; two words an element. */
  public void exponential(float[] out) {
    exponential(out, 0, out.length);
  }

  /** {@link #exponential(float[])} for {@code out[from .. from + count)}. */
  public void exponential(float[] out, int from, int count) {
    for (int i = from; i < from + count; i++) {
      out[i] = (float) -Math.log(1 - randDouble());
    }
  }

  /**
   * {@code torch.randn}: the scalar path below 16 elements (four words a pair), the vector path from 16 on (one word an element, 16 more when 16 does
   * not divide the length).
   */
  public void randn(float[] out) {
    int n = out.length;
    if (n < BoxMuller.BLOCK) {
      for (int i = 0; i < n; i++) {
        out[i] = (float) normal();
      }
      return;
    }
    rand(out);
    for (int i = 0; i + BoxMuller.BLOCK <= n; i += BoxMuller.BLOCK) {
      BoxMuller.transform(out, i);
    }
    if (n % BoxMuller.BLOCK != 0) {
      rand(out, n - BoxMuller.BLOCK, BoxMuller.BLOCK);
      BoxMuller.transform(out, n - BoxMuller.BLOCK);
    }
  }

  /** {@code torch.randn(dtype=torch.float64)}, as {@link #randn(float[])} with twice the words in the vector path. */
  public void randn(double[] out) {
    int n = out.length;
    if (n < BoxMuller.BLOCK) {
      for (int i = 0; i < n; i++) {
        out[i] = normal();
      }
      return;
    }
    rand(out);
    for (int i = 0; i + BoxMuller.BLOCK <= n; i += BoxMuller.BLOCK) {
      BoxMuller.transform(out, i);
    }
    if (n % BoxMuller.BLOCK != 0) {
      double[] tail = new double[BoxMuller.BLOCK];
      rand(tail);
      BoxMuller.transform(tail, 0);
      System.arraycopy(tail, 0, out, n - BoxMuller.BLOCK, BoxMuller.BLOCK);
    }
  }

  private double normal() {
    if (!Double.isNaN(spareNormal)) {
      double spare = spareNormal;
      spareNormal = Double.NaN;
      return spare;
    }
    double angle = 2 * Math.PI * randDouble();
    double radius = Math.sqrt(-2 * Math.log(1 - randDouble()));
    spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** {@code torch.randint(low, high)}: one word an element, two when the range has 2^32 values or more. */
  public void randint(long[] out, long low, long high) {
    long range = high - low;
    if (range <= 0) {
      throw new IllegalArgumentException("randint from " + low + " to " + high);
    }
    for (int i = 0; i < out.length; i++) {
      out[i] = low + (range >>> 32 == 0 ? (words.word() & 0xFFFFFFFFL) % range : Long.remainderUnsigned(longWord(), range));
    }
  }

  /** {@code torch.randperm(n)}; n - 1 words. */
  public int[] randperm(int n) {
    int[] out = new int[n];
    for (int i = 0; i < n; i++) {
      out[i] = i;
    }
    for (int i = 0; i < n - 1; i++) {
      int j = i + (int) ((words.word() & 0xFFFFFFFFL) % (n - i));
      int swapped = out[i];
      out[i] = out[j];
      out[j] = swapped;
    }
    return out;
  }

  /** {@code torch.bernoulli(p)} of a float32 tensor: 1 with probability p[i], else 0; one word an element. */
  public float[] bernoulli(float[] p) {
    float[] out = new float[p.length];
    for (int i = 0; i < p.length; i++) {
      out[i] = rand() < p[i] ? 1 : 0;
    }
    return out;
  }

  /**
   * {@code torch.multinomial(probabilities, samples)} without replacement: the winners of an exponential race, best first, the lower code first on a
   * tie; two words for each probability.
   *
   * @param probabilities [rows, V] float32, not necessarily summing to 1
   * @return [rows, samples]
   */
  public int[] multinomial(float[] probabilities, int rows, int samples) {
    int width = probabilities.length / rows;
    float[] race = new float[probabilities.length];
    exponential(race);
    int[] out = new int[rows * samples];
    for (int row = 0; row < rows; row++) {
      int base = row * width;
      for (int i = base; i < base + width; i++) {
        race[i] = probabilities[i] / race[i];
      }
      for (int s = 0; s < samples; s++) {
        int best = base;
        for (int i = base + 1; i < base + width; i++) {
          if (race[i] > race[best]) {
            best = i;
          }
        }
        out[row * samples + s] = best - base;
        race[best] = Float.NEGATIVE_INFINITY;
      }
    }
    return out;
  }

  /**
   * {@code torch.multinomial(probabilities, samples, replacement=True)}: inverts the float32 cumulative sum; two words a sample. Arguments as in
   * {@link #multinomial}.
   */
  public int[] multinomialWithReplacement(float[] probabilities, int rows, int samples) {
    int width = probabilities.length / rows;
    int[] out = new int[rows * samples];
    float[] cumulative = new float[width];
    for (int row = 0; row < rows; row++) {
      float sum = 0;
      for (int i = 0; i < width; i++) {
        sum += probabilities[row * width + i];
        cumulative[i] = sum;
      }
      for (int i = 0; i < width; i++) {
        cumulative[i] /= sum;
      }
      cumulative[width - 1] = 1;
      for (int s = 0; s < samples; s++) {
        out[row * samples + s] = lowerBound(cumulative, randDouble());
      }
    }
    return out;
  }

  private static int lowerBound(float[] sorted, double value) {
    int left = 0;
    int right = sorted.length;
    while (left < right) {
      int middle = left + right >>> 1;
      if (sorted[middle] < value) {
        left = middle + 1;
      } else {
        right = middle;
      }
    }
    return left;
  }
}

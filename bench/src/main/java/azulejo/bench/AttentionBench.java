package azulejo.bench;

import azulejo.kernels.AttentionMask;
import azulejo.kernels.Tensor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/** Attention: aMUSEd's to itself (T = S = 256) and to its text (S = 77), a decoding step (T = 1), a VQ decoder's single wide head. */
public class AttentionBench extends OpBench {
  /** B x T x S x heads x D. */
  @Param({"2x256x256x16x64", "2x256x77x16x64", "2x1x576x12x64", "1x1024x1024x1x512"})
  String shape;

  private int[] sizes;
  private Tensor q;
  private Tensor k;
  private Tensor v;
  private Tensor out;

  @Override
  protected void prepare() {
    sizes = sizes(shape);
    int channels = sizes[3] * sizes[4];
    q = input(sizes[0], sizes[1], channels);
    k = input(sizes[0], sizes[2], channels);
    v = input(sizes[0], sizes[2], channels);
    out = output(sizes[0], sizes[1], channels);
  }

  @Benchmark
  public void attention(Rate rate) {
    ops.attention(q, k, v, sizes[3], (float) (1 / Math.sqrt(sizes[4])), AttentionMask.NONE, out);
    double channels = (double) sizes[0] * sizes[3] * sizes[4];
    count(rate, 4 * channels * sizes[1] * sizes[2], 4 * channels * 2 * (sizes[1] + sizes[2]));
  }
}

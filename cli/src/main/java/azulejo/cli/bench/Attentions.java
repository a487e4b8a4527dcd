package azulejo.cli.bench;

import azulejo.kernels.AttentionMask;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import java.util.List;

/**
 * Attention of f32 rows: of many queries in TFLOP/s (two products of T x S x D a head, an fma counts as two), and of one to a cache, which reading it bounds, in
 * GB/s of keys and values.
 */
final class Attentions {
  /** Batch x heads x queries x keys x width of a head. */
  private record Sizes(int batch, int heads, int queries, int keys, int width) {
    @Override
    public String toString() {
      return batch + "x" + heads + "x" + queries + "x" + keys + "x" + width + " f32";
    }

    boolean ofOneQuery() {
      return queries == 1;
    }

    double flops() {
      return 4.0 * batch * heads * queries * keys * width;
    }

    double bytes() {
      return 8.0 * batch * heads * keys * width;
    }
  }

  /** A guided step: aMUSEd's to itself and to the text, for one image and for eight; VQ-Diffusion's; the last step of GPT-XL at 384 pixels with eight images. */
  private static final List<Sizes> SIZES = List.of(new Sizes(2, 16, 256, 77, 64), new Sizes(2, 16, 256, 256, 64), new Sizes(16, 16, 256, 256, 64),
      new Sizes(2, 16, 1024, 1024, 64), new Sizes(16, 20, 1, 576, 64));
  private static final List<Sizes> QUICK = List.of(new Sizes(1, 2, 16, 16, 32), new Sizes(2, 2, 1, 16, 32));

  private Attentions() {}

  static List<String> names() {
    return SIZES.stream().map(Sizes::toString).toList();
  }

  static void run(Session session) {
    (session.quick() ? QUICK : SIZES).forEach(sizes -> run(session, sizes));
  }

  private static void run(Session session, Sizes sizes) {
    Backend b = session.backend();
    long channels = (long) sizes.heads * sizes.width;
    try (Backend.Scope _ = b.scope()) {
      Tensor q = b.tensor(Operands.uniform(sizes.batch, sizes.queries, channels));
      Tensor k = b.tensor(Operands.uniform(sizes.batch, sizes.keys, channels));
      Tensor v = b.tensor(Operands.uniform(sizes.batch, sizes.keys, channels));
      Tensor out = b.alloc(DType.F32, sizes.batch, sizes.queries, channels);
      Tensor length = sizes.ofOneQuery() ? b.tensor(HostTensor.of("length", new int[] {sizes.keys}, 1)) : null;
      float scale = (float) (1 / Math.sqrt(sizes.width));
      session.seconds(sizes.toString(), sizes.flops(), () -> b.attention(q, k, v, sizes.heads, scale, AttentionMask.NONE, null, length, out)).ifPresent(
          seconds -> session.add(sizes.toString(), seconds, (sizes.ofOneQuery() ? sizes.bytes() * 1e-9 : sizes.flops() * 1e-12) / seconds,
              sizes.ofOneQuery() ? "GB/s" : "TFLOP/s", List.of()));
    }
  }
}

package azulejo.kernels.vector;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.kernels.HostTensor;
import azulejo.kernels.Stream;
import azulejo.kernels.Tensor;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("lanes")
class SubsetTest {
  private static final int CODES = 333;

  /** From one code to all, at the ends of vectors and anywhere. */
  private static final int[][] SUBSETS = {{0}, {CODES - 1}, {15, 16}, IntStream.range(64, 128).toArray(), IntStream.range(0, CODES).toArray(),
      new Random(1).ints(CODES / 2, 0, CODES).sorted().distinct().toArray(), new Random(2).ints(CODES / 9, 0, CODES).sorted().distinct().toArray()};

  @Test
  void packsWhatBelongsToItsCodesInTheirOrder() {
    try (VectorBackend backend = new VectorBackend(1)) {
      for (int[] codes : SUBSETS) {
        Subset subset = subset(backend, codes);
        assertThat(subset.size).isEqualTo(codes.length);
        long row = room(backend);
        for (int i = 0; i < CODES; i++) {
          Lanes.setInt(row + 4L * i, 1000 + i);
        }
        subset.pack(row);
        assertThat(IntStream.range(0, codes.length).map(i -> Lanes.getInt(row + 4L * i) - 1000).toArray()).containsExactly(codes);
        assertThat(IntStream.range(0, codes.length).map(subset::code).toArray()).containsExactly(codes);
      }
    }
  }

  @Test
  void aCodesVariateIsTheSameWhateverElseMayBeDrawn() {
    try (VectorBackend backend = new VectorBackend(1)) {
      long all = room(backend);
      VectorPhilox.exponentials(7, Stream.DRAW, 1, 2, 3, CODES, null, all);
      for (int[] codes : SUBSETS) {
        long some = room(backend);
        VectorPhilox.exponentials(7, Stream.DRAW, 1, 2, 3, CODES, subset(backend, codes), some);
        for (int i = 0; i < codes.length; i++) {
          assertThat(Lanes.getInt(some + 4L * i)).as("code %d", codes[i]).isEqualTo(Lanes.getInt(all + 4L * codes[i]));
        }
      }
    }
  }

  @Test
  void guidesBothSidesApart() {
    Random random = new Random(3);
    try (VectorBackend backend = new VectorBackend(1)) {
      long u = room(backend);
      long c = room(backend);
      for (int i = 0; i < CODES; i++) {
        Lanes.set(u + 4L * i, (float) random.nextGaussian());
        Lanes.set(c + 4L * i, (float) random.nextGaussian());
      }
      long all = room(backend);
      long lanes = room(backend);
      float top = Sampling.guide(u, c, 3, all, CODES, lanes);
      float magnitude = Lanes.get(lanes);
      for (int[] codes : SUBSETS) {
        long in = room(backend);
        long out = room(backend);
        assertThat(Sampling.guideApart(u, c, 3, subset(backend, codes), in, out, CODES, lanes)).isEqualTo(top);
        assertThat(Lanes.get(lanes)).isEqualTo(magnitude);
        assertThat(Lanes.get(lanes + 4)).isEqualTo((float) IntStream.of(codes).mapToDouble(i -> Lanes.get(all + 4L * i)).max().orElseThrow());
        int[] others = IntStream.range(0, CODES).filter(i -> IntStream.of(codes).noneMatch(code -> code == i)).toArray();
        assertPacked(in, all, codes);
        assertPacked(out, all, others);
      }
    }
  }

  private static void assertPacked(long packed, long all, int[] codes) {
    for (int i = 0; i < codes.length; i++) {
      assertThat(Lanes.getInt(packed + 4L * i)).as("code %d", codes[i]).isEqualTo(Lanes.getInt(all + 4L * codes[i]));
    }
    for (int i = codes.length; i % Lanes.COUNT != 0; i++) {
      assertThat(Lanes.get(packed + 4L * i)).isEqualTo(Float.NEGATIVE_INFINITY);
    }
  }

  private static Subset subset(VectorBackend backend, int[] codes) {
    float[] rule = new float[CODES];
    Arrays.fill(rule, Float.NEGATIVE_INFINITY);
    for (int code : codes) {
      rule[code] = 0;
    }
    return new Subset(backend, backend.tensor(HostTensor.of("codebook", rule, CODES)));
  }

  /** For the codes and two vectors more. */
  private static long room(VectorBackend backend) {
    Tensor room = backend.tensor(HostTensor.of("room", new float[CODES + 3 * Lanes.COUNT], CODES + 3 * Lanes.COUNT));
    return Rows.of(room).address();
  }
}

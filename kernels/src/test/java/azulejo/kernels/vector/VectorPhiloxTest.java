package azulejo.kernels.vector;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.kernels.Philox;
import azulejo.kernels.Stream;
import java.lang.foreign.Arena;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("lanes")
class VectorPhiloxTest {
  /** Two million variates of counters and seeds from their whole ranges, before and after compilation. */
  @Test
  void theSameBitsAsTheScalarGenerator() {
    SplittableRandom random = new SplittableRandom(1);
    try (Arena arena = Arena.ofConfined()) {
      long out = arena.allocate(8192 * 4, 64).address();
      for (int i = 0; i < 256; i++) {
        long seed = random.nextLong();
        Stream stream = Stream.values()[i % 2];
        long image = random.nextLong(1L << 31);
        int step = random.nextInt();
        int position = random.nextInt();
        VectorPhilox.exponentials(seed, stream, image, step, position, 8192, null, out);
        for (int code = 0; code < 8192; code++) {
          float expected = Philox.exponential(Philox.word(seed, stream, image, step, position, code));
          if (Float.floatToRawIntBits(Lanes.get(out + 4L * code)) != Float.floatToRawIntBits(expected)) {
            assertThat(Lanes.get(out + 4L * code)).as("seed %d, image %d, step %d, position %d, code %d", seed, image, step, position, code).isEqualTo(expected);
          }
        }
      }
    }
  }

  @Test
  void writesNoMoreThanTwoVectorsPastTheLastCode() {
    try (Arena arena = Arena.ofConfined()) {
      int room = 4 * Lanes.COUNT;
      long out = arena.allocate(room * 4L, 64).address();
      for (int codes = 1; codes <= 2 * Lanes.COUNT; codes++) {
        for (int i = 0; i < room; i++) {
          Lanes.set(out + 4L * i, -1);
        }
        VectorPhilox.exponentials(5, Stream.DRAW, 0, 0, 0, codes, null, out);
        for (int i = 2 * Lanes.COUNT; i < room; i++) {
          assertThat(Lanes.get(out + 4L * i)).isEqualTo(-1);
        }
      }
    }
  }
}

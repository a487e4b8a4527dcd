package azulejo.probes.metrics;

import azulejo.models.Image;
import java.util.Arrays;
import java.util.Random;

/** Pictures for tests. */
final class Images {
  private Images() {}

  static Image noise(int width, int height, int seed) {
    byte[] rgb = new byte[3 * width * height];
    new Random(seed).nextBytes(rgb);
    return new Image(width, height, rgb);
  }

  static Image flat(int width, int height, int level) {
    byte[] rgb = new byte[3 * width * height];
    Arrays.fill(rgb, (byte) level);
    return new Image(width, height, rgb);
  }
}

package azulejo.cli;

import azulejo.models.GeneratedImage;
import azulejo.models.Image;
import azulejo.runtime.ledger.EntropyLedger;
import java.util.Arrays;
import java.util.List;

/**
 * When and out of how much uncertainty each token of a picture came to be: on the left the step after which it never changed again, from the first (dark) to
 * the last (bright); on the right the entropy of the distribution that it was taken from then, from 0 (dark) to that of the whole codebook (bright).
 */
final class SettleMap {
  /** Pixels between the two halves. */
  private static final int GAP = 4;
  /** Points of the colour map "viridis", which is even in lightness and safe for the colour-blind; between them colours are mixed. */
  private static final int[] VIRIDIS = {0x440154, 0x482878, 0x3E4989, 0x31688E, 0x26828E, 0x1F9E89, 0x35B779, 0x6DCD59, 0xB4DE2C, 0xFDE725};

  private SettleMap() {}

  /**
   * The pictures with their maps in place of their pixels.
   *
   * @param codes V, of the model
   */
  static List<GeneratedImage> of(List<GeneratedImage> images, int codes) {
    return images.stream().map(image -> new GeneratedImage(image.prompt(), image.index(), image.gridHeight(), image.gridWidth(), image.tokens(),
        map(image, codes), image.ledger())).toList();
  }

  private static Image map(GeneratedImage image, int codes) {
    EntropyLedger ledger = image.ledger().orElseThrow();
    int cell = Math.max(1, image.image().width() / image.gridWidth());
    int half = cell * image.gridWidth();
    int width = 2 * half + GAP;
    int height = cell * image.gridHeight();
    byte[] rgb = new byte[3 * width * height];
    Arrays.fill(rgb, (byte) 0xFF);
    double last = Math.max(1, ledger.steps().size() - 1);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < half; x++) {
        int token = y / cell * image.gridWidth() + x / cell;
        paint(rgb, y * width + x, Math.max(0, ledger.settledAt()[token]) / last);
        paint(rgb, y * width + half + GAP + x, ledger.settledEntropy()[token] / Math.log(codes));
      }
    }
    return new Image(width, height, rgb);
  }

  private static void paint(byte[] rgb, int pixel, double value) {
    double at = Math.clamp(value, 0, 1) * (VIRIDIS.length - 1);
    int from = Math.min((int) at, VIRIDIS.length - 2);
    for (int channel = 0; channel < 3; channel++) {
      int shift = 16 - 8 * channel;
      double a = VIRIDIS[from] >> shift & 0xFF;
      double b = VIRIDIS[from + 1] >> shift & 0xFF;
      rgb[3 * pixel + channel] = (byte) Math.round(a + (b - a) * (at - from));
    }
  }
}

package azulejo.models;

import azulejo.kernels.HostTensor;

/** An 8-bit RGB picture, rows from the top, {@code rgb.length == 3 * width * height}. */
public record Image(int width, int height, byte[] rgb) {
  /** Pixels of the range 0 to 1, clipped, to the nearest of 256 levels, the even one of two: how the official pipelines make pictures. */
  public static byte[] levels(HostTensor pixels) {
    byte[] levels = new byte[Math.toIntExact(pixels.shape().elements())];
    for (int i = 0; i < levels.length; i++) {
      levels[i] = (byte) Math.rint(Math.clamp(pixels.floatAt(i), 0f, 1f) * 255f);
    }
    return levels;
  }
}

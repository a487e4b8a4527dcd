package azulejo.probes.report;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.Optional;
import javax.imageio.ImageIO;

/** Images inside the page: small ones as they are, larger ones as JPEG of {@link #SIDE} pixels. For looking at, never for measuring. */
final class Thumbnail {
  private static final int SIDE = 128;

  private Thumbnail() {}

  /** A data URI, or empty when the file is no image that can be read. */
  static Optional<String> of(Path file) {
    try {
      byte[] bytes = Files.readAllBytes(file);
      BufferedImage image = ImageIO.read(new ByteArrayInputStream(bytes));
      if (image == null) {
        return Optional.empty();
      }
      boolean png = bytes.length > 4 && bytes[1] == 'P' && bytes[2] == 'N' && bytes[3] == 'G';
      return Optional.of(png && Math.max(image.getWidth(), image.getHeight()) <= SIDE ? uri("png", bytes) : uri("jpeg", jpeg(image)));
    } catch (IOException | RuntimeException e) { // ImageIO lets some broken files end in an index out of bounds
      return Optional.empty();
    }
  }

  private static byte[] jpeg(BufferedImage image) throws IOException {
    double scale = Math.min(1, (double) SIDE / Math.max(image.getWidth(), image.getHeight()));
    BufferedImage small = shrunk(image, Math.max(1, (int) Math.round(image.getWidth() * scale)),
        Math.max(1, (int) Math.round(image.getHeight() * scale)));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ImageIO.write(small, "jpeg", out);
    return out.toByteArray();
  }

  /** Each pixel is the mean of those that it stands for. Java's own graphics would look for a screen. */
  private static BufferedImage shrunk(BufferedImage image, int width, int height) {
    BufferedImage small = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int left = x * image.getWidth() / width;
        int right = Math.max(left + 1, (x + 1) * image.getWidth() / width);
        int top = y * image.getHeight() / height;
        int bottom = Math.max(top + 1, (y + 1) * image.getHeight() / height);
        int[] pixels = image.getRGB(left, top, right - left, bottom - top, null, 0, right - left);
        small.setRGB(x, y, mean(pixels, 16) << 16 | mean(pixels, 8) << 8 | mean(pixels, 0));
      }
    }
    return small;
  }

  private static int mean(int[] pixels, int shift) {
    return (int) Math.round(Arrays.stream(pixels).map(p -> p >> shift & 0xFF).average().orElseThrow());
  }

  private static String uri(String type, byte[] bytes) {
    return "data:image/" + type + ";base64," + Base64.getEncoder().encodeToString(bytes);
  }
}

package azulejo.probes.report;

import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
      BufferedImage image = ImageIO.read(new java.io.ByteArrayInputStream(bytes));
      if (image == null) {
        return Optional.empty();
      }
      boolean png = bytes.length > 4 && bytes[1] == 'P' && bytes[2] == 'N' && bytes[3] == 'G';
      return Optional.of(png && Math.max(image.getWidth(), image.getHeight()) <= SIDE ? uri("png", bytes) : uri("jpeg", jpeg(image)));
    } catch (IOException | RuntimeException e) { // ImageIO lets some broken files end in an index out of bounds
      return Optional.empty();
    }
  }

  /** Halved until the last step, so that every pixel of a large image counts. */
  private static byte[] jpeg(BufferedImage image) throws IOException {
    BufferedImage current = image;
    while (Math.max(current.getWidth(), current.getHeight()) > 2 * SIDE) {
      current = scaled(current, (current.getWidth() + 1) / 2, (current.getHeight() + 1) / 2);
    }
    double scale = Math.min(1, (double) SIDE / Math.max(current.getWidth(), current.getHeight()));
    current = scaled(current, Math.max(1, (int) Math.round(current.getWidth() * scale)), Math.max(1, (int) Math.round(current.getHeight() * scale)));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ImageIO.write(current, "jpeg", out);
    return out.toByteArray();
  }

  private static BufferedImage scaled(BufferedImage image, int width, int height) {
    BufferedImage scaled = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = scaled.createGraphics();
    graphics.setRenderingHint(RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BILINEAR);
    graphics.drawImage(image, 0, 0, width, height, null);
    graphics.dispose();
    return scaled;
  }

  private static String uri(String type, byte[] bytes) {
    return "data:image/" + type + ";base64," + Base64.getEncoder().encodeToString(bytes);
  }
}

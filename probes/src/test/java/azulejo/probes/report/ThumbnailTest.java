package azulejo.probes.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ThumbnailTest {
  @TempDir
  Path dir;

  @Test
  void aSmallImageStaysAsItIs() throws IOException {
    Path file = chequered(64, 64);
    assertThat(Thumbnail.of(file)).hasValue("data:image/png;base64," + Base64.getEncoder().encodeToString(Files.readAllBytes(file)));
  }

  /** A chequerboard of single pixels, black and white, shrinks to grey and not to one of its colours. */
  @Test
  void aLargeImageShrinksToMeans() throws IOException {
    String uri = Thumbnail.of(chequered(1024, 512)).orElseThrow();
    assertThat(uri).startsWith("data:image/jpeg;base64,");
    BufferedImage small = ImageIO.read(new ByteArrayInputStream(Base64.getDecoder().decode(uri.substring(uri.indexOf(',') + 1))));
    assertThat(small.getWidth()).isEqualTo(128);
    assertThat(small.getHeight()).isEqualTo(64);
    assertThat(small.getRGB(40, 40) & 0xFF).isBetween(125, 131);
  }

  private Path chequered(int width, int height) throws IOException {
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        image.setRGB(x, y, (x + y) % 2 == 0 ? 0 : 0xFFFFFF);
      }
    }
    Path file = dir.resolve("image.png");
    ImageIO.write(image, "png", file.toFile());
    return file;
  }
}

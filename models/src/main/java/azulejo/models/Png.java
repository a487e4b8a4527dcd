package azulejo.models;

import azulejo.runtime.OptionException;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageTypeSpecifier;
import javax.imageio.ImageWriter;
import javax.imageio.metadata.IIOInvalidTreeException;
import javax.imageio.metadata.IIOMetadata;
import javax.imageio.metadata.IIOMetadataNode;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/** PNG files with text chunks, as <a href="https://www.w3.org/TR/png-3/">the PNG specification</a> has them. */
public final class Png {
  private static final String FORMAT = "javax_imageio_png_1.0";

  private Png() {}

  /**
   * The same input gives the same bytes.
   *
   * @param text keyword (1 to 79 Latin-1 characters) to value; ASCII values become tEXt chunks, others iTXt
   */
  public static byte[] encode(Image image, Map<String, String> text) {
    BufferedImage picture = new BufferedImage(image.width(), image.height(), BufferedImage.TYPE_INT_RGB);
    byte[] rgb = image.rgb();
    for (int y = 0, i = 0; y < image.height(); y++) {
      for (int x = 0; x < image.width(); x++, i += 3) {
        picture.setRGB(x, y, (rgb[i] & 0xFF) << 16 | (rgb[i + 1] & 0xFF) << 8 | rgb[i + 2] & 0xFF);
      }
    }
    ImageWriter writer = ImageIO.getImageWritersByFormatName("png").next();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (MemoryCacheImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
      IIOMetadata metadata = writer.getDefaultImageMetadata(ImageTypeSpecifier.createFromRenderedImage(picture), null);
      metadata.mergeTree(FORMAT, chunks(text));
      writer.setOutput(out);
      writer.write(new IIOImage(picture, null, metadata));
    } catch (IOException e) {
      throw new UncheckedIOException("memory refused to be written", e);
    } finally {
      writer.dispose();
    }
    return bytes.toByteArray();
  }

  /**
   * A picture's pixels, without its text; transparency counts as nothing.
   *
   * @param name what a message calls it
   * @throws OptionException when it is not a picture
   */
  public static Image decode(String name, byte[] png) {
    BufferedImage picture;
    try {
      picture = ImageIO.read(new ByteArrayInputStream(png));
    } catch (IOException e) {
      throw new OptionException(name + " is no picture that can be read: " + e.getMessage(), e);
    }
    if (picture == null) {
      throw new OptionException(name + " is no picture");
    }
    byte[] rgb = new byte[3 * picture.getWidth() * picture.getHeight()];
    boolean grey = picture.getColorModel().getColorSpace().getType() == ColorSpace.TYPE_GRAY;
    for (int y = 0, i = 0; y < picture.getHeight(); y++) {
      for (int x = 0; x < picture.getWidth(); x++, i += 3) {
        int pixel = grey ? grey(picture, x, y) : picture.getRGB(x, y);
        rgb[i] = (byte) (pixel >> 16);
        rgb[i + 1] = (byte) (pixel >> 8);
        rgb[i + 2] = (byte) pixel;
      }
    }
    return new Image(picture.getWidth(), picture.getHeight(), rgb);
  }

  /** A grey level as it is stored, for all three colours: Java takes it for linear light and would brighten it. Of 16 bits the upper eight count. */
  private static int grey(BufferedImage picture, int x, int y) {
    int level = picture.getRaster().getSample(x, y, 0) >> Math.max(0, picture.getSampleModel().getSampleSize(0) - 8);
    return level * 0x010101;
  }

  private static IIOMetadataNode chunks(Map<String, String> text) throws IIOInvalidTreeException {
    IIOMetadataNode plain = new IIOMetadataNode("tEXt");
    IIOMetadataNode international = new IIOMetadataNode("iTXt");
    text.forEach((keyword, value) -> {
      boolean ascii = StandardCharsets.US_ASCII.newEncoder().canEncode(value);
      IIOMetadataNode entry = new IIOMetadataNode(ascii ? "tEXtEntry" : "iTXtEntry");
      entry.setAttribute("keyword", keyword);
      if (ascii) {
        entry.setAttribute("value", value);
        plain.appendChild(entry);
      } else {
        entry.setAttribute("compressionFlag", "FALSE");
        entry.setAttribute("compressionMethod", "0");
        entry.setAttribute("languageTag", "");
        entry.setAttribute("translatedKeyword", "");
        entry.setAttribute("text", value);
        international.appendChild(entry);
      }
    });
    IIOMetadataNode root = new IIOMetadataNode(FORMAT);
    if (plain.hasChildNodes()) {
      root.appendChild(plain);
    }
    if (international.hasChildNodes()) {
      root.appendChild(international);
    }
    return root;
  }
}

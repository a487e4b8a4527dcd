package azulejo.cli;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32;
import javax.imageio.ImageIO;

/** Reads a PNG as its specification (https://www.w3.org/TR/png-3/) says, independently of what wrote it. */
record PngReader(BufferedImage image, Map<String, String> text, Map<String, String> chunkOf) {

  static PngReader read(byte[] png) throws IOException {
    Map<String, String> text = new LinkedHashMap<>();
    Map<String, String> chunkOf = new LinkedHashMap<>();
    ByteBuffer in = ByteBuffer.wrap(png);
    in.position(8);
    while (in.hasRemaining()) {
      byte[] chunk = new byte[in.getInt() + 4];
      in.get(chunk);
      CRC32 crc = new CRC32();
      crc.update(chunk);
      if ((int) crc.getValue() != in.getInt()) {
        throw new IOException("wrong checksum");
      }
      String type = new String(chunk, 0, 4, StandardCharsets.US_ASCII);
      if (type.equals("tEXt") || type.equals("iTXt")) {
        int end = indexOfZero(chunk, 4);
        String keyword = new String(chunk, 4, end - 4, StandardCharsets.ISO_8859_1);
        int start = end + 1;
        if (type.equals("iTXt")) {
          if (chunk[start] != 0) {
            throw new IOException("compressed");
          }
          start = indexOfZero(chunk, indexOfZero(chunk, start + 2) + 1) + 1; // past the flag, the method, the language and the translated keyword
        }
        byte[] value = Arrays.copyOfRange(chunk, start, chunk.length);
        text.put(keyword, new String(value, type.equals("iTXt") ? StandardCharsets.UTF_8 : StandardCharsets.ISO_8859_1));
        chunkOf.put(keyword, type);
      }
    }
    return new PngReader(ImageIO.read(new ByteArrayInputStream(png)), text, chunkOf);
  }

  private static int indexOfZero(byte[] bytes, int from) {
    int i = from;
    while (bytes[i] != 0) {
      i++;
    }
    return i;
  }
}

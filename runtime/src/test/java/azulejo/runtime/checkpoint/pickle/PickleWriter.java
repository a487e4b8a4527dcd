package azulejo.runtime.checkpoint.pickle;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Writes pickles opcode by opcode, and files around them, as torch.save or an attacker would. */
final class PickleWriter {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  PickleWriter() {
    op(0x80, 2);
  }

  PickleWriter op(int... bytes) {
    for (int b : bytes) {
      out.write(b);
    }
    return this;
  }

  PickleWriter repeat(int times, int... bytes) {
    for (int i = 0; i < times; i++) {
      op(bytes);
    }
    return this;
  }

  PickleWriter text(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    op('X').int32(utf8.length).out.writeBytes(utf8);
    return this;
  }

  PickleWriter integer(long value) {
    return op(0x8a, 8).int64(value);
  }

  PickleWriter global(String module, String name) {
    op('c').out.writeBytes((module + "\n" + name + "\n").getBytes(StandardCharsets.UTF_8));
    return this;
  }

  /** Leaves the function and the arguments of a tensor on the stack, so that 'R' makes it. */
  PickleWriter tensorCall(String storageType, String key, long elements, long offset, long[] sizes, long[] strides) {
    global("torch._utils", "_rebuild_tensor_v2").op('(');
    op('(').text("storage").global("torch", storageType).text(key).text("cpu").integer(elements).op('t', 'Q');
    integer(offset).tuple(sizes).tuple(strides).op(0x89).global("collections", "OrderedDict").op(')', 'R');
    return op('t');
  }

  PickleWriter int32(int value) {
    out.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
    return this;
  }

  PickleWriter int64(long value) {
    out.writeBytes(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
    return this;
  }

  private PickleWriter tuple(long[] values) {
    op('(');
    for (long value : values) {
      integer(value);
    }
    return op('t');
  }

  /** The pickle, ended. */
  byte[] end() {
    op('.');
    return out.toByteArray();
  }

  /** The legacy format's three pickles before the value. */
  static byte[] legacyHeader() {
    ByteArrayOutputStream header = new ByteArrayOutputStream();
    byte[] magic = {0x6c, (byte) 0xfc, (byte) 0x9c, 0x46, (byte) 0xf9, 0x20, 0x6a, (byte) 0xa8, 0x50, 0x19};
    PickleWriter number = new PickleWriter().op(0x8a, magic.length);
    number.out.writeBytes(magic);
    header.writeBytes(number.end());
    header.writeBytes(new PickleWriter().integer(1001).end());
    header.writeBytes(new PickleWriter().op('}').text("little_endian").op(0x88, 's').end());
    return header.toByteArray();
  }

  /** A zip of these entries below {@code archive/}, stored, in order. */
  static Path zip(Path file, Map<String, byte[]> entries) {
    try (OutputStream out = Files.newOutputStream(file); ZipOutputStream zip = new ZipOutputStream(out)) {
      for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
        ZipEntry stored = new ZipEntry("archive/" + entry.getKey());
        CRC32 crc = new CRC32();
        crc.update(entry.getValue());
        stored.setMethod(ZipEntry.STORED);
        stored.setSize(entry.getValue().length);
        stored.setCrc(crc.getValue());
        zip.putNextEntry(stored);
        zip.write(entry.getValue());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return file;
  }
}

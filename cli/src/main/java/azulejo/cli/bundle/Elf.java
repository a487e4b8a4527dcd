package azulejo.cli.bundle;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Shared libraries of Linux (ELF, System V ABI chapters 4 and 5). The loader maps segments and never looks at sections, so the symbol table of a debugger, which
 * lies behind the last segment, can go: 5 MB of a JVM. Binutils' strip does the same, where it is installed.
 */
final class Elf {
  private static final int MAGIC = 0x464C457F;
  private static final int CLASS_64_LITTLE_ENDIAN = 0x0102;
  private static final int HEADER_BYTES = 64;
  private static final int SEGMENT_BYTES = 56;

  private Elf() {}

  /** Cuts the file off behind its last segment; leaves it alone when it is no 64-bit little-endian ELF file, or has its sections elsewhere. */
  static void strip(Path library) throws IOException {
    try (FileChannel file = FileChannel.open(library, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      ByteBuffer header = read(file, 0, HEADER_BYTES);
      if (header.limit() < HEADER_BYTES || header.getInt(0) != MAGIC || header.getShort(4) != CLASS_64_LITTLE_ENDIAN || header.getShort(54) != SEGMENT_BYTES) {
        return;
      }
      int segments = header.getShort(56);
      ByteBuffer table = read(file, header.getLong(32), segments * SEGMENT_BYTES);
      long end = header.getLong(32) + (long) segments * SEGMENT_BYTES;
      for (int i = 0; i < segments && table.limit() == segments * SEGMENT_BYTES; i++) {
        end = Math.max(end, table.getLong(i * SEGMENT_BYTES + 8) + table.getLong(i * SEGMENT_BYTES + 32));
      }
      if (header.getLong(40) < end || end > file.size()) {
        return;
      }
      header.putLong(40, 0).putShort(60, (short) 0).putShort(62, (short) 0); // no section headers
      for (long at = 0; header.hasRemaining(); ) {
        at += file.write(header, at);
      }
      file.truncate(end);
    }
  }

  private static ByteBuffer read(FileChannel file, long from, int bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    while (buffer.hasRemaining() && file.read(buffer, from + buffer.position()) >= 0) {
      // goes on
    }
    return buffer.flip();
  }
}

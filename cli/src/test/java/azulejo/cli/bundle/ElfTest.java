package azulejo.cli.bundle;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class ElfTest {
  /** A header, one segment of 200 bytes from the start of the file, and behind it 100 bytes for a debugger, the section headers the last 64 of them. */
  private static final int SEGMENT = 200;
  private static final int SECTIONS = SEGMENT + 36;
  private static final int FILE = SEGMENT + 100;

  @TempDir
  Path dir;

  private static ByteBuffer library() {
    ByteBuffer file = ByteBuffer.allocate(FILE).order(ByteOrder.LITTLE_ENDIAN);
    Arrays.fill(file.array(), (byte) 0x5A);
    file.put(0, new byte[] {0x7F, 'E', 'L', 'F', 2, 1});
    file.putLong(32, 64).putLong(40, SECTIONS).putShort(54, (short) 56).putShort(56, (short) 1).putShort(60, (short) 1).putShort(62, (short) 0);
    return file.putLong(64 + 8, 0).putLong(64 + 32, SEGMENT);
  }

  private byte[] stripped(ByteBuffer file) throws IOException {
    Path path = Files.write(dir.resolve("x.so"), file.array());
    Elf.strip(path);
    return Files.readAllBytes(path);
  }

  @Test
  void whatLiesBehindTheLastSegmentGoes() throws IOException {
    byte[] expected = Arrays.copyOf(library().putLong(40, 0).putShort(60, (short) 0).array(), SEGMENT);
    assertThat(stripped(library())).isEqualTo(expected);
    assertThat(stripped(ByteBuffer.wrap(expected))).isEqualTo(expected);
  }

  @Test
  void whatIsNotUnderstoodStaysAsItIs() throws IOException {
    for (ByteBuffer file : new ByteBuffer[] {
        ByteBuffer.allocate(0), ByteBuffer.allocate(1000), ByteBuffer.wrap(Arrays.copyOf(library().array(), 70)),
        library().put(4, (byte) 1), // 32 bits
        library().put(5, (byte) 2), // big-endian
        library().putLong(40, SEGMENT - 1), // sections within the segment
        library().putLong(64 + 32, FILE + 1)}) { // a segment that the file has not
      assertThat(stripped(file)).isEqualTo(file.array());
    }
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void theLoaderTakesAStrippedLibrary() throws IOException {
    Path library = Path.of(System.getProperty("java.home"), "lib", "libzip.so");
    Path copy = Files.copy(library, dir.resolve("copy.so"));
    Elf.strip(copy);
    assertThat(copy).satisfies(file -> assertThat(Files.size(file)).isLessThan(Files.size(library)));
    try (Arena arena = Arena.ofConfined()) {
      assertThat(SymbolLookup.libraryLookup(copy, arena).find("Java_java_util_zip_CRC32_update")).isPresent();
    }
  }
}

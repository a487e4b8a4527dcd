package azulejo.kernels.cpu;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * Allocates from an arena only what the machine has. Linux promises more and ends the process without a word when it is used; an
 * {@link OutOfMemoryError} can be told to the user.
 */
final class OffHeap {
  private static final Path MEMINFO = Path.of("/proc/meminfo");

  private OffHeap() {}

  static MemorySegment allocate(Arena arena, long bytes, long alignment) {
    require(bytes, available(MEMINFO));
    return arena.allocate(bytes, alignment);
  }

  static void require(long bytes, long available) {
    if (bytes > available) {
      throw new OutOfMemoryError(String.format(Locale.ROOT, "%.2f GiB more are needed, %.2f GiB are free", bytes / 0x1p30, available / 0x1p30));
    }
  }

  /** Bytes that can be had without harm to other programs, those of swap space too; without limit where the system does not say. */
  static long available(Path meminfo) {
    if (!Files.isReadable(meminfo)) {
      return Long.MAX_VALUE;
    }
    try (Stream<String> lines = Files.lines(meminfo)) {
      return 1024 * lines.filter(line -> line.startsWith("MemAvailable:") || line.startsWith("SwapFree:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", ""))).sum();
    } catch (IOException e) {
      return Long.MAX_VALUE;
    }
  }
}

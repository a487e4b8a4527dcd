package azulejo.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OffHeapTest {
  @TempDir
  Path dir;

  @Test
  void readsWhatLinuxSaysIsAvailable() throws IOException {
    Path meminfo = Files.writeString(dir.resolve("meminfo"), """
        MemTotal:       24659496 kB
        MemFree:         1000000 kB
        MemAvailable:       2048 kB
        SwapTotal:       1000000 kB
        SwapFree:           1024 kB
        """);
    assertThat(OffHeap.available(meminfo)).isEqualTo(3L << 20);
    assertThat(OffHeap.available(dir.resolve("none"))).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void moreThanThatIsAnErrorThatSaysHowMuch() {
    OffHeap.require(3L << 30, 3L << 30);
    assertThatThrownBy(() -> OffHeap.require(3L << 30, 1L << 30)).isInstanceOf(OutOfMemoryError.class)
        .hasMessage("3.00 GiB more are needed, 1.00 GiB are free");
  }

  /** 2^50 bytes are more than any machine has; what the system would promise does not matter. */
  @Test
  void anAllocationBeyondTheMachineFailsAtOnce() {
    try (Arena arena = Arena.ofConfined()) {
      assertThat(OffHeap.allocate(arena, 100, 64).byteSize()).isEqualTo(100);
      assertThatThrownBy(() -> OffHeap.allocate(arena, 1L << 50, 64)).isInstanceOf(OutOfMemoryError.class);
    }
  }
}

package azulejo.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.DeviceException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** That the emulation finds what it says it finds, in the kernels of {@code faulty.cu}; a check of kernels that could not fail would be worth nothing. */
class EmulatorTest extends EmulatedDeviceTest {
  private static final int BLOCKS = 3;
  private static final int THREADS = 64;


  /** What a kernel of {@link #BLOCKS} blocks wrote, from in[i] = i. */
  private float[] run(String kernel, int threads) {
    Driver driver = device.driver();
    long out = driver.allocate(BLOCKS * THREADS * Float.BYTES, "out", "");
    long in = driver.allocate(4 * THREADS * Float.BYTES, "in", "");
    try (Arena arena = Arena.ofConfined()) {
      float[] values = new float[4 * THREADS];
      IntStream.range(0, values.length).forEach(i -> values[i] = i);
      driver.upload(MemorySegment.ofArray(values), in);
      MemorySegment arguments = arena.allocate(16, 8);
      arguments.setAtIndex(ValueLayout.JAVA_LONG, 0, out);
      arguments.setAtIndex(ValueLayout.JAVA_LONG, 1, in);
      driver.launch(driver.kernel("faulty", kernel), BLOCKS, 1, 1, threads, 0, arguments);
      MemorySegment result = arena.allocate(BLOCKS * THREADS * Float.BYTES, 4);
      driver.download(out, result);
      return result.toArray(ValueLayout.JAVA_FLOAT);
    } finally {
      device.revive();
      driver.free(out);
      driver.free(in);
    }
  }

  @Test
  void aSoundKernelRuns() {
    float[] out = run("sound", THREADS);
    for (int i = 0; i < out.length; i++) {
      assertThat(out[i]).isEqualTo(63 - i % THREADS + 64);
    }
  }

  @Test
  void whatNobodyWroteIsNotANumber() {
    float[] out = run("reads_shared_memory_that_nobody_wrote", THREADS);
    assertThat(out[62]).isEqualTo(63);
    assertThat(out[63]).isNaN();
  }

  @Test
  void aMissingBarrierShows() {
    float[] out = run("lacks_a_barrier", THREADS);
    assertThat(IntStream.range(0, out.length).filter(i -> Float.isNaN(out[i])).count()).isPositive();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      leaves_before_a_barrier          | 64 | some threads have ended while others wait at a barrier
      leaves_an_exchange               | 64 | a lane has ended that others of its warp exchange values with
      meets_in_different_exchanges     | 64 | the lanes of a warp meet in different exchanges
      does_not_wait_for_its_copy       | 64 | a thread ends with copies that it never waited for
      copies_from_an_odd_address       | 64 | an asynchronous copy is not aligned to 16 bytes
      loads_a_row_from_an_odd_address  | 32 | ldmatrix reads a row that is not aligned to 16 bytes
      sound                            | 32 | is launched with another number of threads than it was written for
      """)
  void aFaultEndsTheLaunchWithItsReason(String kernel, int threads, String reason) {
    assertThatThrownBy(() -> run(kernel, threads)).isInstanceOf(DeviceException.class).hasMessageContaining("CUDA_ERROR_LAUNCH_FAILED").hasMessageContaining(kernel)
        .hasMessageContaining(reason);
  }

  @Test
  void blocksRunInDifferentOrders() {
    Set<Float> last = new HashSet<>();
    for (int seed = 0; seed < 20; seed++) {
      device.configure(1 << 20, seed, null, 0);
      last.add(run("depends_on_the_order_of_blocks", THREADS)[0]);
    }
    assertThat(last).hasSizeGreaterThan(1);
  }

  /** Of each 16 bytes the first 8 are copied, the others become 0. */
  @Test
  void aCopyThatWasWaitedForIsThere() {
    float[] out = run("waits_for_its_copy", THREADS);
    assertThat(Arrays.copyOf(out, 3)).containsExactly(8 * 63 + 1, 8 * 62 + 1, 8 * 61 + 1);
  }
}

package azulejo.kernels.cuda;

import azulejo.kernels.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A kernel with its arguments, written one after the other in the order of its struct's members and aligned as C aligns them. One object serves all
 * launches: {@link #of} begins the next.
 */
final class Launch implements AutoCloseable {
  private static final int ROOM = 1024;

  final Driver driver;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment arguments = arena.allocate(ROOM, Long.BYTES);
  private Driver.Kernel kernel;
  private long at;

  Launch(Driver driver) {
    this.driver = driver;
  }

  /** Begins a launch of the kernel {@code name} of {@code file.cu}. */
  Launch of(String file, String name) {
    kernel = driver.kernel(file, name);
    at = 0;
    return this;
  }

  /** A {@code Rows<T>}: where the tensor is and how far its rows are apart, nothing for a tensor left out. */
  Launch rows(Tensor t) {
    return address(t).number(t == null ? 0 : t.rowStride());
  }

  /** A pointer to the tensor's first element, or to nothing. */
  Launch address(Tensor t) {
    return number(t == null ? 0 : DeviceBuffer.address(t));
  }

  /** A pointer or a 64-bit integer. */
  Launch number(long x) {
    arguments.set(ValueLayout.JAVA_LONG, align(Long.BYTES), x);
    return this;
  }

  Launch number(int x) {
    arguments.set(ValueLayout.JAVA_INT, align(Integer.BYTES), x);
    return this;
  }

  Launch number(float x) {
    arguments.set(ValueLayout.JAVA_FLOAT, align(Float.BYTES), x);
    return this;
  }

  /** An int, 1 or 0. */
  Launch flag(boolean x) {
    return number(x ? 1 : 0);
  }

  private long align(int bytes) {
    long offset = (at + bytes - 1) / bytes * bytes;
    at = offset + bytes;
    return offset;
  }

  /** Starts it: blocks in x, threads of a block. */
  void run(long blocks, int threads) {
    run(blocks, 1, 1, threads, 0);
  }

  void run(long gridX, long gridY, long gridZ, int threads, int sharedMemory) {
    driver.launch(kernel, gridX, gridY, gridZ, threads, sharedMemory, arguments.asSlice(0, (at + Long.BYTES - 1) / Long.BYTES * Long.BYTES));
  }

  /** How many neighbours in a row a kernel may read or write at once, 4 or 1: whether all rows of all these tensors (null ones aside) begin at a multiple of 16 bytes and have whole fours. */
  static int vector(Tensor... tensors) {
    for (Tensor t : tensors) {
      if (t != null && (t.columns() % 4 != 0 || t.rowStride() % 4 != 0 || DeviceBuffer.address(t) % 16 != 0)) {
        return 1;
      }
    }
    return 4;
  }

  static long ceilDiv(long x, long y) {
    return (x + y - 1) / y;
  }

  @Override
  public void close() {
    arena.close();
  }
}

package azulejo.kernels.cuda;

import azulejo.kernels.Backend;
import azulejo.kernels.Scopes;
import java.util.ArrayList;
import java.util.List;

/**
 * Device memory in two kinds: weights, which stay, and a stack of scratch. Closing a scope moves the top of the stack back; the chunks under it stay, so a
 * step that repeats the allocations of the one before asks the driver for nothing. Memory that is used again is written by work that comes after the work
 * that read it, because there is one stream.
 */
final class DeviceMemory implements AutoCloseable {
  /** As the driver aligns, and enough for any vector or tensor core. */
  static final long ALIGNMENT = 256;

  private static final String NARROWER = "keep the weights narrower (--weights bf16 or int8), or end what else uses the device";
  private static final long FIRST_CHUNK = 16L << 20;
  private static final long LARGEST_CHUNK = 1L << 30;

  private record Chunk(long address, long bytes) {}

  /** A place in the stack: so many bytes of a chunk; chunks before it may end in unused space, those after it are free. */
  private record Top(int chunk, long used) {}

  private final Driver driver;
  private final List<Long> weights = new ArrayList<>();
  /** The chunks of the stack that recordings use. */
  private final List<Chunk> recorded = new ArrayList<>();
  /** Those of the stack in use. */
  private List<Chunk> chunks = new ArrayList<>();
  private final Scopes scopes = new Scopes();
  private Top top = new Top(0, 0);
  private long reserved;
  private long weightBytes;

  DeviceMemory(Driver driver) {
    this.driver = driver;
  }

  /** Memory for the backend's life, called {@code name} when there is too little. */
  DeviceBuffer weight(long bytes, String name) {
    Scopes.Frame life = scopes.root();
    long address = driver.allocate(bytes, "the weight " + name, NARROWER);
    weights.add(address);
    weightBytes += bytes;
    return new DeviceBuffer(address, bytes, life);
  }

  /** {@code bytes} of undefined content until the innermost scope closes. */
  DeviceBuffer alloc(long bytes) {
    Scopes.Frame scope = scopes.innermost();
    int chunk = top.chunk;
    long used = top.used;
    while (chunk < chunks.size() && chunks.get(chunk).bytes - used < bytes) {
      chunk++;
      used = 0;
    }
    if (chunk == chunks.size()) {
      addChunk(bytes);
    }
    top = new Top(chunk, used + roundUp(bytes));
    return new DeviceBuffer(chunks.get(chunk).address + used, bytes, scope);
  }

  private void addChunk(long bytes) {
    long size = Math.max(roundUp(bytes), Math.clamp(reserved, FIRST_CHUNK, LARGEST_CHUNK));
    size = Math.max(roundUp(bytes), Math.min(size, driver.freeMemory() / 2 / ALIGNMENT * ALIGNMENT));
    long address = driver.allocate(size, "working memory", "generate fewer images at once (--count, --batch), " + NARROWER);
    chunks.add(new Chunk(address, size));
    reserved += size;
  }

  /** See {@link Backend#scope}. */
  Backend.Scope scope() {
    Top before = top;
    return scopes.open(() -> top = before);
  }

  /** The scope in which {@link #alloc} allocates. */
  Scopes.Frame innermost() {
    return scopes.innermost();
  }

  /**
   * Runs {@code work} on a stack of its own, which is that of all recordings: their scratch holds nothing from one replay to the next and replays come one after
   * another, so they share its chunks, which stay where they are for the backend's life. (Kept for each alone, the scratch of a diffusion's hundred steps would fill
   * any device.)
   */
  void record(Runnable work) {
    List<Chunk> others = chunks;
    Top before = top;
    chunks = recorded;
    top = new Top(0, 0);
    try {
      work.run();
    } finally {
      chunks = others;
      top = before;
    }
  }

  /** Bytes of scratch held, used or not. */
  long reserved() {
    return reserved;
  }

  /** Bytes of all weights. */
  long weightBytes() {
    return weightBytes;
  }

  @Override
  public void close() {
    if (scopes.close()) {
      chunks.forEach(chunk -> driver.free(chunk.address));
      recorded.forEach(chunk -> driver.free(chunk.address));
      weights.forEach(driver::free);
    }
  }

  private static long roundUp(long bytes) {
    return Math.addExact(bytes, ALIGNMENT - 1) & -ALIGNMENT;
  }
}

package azulejo.kernels.cpu;

import azulejo.kernels.Backend;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * A stack of scratch memory off the heap. Closing a scope moves the top of the stack back; the chunks under it stay, so a step that repeats
 * the allocations of the one before takes nothing from the operating system.
 */
public final class CpuMemory implements AutoCloseable {
  /** A cache line, and the widest vector. */
  public static final long ALIGNMENT = 64;

  private static final long FIRST_CHUNK = 1L << 20;
  private static final long LARGEST_CHUNK = 256L << 20;

  private final Arena arena = Arena.ofShared();
  private final List<MemorySegment> chunks = new ArrayList<>();
  private final Frame root = new Frame(null);
  private Frame top = root;

  // The top of the stack: a chunk and the bytes used in it. Chunks before it may end in unused space, chunks after it are free.
  private int chunk;
  private long used;
  private long reserved;

  /** {@code bytes} of undefined content, aligned to {@link #ALIGNMENT}, until the innermost scope closes. */
  public CpuBuffer alloc(long bytes) {
    root.requireOpen();
    while (chunk < chunks.size() && chunks.get(chunk).byteSize() - used < bytes) {
      chunk++;
      used = 0;
    }
    if (chunk == chunks.size()) {
      long size = Math.max(roundUp(bytes), Math.clamp(reserved, FIRST_CHUNK, LARGEST_CHUNK));
      chunks.add(OffHeap.allocate(arena, size, ALIGNMENT));
      reserved += size;
    }
    MemorySegment segment = chunks.get(chunk).asSlice(used, bytes);
    used += roundUp(bytes);
    return new CpuBuffer(segment, top);
  }

  /** See {@link Backend#scope}. */
  public Backend.Scope scope() {
    root.requireOpen();
    top = new Frame(top);
    return top;
  }

  /** The scope in which {@link #alloc} allocates. */
  Frame innermost() {
    root.requireOpen();
    return top;
  }

  /** Bytes held, used or not. */
  public long reserved() {
    return reserved;
  }

  @Override
  public void close() {
    if (!root.closed) {
      for (Frame f = top; f != null; f = f.outer) {
        f.closed = true;
      }
      arena.close();
    }
  }

  private static long roundUp(long bytes) {
    return Math.addExact(bytes, ALIGNMENT - 1) & -ALIGNMENT;
  }

  /** A scope, or (with nothing outside it) the memory's own life. */
  final class Frame implements Backend.Scope {
    private final Frame outer;
    private final int chunkBefore = chunk;
    private final long usedBefore = used;
    private volatile boolean closed;

    private Frame(Frame outer) {
      this.outer = outer;
    }

    void requireOpen() {
      if (closed) {
        throw new IllegalStateException(root.closed ? "the backend is closed" : "the tensor's scope is closed");
      }
    }

    @Override
    public void close() {
      if (root.closed) {
        return;
      }
      if (closed) {
        throw new IllegalStateException("the scope is closed already");
      }
      if (this != top) {
        throw new IllegalStateException("a scope inside this one is still open");
      }
      closed = true;
      top = outer;
      chunk = chunkBefore;
      used = usedBefore;
    }
  }
}

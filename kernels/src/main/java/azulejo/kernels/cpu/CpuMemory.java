package azulejo.kernels.cpu;

import azulejo.kernels.Backend;
import azulejo.kernels.Scopes;
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
  private final Scopes scopes = new Scopes();

  // The top of the stack: a chunk and the bytes used in it. Chunks before it may end in unused space, chunks after it are free.
  private int chunk;
  private long used;
  private long reserved;

  /** {@code bytes} of undefined content, aligned to {@link #ALIGNMENT}, until the innermost scope closes. */
  public CpuBuffer alloc(long bytes) {
    Scopes.Frame scope = scopes.innermost();
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
    return new CpuBuffer(segment, scope);
  }

  /** See {@link Backend#scope}. */
  public Backend.Scope scope() {
    int chunkBefore = chunk;
    long usedBefore = used;
    return scopes.open(() -> {
      chunk = chunkBefore;
      used = usedBefore;
    });
  }

  /** The scope in which {@link #alloc} allocates. */
  Scopes.Frame innermost() {
    return scopes.innermost();
  }

  /** Bytes held, used or not. */
  public long reserved() {
    return reserved;
  }

  @Override
  public void close() {
    if (scopes.close()) {
      arena.close();
    }
  }

  private static long roundUp(long bytes) {
    return Math.addExact(bytes, ALIGNMENT - 1) & -ALIGNMENT;
  }
}

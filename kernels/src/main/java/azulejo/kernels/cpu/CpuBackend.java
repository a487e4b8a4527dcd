package azulejo.kernels.cpu;

import azulejo.kernels.Backend;
import azulejo.kernels.Checks;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Scopes;
import azulejo.kernels.Shape;
import azulejo.kernels.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The memory half of a backend that computes on the host's processor. */
public abstract class CpuBackend implements Backend {
  private final CpuMemory memory = new CpuMemory();
  private final Arena weights = Arena.ofShared();
  private boolean closed;
  private boolean replaying;

  /** Scratch memory, for a kernel's own needs too. */
  protected final CpuMemory memory() {
    return memory;
  }

  /** Memory for the backend's life, zeroed and aligned to a cache line: for packed weights. */
  protected final MemorySegment allocWeight(long bytes) {
    requireNoReplay();
    return OffHeap.allocate(weights, bytes, CpuMemory.ALIGNMENT);
  }

  @Override
  public final Scope scope() {
    return memory.scope();
  }

  @Override
  public final Tensor alloc(DType dtype, long... dims) {
    Shape shape = Shape.of(dims);
    return Tensor.dense(memory.alloc(Math.multiplyExact(shape.elements(), dtype.bytes())), dtype, shape);
  }

  @Override
  public final Tensor weight(HostTensor host) {
    requireNoReplay();
    MemorySegment data = host.data();
    if (host.dtype() == DType.F32 && data.isNative() && data.address() % Float.BYTES == 0) {
      return Tensor.dense(new CpuBuffer(data, null), DType.F32, host.shape());
    }
    DType dtype = host.dtype().isFloat() ? DType.F32 : host.dtype();
    MemorySegment segment = allocWeight(Math.multiplyExact(host.shape().elements(), dtype.bytes()));
    Tensor weight = Tensor.dense(new CpuBuffer(segment, null), dtype, host.shape());
    upload(host, weight);
    return weight;
  }

  @Override
  public final void upload(HostTensor host, Tensor out) {
    requireNoReplay();
    Checks.upload(host, out);
    MemorySegment to = CpuBuffer.data(out);
    DType dtype = out.dtype();
    long run = runLength(out);
    for (long from = 0; from < out.shape().elements(); from += run) {
      long start = offset(out, from);
      if (host.dtype() == dtype) {
        MemorySegment.copy(host.data(), from * dtype.bytes(), to, start * dtype.bytes(), run * dtype.bytes());
        continue;
      }
      for (long i = 0; i < run; i++) {
        switch (dtype) {
          case F32 -> to.setAtIndex(ValueLayout.JAVA_FLOAT, start + i, host.floatAt(from + i));
          case I32 -> to.setAtIndex(ValueLayout.JAVA_INT, start + i, host.intAt(from + i));
          default -> to.setAtIndex(ValueLayout.JAVA_LONG, start + i, host.longAt(from + i));
        }
      }
    }
  }

  @Override
  public final HostTensor download(Tensor x) {
    requireNoReplay();
    long bytes = x.shape().elements() * x.dtype().bytes();
    MemorySegment data = Arena.ofAuto().allocate(bytes, CpuMemory.ALIGNMENT);
    move(x, Tensor.dense(new CpuBuffer(data, null), x.dtype(), x.shape()));
    return new HostTensor(x.toString(), x.dtype(), x.shape(), data);
  }

  @Override
  public final void copy(Tensor x, Tensor out) {
    Checks.copy(x, out);
    move(x, out);
  }

  @Override
  public final void place(Tensor x, Tensor position, Tensor out) {
    Checks.place(x, position, out);
    move(x, out.slice(1, Checks.index("place", first(position), out.size(1) - x.size(1) + 1), x.dim(1)));
  }

  @Override
  public final void increment(Tensor counter) {
    Checks.increment(counter);
    MemorySegment data = CpuBuffer.data(counter);
    for (long i = 0; i < counter.shape().elements(); i++) {
      long at = offset(counter, i);
      data.setAtIndex(ValueLayout.JAVA_INT, at, data.getAtIndex(ValueLayout.JAVA_INT, at) + 1);
    }
  }

  /** The first part of keys, values or a bias, along {@code dim}, that attention with a {@code length} reads; all where either is null. */
  protected static Tensor filled(Tensor x, int dim, Tensor length) {
    return x == null || length == null ? x : x.slice(dim, 0, Checks.index("attention", first(length) - 1, x.size(dim)) + 1);
  }

  private static int first(Tensor x) {
    return CpuBuffer.data(x).get(ValueLayout.JAVA_INT, 0);
  }

  /** A replay is a plain call. What a device could not record is refused here too. */
  @Override
  public final Recording record(Runnable ops) {
    requireNoReplay();
    Scopes.Frame scope = memory.innermost();
    return new Recording() {
      private boolean over;

      @Override
      public void replay() {
        requireNoReplay();
        scope.requireOpen();
        if (over) {
          throw new IllegalStateException("the recording is closed");
        }
        try (Scope _ = scope()) {
          replaying = true;
          ops.run();
        } finally {
          replaying = false;
        }
      }

      @Override
      public int launches() {
        return 0;
      }

      @Override
      public void close() {
        over = true;
      }
    };
  }

  private void requireNoReplay() {
    if (replaying) {
      throw new IllegalStateException("recorded ops may not upload, download, make weights, record or replay");
    }
  }

  private static void move(Tensor x, Tensor out) {
    MemorySegment from = CpuBuffer.data(x);
    MemorySegment to = CpuBuffer.data(out);
    int bytes = x.dtype().bytes();
    long run = Math.min(runLength(x), runLength(out));
    for (long i = 0; i < x.shape().elements(); i += run) {
      MemorySegment.copy(from, offset(x, i) * bytes, to, offset(out, i) * bytes, run * bytes);
    }
  }

  /** How many elements in row-major order lie side by side: all of them, or a row. */
  private static long runLength(Tensor x) {
    return x.isDense() ? x.shape().elements() : x.columns();
  }

  /** Where element {@code i} in row-major order lies in {@link CpuBuffer#data}, in elements. */
  private static long offset(Tensor x, long i) {
    long offset = 0;
    for (int d = x.shape().rank() - 1; d >= 0; d--) {
      offset += i % x.dim(d) * x.stride(d);
      i /= x.dim(d);
    }
    return offset;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      memory.close();
      weights.close();
    }
  }
}

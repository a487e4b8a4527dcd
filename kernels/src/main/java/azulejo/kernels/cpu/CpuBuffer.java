package azulejo.kernels.cpu;

import azulejo.kernels.Buffer;
import azulejo.kernels.Scopes;
import azulejo.kernels.Tensor;
import java.lang.foreign.MemorySegment;

/** A stretch of host memory: scratch of a {@link CpuMemory}, or a weight where it lies in the mapped checkpoint. */
public final class CpuBuffer implements Buffer {
  private final MemorySegment segment;
  private final Scopes.Frame frame;

  CpuBuffer(MemorySegment segment, Scopes.Frame frame) {
    this.segment = segment;
    this.frame = frame;
  }

  @Override
  public long byteSize() {
    return segment.byteSize();
  }

  /**
   * The memory of {@code tensor}, from its first element to its last: element {@code (i, j, ...)} lies {@code i * stride(0) + j * stride(1) + ...}
   * elements from the start, and an access beyond the last element throws.
   *
   * @throws IllegalArgumentException for a tensor of a device's backend
   * @throws IllegalStateException after the tensor's scope, its backend, or the mapped file of a weight was closed
   */
  public static MemorySegment data(Tensor tensor) {
    if (!(tensor.buffer() instanceof CpuBuffer buffer)) {
      throw new IllegalArgumentException(tensor + " belongs to another backend");
    }
    if (buffer.frame != null) {
      buffer.frame.requireOpen();
    } else if (!buffer.segment.scope().isAlive()) {
      throw new IllegalStateException("the backend or the file of the weight is closed");
    }
    int bytes = tensor.dtype().bytes();
    return buffer.segment.asSlice(tensor.offset() * bytes, tensor.extent() * bytes);
  }
}

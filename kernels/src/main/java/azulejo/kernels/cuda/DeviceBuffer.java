package azulejo.kernels.cuda;

import azulejo.kernels.Buffer;
import azulejo.kernels.Scopes;
import azulejo.kernels.Tensor;

/** A stretch of device memory: scratch of a {@link DeviceMemory}, or a weight. */
final class DeviceBuffer implements Buffer {
  private final long address;
  private final long bytes;
  private final Scopes.Frame frame;

  DeviceBuffer(long address, long bytes, Scopes.Frame frame) {
    this.address = address;
    this.bytes = bytes;
    this.frame = frame;
  }

  @Override
  public long byteSize() {
    return bytes;
  }

  /** Where it begins; scratch of a kernel's own, whose scope is open. */
  long address() {
    frame.requireOpen();
    return address;
  }

  /**
   * Where the first element of {@code tensor} lies.
   *
   * @throws IllegalArgumentException for a tensor of another kind of backend
   * @throws IllegalStateException after the tensor's scope or its backend was closed
   */
  static long address(Tensor tensor) {
    if (!(tensor.buffer() instanceof DeviceBuffer buffer)) {
      throw new IllegalArgumentException(tensor + " belongs to another backend");
    }
    buffer.frame.requireOpen();
    return buffer.address + tensor.offset() * tensor.dtype().bytes();
  }
}

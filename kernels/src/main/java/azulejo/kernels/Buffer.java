package azulejo.kernels;

/** Memory that belongs to a backend: an off-heap segment on the CPU, device memory on a GPU. Only its backend looks inside. */
public interface Buffer {
  long byteSize();
}

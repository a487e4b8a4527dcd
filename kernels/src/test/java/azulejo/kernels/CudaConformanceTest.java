package azulejo.kernels;

import azulejo.kernels.cuda.CudaBackends;
import java.util.List;
import java.util.function.Supplier;

/** The CUDA backend on the emulation of a device: the same kernels and the same host code. */
class CudaConformanceTest extends BackendConformance {
  @Override
  List<Supplier<Backend>> backends() {
    return List.of(CudaBackends::emulated);
  }
}

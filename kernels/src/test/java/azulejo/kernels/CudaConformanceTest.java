package azulejo.kernels;

import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * The CUDA backend on the emulation of a device: the same kernels and the same host code. With {@code ./mvnw verify -Pcuda} on a device too, and it fails where there
 * is none: the system property {@code azulejo.test.cuda} lists the backends.
 */
class CudaConformanceTest extends BackendConformance {
  @Override
  List<Supplier<Backend>> backends() {
    return Stream.of(System.getProperty("azulejo.test.cuda", "cuda-emulated").split(",")).<Supplier<Backend>>map(name -> () -> Backends.open(name)).toList();
  }

  /**
   * More than 16 rows of input are rounded to the type that tensor cores multiply: an input below 1 errs by at most u = 2^-9 in bf16 (which bytes are multiplied
   * as too) or 2^-12 in f16, and by u / sqrt(3) in the root mean square. K products with weights that are 1 / sqrt(3) in the root mean square err by
   * u / 3 * sqrt(K), of which the largest of some ten thousand outputs is 5 times as much; an activation is no steeper than 1.2. One product alone errs by u.
   */
  @Override
  double allowance(OpCases.Case c) {
    if (c.product() == null || c.product().format() == WeightFormat.F32 || c.product().m() <= 16) {
      return 0;
    }
    return 2 * Math.sqrt(c.product().k()) * (c.product().format() == WeightFormat.F16 ? 0x1p-12 : 0x1p-9);
  }
}

package azulejo.kernels;

import azulejo.kernels.reference.ReferenceBackend;
import azulejo.kernels.vector.VectorBackend;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.Tag;

/** The backends that are always in the build. It runs this class once for each width of vectors. */
@Tag("lanes")
class ConformanceTest extends BackendConformance {
  static final List<Supplier<Backend>> CPU = List.of(ReferenceBackend::new, VectorBackend::new);

  @Override
  List<Supplier<Backend>> backends() {
    return CPU;
  }
}

package azulejo.kernels.cuda;

import azulejo.kernels.Backend;
import java.nio.file.Path;
import java.util.List;

/** Opens the backend of this package. */
public final class CudaBackends {
  private CudaBackends() {}

  /** The backend on the {@link Emulator}. */
  public static Backend emulated() {
    NativeLibrary library = NativeLibrary.find(List.of(Emulator.library(cache()).toString())).orElseThrow();
    return new CudaBackend("cuda-emulated", new Driver(new PanamaCuda(library), 0, new Compiler(new PanamaNvrtc(library))));
  }

  /** Where compiled kernels are kept. */
  private static Path cache() {
    String folder = System.getenv("XDG_CACHE_HOME");
    return Path.of(folder == null || folder.isEmpty() ? System.getProperty("user.home") + "/.cache" : folder, "azulejo", "cuda");
  }
}

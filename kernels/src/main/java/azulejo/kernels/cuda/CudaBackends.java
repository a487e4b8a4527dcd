package azulejo.kernels.cuda;

import azulejo.kernels.Backend;
import azulejo.kernels.DeviceException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.lwjgl.system.Configuration;

/**
 * Finds the driver and opens the backend of this package. Everything is looked for at run time, and nothing before a CUDA backend is asked for.
 *
 * <p>System properties: {@code azulejo.cuda.binding}, {@code lwjgl} (the default) or {@code panama}: the way to the driver and NVRTC; {@code azulejo.cuda.device}: which
 * device, 0 for the first; {@code azulejo.cuda.library}, {@code azulejo.cuda.nvrtc} and {@code azulejo.cuda.cublasLt}: paths of the libraries, if they are not where the
 * loader looks (a path that is none: without it).
 */
public final class CudaBackends {
  private static final String OLDEST = "sm_80 (Ampere)";

  private CudaBackends() {}

  // ---- on a device --------------------------------------------------------------------------------------------------------

  /** Why the backend cannot run here, and the cure; empty if it can. */
  public static Optional<String> obstacle() {
    try {
      Optional<NativeLibrary> library = driverLibrary();
      if (library.isEmpty()) {
        return Optional.of("there is no CUDA driver (libcuda.so.1); install NVIDIA's driver, or name the library with -Dazulejo.cuda.library=PATH");
      }
      CudaApi cuda = new PanamaCuda(library.get());
      int devices = Driver.devices(cuda);
      if (devices <= ordinal()) {
        return Optional.of("the CUDA driver sees " + (devices == 0 ? "no device" : "only " + devices + " devices, not one with the number " + ordinal())
            + "; see whether nvidia-smi lists one, and CUDA_VISIBLE_DEVICES");
      }
      Driver.Device device = Driver.device(cuda, ordinal());
      if (device.major() < 8) {
        return Optional.of(device.name() + " is " + device.architecture() + "; the kernels need " + OLDEST + " or later");
      }
      if (nvrtcLibrary().isEmpty() && !PackagedImages.present()) {
        return Optional.of("there is no NVRTC (libnvrtc.so) to compile the kernels, and this package holds none that are compiled; install the CUDA toolkit's NVRTC, name it with"
            + " -Dazulejo.cuda.nvrtc=PATH, or package with ./mvnw package -Pptx where nvcc is");
      }
      return Optional.empty();
    } catch (DeviceException e) {
      return Optional.of(e.getMessage());
    }
  }

  /** @throws DeviceException when the driver refuses */
  public static Backend open() {
    Optional<NativeLibrary> nvrtc = nvrtcLibrary();
    boolean lwjgl = !"panama".equals(System.getProperty("azulejo.cuda.binding"));
    NativeLibrary library = driverLibrary().orElseThrow();
    if (lwjgl) {
      Configuration.CUDA_LIBRARY_NAME.set(library.name());
      nvrtc.ifPresent(found -> {
        Configuration.CUDA_NVRTC_LIBRARY_NAME.set(found.name());
        // LWJGL looks for a toolkit to load this one from; NVRTC loads its builtins itself.
        Configuration.CUDA_NVRTC_BUILTINS_LIBRARY_NAME.set(found.name());
      });
    }
    KernelImages images = nvrtc.<KernelImages>map(found -> new KernelCache(new Compiler(lwjgl ? new LwjglNvrtc() : new PanamaNvrtc(found)), cache()))
        .orElseGet(PackagedImages::new);
    Driver driver = new Driver(lwjgl ? new LwjglCuda() : new PanamaCuda(library), ordinal(), images);
    Optional<NativeLibrary> cublas = cublasLibrary();
    if (cublas.isEmpty()) {
      return new CudaBackend("cuda", driver);
    }
    Tuner tuner = new Tuner(driver, cache());
    return new CudaBackend("cuda", driver, workspace -> new Linear.Rival(new CublasLt(cublas.get(), driver, workspace), tuner::choose), tuner::choices);
  }

  private static int ordinal() {
    return Integer.getInteger("azulejo.cuda.device", 0);
  }

  private static Optional<NativeLibrary> driverLibrary() {
    return NativeLibrary.find(named("azulejo.cuda.library", Stream.of("libcuda.so.1", "libcuda.so", "nvcuda.dll")));
  }

  private static Optional<NativeLibrary> nvrtcLibrary() {
    return toolkitLibrary("nvrtc");
  }

  /** {@code azulejo.cuda.cublasLt} may be "none". */
  private static Optional<NativeLibrary> cublasLibrary() {
    return toolkitLibrary("cublasLt");
  }

  /** One of CUDA's toolkit, of any version, where the loader or the toolkit's usual folder has it. */
  private static Optional<NativeLibrary> toolkitLibrary(String name) {
    String file = "lib" + name + ".so";
    Stream<String> versions = IntStream.iterate(13, v -> v >= 11, v -> v - 1).boxed().flatMap(
        v -> Stream.of(file + "." + v, "/usr/local/cuda-" + v + "/lib64/" + file + "." + v, "/usr/local/cuda/lib64/" + file + "." + v));
    return NativeLibrary.find(named("azulejo.cuda." + name, Stream.concat(Stream.of(file, "/usr/local/cuda/lib64/" + file), versions)));
  }

  private static List<String> named(String property, Stream<String> otherwise) {
    String path = System.getProperty(property);
    return path == null ? otherwise.toList() : List.of(path);
  }

  // ---- without one --------------------------------------------------------------------------------------------------------

  /** Why {@link #emulated} cannot run here, and the cure; empty if it can. */
  public static Optional<String> emulationObstacle() {
    return Emulator.canBuild() ? Optional.empty() : Optional.of("there is no g++ to build the emulation of a device with; install it");
  }

  /** The backend on the {@link Emulator}. */
  public static Backend emulated() {
    NativeLibrary library = NativeLibrary.find(List.of(Emulator.library(cache()).toString())).orElseThrow();
    return new CudaBackend("cuda-emulated", new Driver(new PanamaCuda(library), 0, new Compiler(new PanamaNvrtc(library))));
  }

  /** Where compiled kernels are kept. */
  static Path cache() {
    String folder = System.getenv("XDG_CACHE_HOME");
    return Path.of(folder == null || folder.isEmpty() ? System.getProperty("user.home") + "/.cache" : folder, "azulejo", "cuda");
  }
}

package azulejo.kernels.cuda;

import azulejo.kernels.DeviceException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** PTX that was compiled when the program was packaged ({@code -Pptx}), for a machine with the driver alone: the driver makes it fit its device. */
final class PackagedImages implements KernelImages {
  /** The architectures that are packaged, newest first. PTX of one runs on that and all later ones. */
  static final int[] ARCHITECTURES = {90, 80};

  /** Whether the package has any. */
  static boolean present() {
    return PackagedImages.class.getResource(name("pointwise", ARCHITECTURES[0])) != null;
  }

  static String name(String file, int architecture) {
    return "ptx/" + file + ".sm_" + architecture + ".ptx";
  }

  @Override
  public String image(String file, Driver.Device device) {
    for (int architecture : ARCHITECTURES) {
      if (architecture <= 10 * device.major() + device.minor()) {
        try (InputStream in = PackagedImages.class.getResourceAsStream(name(file, architecture))) {
          if (in != null) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
          }
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    }
    throw new DeviceException("this package has no PTX of " + file + ".cu for " + device.architecture()
        + ": install NVRTC (a part of the CUDA toolkit), or package with ./mvnw package -Pptx where nvcc is");
  }
}

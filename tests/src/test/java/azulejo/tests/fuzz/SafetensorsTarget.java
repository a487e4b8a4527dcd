package azulejo.tests.fuzz;

import azulejo.kernels.HostTensor;
import azulejo.runtime.checkpoint.Safetensors;
import java.nio.file.Path;

/** The input is a safetensors file: every element of every tensor is read. */
public final class SafetensorsTarget {
  private SafetensorsTarget() {}

  public static void fuzzerTestOneInput(byte[] input) {
    try (Scratch scratch = new Scratch()) {
      Path file = scratch.write("model.safetensors", input);
      scratch.readOrRefuse(() -> {
        try (Safetensors opened = Safetensors.open(file)) {
          opened.tensors().values().forEach(SafetensorsTarget::readAll);
        }
      });
    }
  }

  static void readAll(HostTensor tensor) {
    for (long i = 0; i < tensor.shape().elements(); i++) {
      tensor.doubleAt(i);
    }
  }
}

package azulejo.cli;

import azulejo.kernels.Backend;
import azulejo.kernels.DeviceException;
import azulejo.models.GenerationListener;
import azulejo.models.GenerationRequest;
import azulejo.models.ImageGenerator;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;

/** What a generation will take of a device's memory, found by going through it once without a device ({@link Backend#rehearsal}). */
final class MemoryPlan {
  private MemoryPlan() {}

  /**
   * A line for the user, or nothing for a backend that takes the host's memory.
   *
   * @param open makes the generator on a backend
   * @throws DeviceException when the device has too little
   */
  static Optional<String> of(Backend backend, Function<Backend, ImageGenerator> open, GenerationRequest request) {
    return backend.rehearsal().map(rehearsal -> {
      try (rehearsal; ImageGenerator generator = open.apply(rehearsal)) {
        generator.generate(request, GenerationListener.NONE);
        Backend.Memory needed = rehearsal.deviceMemory().orElseThrow();
        String plan = String.format(Locale.ROOT, "%.2f GiB of weights and %.2f GiB to work with, of %.2f GiB free", needed.weights() / 0x1p30, needed.working() / 0x1p30,
            needed.free() / 0x1p30);
        if (needed.weights() + needed.working() > needed.free()) {
          throw new DeviceException("the device's memory is too small: the generation needs " + plan
              + "; generate fewer images at once (--count), keep the weights narrower (--weights bf16 or int8), or end what else uses the device");
        }
        return plan;
      }
    });
  }
}

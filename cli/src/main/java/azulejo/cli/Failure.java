package azulejo.cli;

import azulejo.kernels.DeviceException;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.Cancelled;
import azulejo.runtime.OptionException;

/**
 * How a command ended that did not succeed.
 *
 * @param sentence for the user
 * @param status the exit status
 */
record Failure(String sentence, int status) {

  static Failure of(Throwable e) {
    return switch (e) {
      case OptionException o -> new Failure(o.getMessage(), Azulejo.USAGE);
      case AzulejoException a -> new Failure(a.getMessage(), 1);
      case DeviceException d -> new Failure(d.getMessage(), 1);
      case Cancelled _ -> new Failure("stopped", Interrupt.STATUS);
      case OutOfMemoryError m -> new Failure(outOfMemory(m), 1);
      default -> new Failure("internal error, please report it together with what the same command prints with --debug: " + e, 1);
    };
  }

  /** The JVM's own heap holds little; tensors lie outside of it. */
  private static String outOfMemory(OutOfMemoryError e) {
    return "Java heap space".equals(e.getMessage())
        ? "out of memory: the Java heap is full at " + (Runtime.getRuntime().maxMemory() >> 20) + " MiB, give it more with AZULEJO_JAVA_OPTIONS=-Xmx4g"
        : "out of memory (" + e.getMessage() + "): generate fewer images at once or smaller ones (--count, --size), or close other programs";
  }
}

package azulejo.kernels;

/** A device, its driver or a library of it refused: the message says what was asked, what the answer was and, where there is one, the cure. */
public class DeviceException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public DeviceException(String message) {
    super(message);
  }
}

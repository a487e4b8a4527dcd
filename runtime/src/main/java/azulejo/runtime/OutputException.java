package azulejo.runtime;

/** A result could not be written. */
public final class OutputException extends AzulejoException {
  public OutputException(String message) {
    super(message, null);
  }

  public OutputException(String message, Throwable cause) {
    super(message, cause);
  }
}

package azulejo.runtime;

/** The user asked for something that does not exist or does not apply to the model. */
public final class OptionException extends AzulejoException {
  public OptionException(String message) {
    super(message, null);
  }

  public OptionException(String message, Throwable cause) {
    super(message, cause);
  }
}

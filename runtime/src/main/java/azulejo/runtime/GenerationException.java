package azulejo.runtime;

/** A generation could not be carried to its end, for example because the logits hold a NaN. */
public final class GenerationException extends AzulejoException {
  public GenerationException(String message) {
    super(message, null);
  }

  public GenerationException(String message, Throwable cause) {
    super(message, cause);
  }
}

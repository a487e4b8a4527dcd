package azulejo.runtime;

/** A failure whose message is the sentence that the user reads: what went wrong, where, and how to cure it. */
public abstract sealed class AzulejoException extends RuntimeException permits CheckpointException, OptionException, GenerationException, OutputException {
  protected AzulejoException(String message, Throwable cause) {
    super(message, cause);
  }
}

package azulejo.runtime;

/** A model's files are missing, broken, or do not fit together. */
public final class CheckpointException extends AzulejoException {
  public CheckpointException(String message) {
    super(message, null);
  }

  public CheckpointException(String message, Throwable cause) {
    super(message, cause);
  }
}

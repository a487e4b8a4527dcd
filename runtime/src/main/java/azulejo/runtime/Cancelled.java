package azulejo.runtime;

/** Thrown out of a walk between two steps when its listener asks it to stop. Not a failure. */
public final class Cancelled extends RuntimeException {
  public Cancelled() {
    super("cancelled", null, false, false);
  }
}

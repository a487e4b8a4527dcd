package azulejo.probes.run;

import java.util.OptionalDouble;

/** Hears how a run goes on. Called on one thread at a time. */
public interface RunListener {
  /** What takes time and has no images to count: "loading masked". */
  default void doing(String what) {}

  /**
   * @param what is being made: a model and a condition
   * @param made images so far, with a fraction for those in work
   * @param measured sets of images so far
   * @param secondsLeft empty while nothing is known
   */
  default void progress(String what, double made, int images, int measured, int sets, OptionalDouble secondsLeft) {}

  /** A sentence that the user should know. */
  default void note(String sentence) {}

  /** Asked between steps; true ends the run, as soon as nothing is half-done, with {@link azulejo.runtime.Cancelled}. */
  default boolean cancelled() {
    return false;
  }
}

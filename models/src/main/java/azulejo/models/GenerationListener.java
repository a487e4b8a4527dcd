package azulejo.models;

import java.util.List;
import java.util.function.Supplier;

/** Hears how a generation goes on. Called on the generating thread. */
public interface GenerationListener {
  GenerationListener NONE = new GenerationListener() {};

  /** The stages whose times are reported, in order. */
  enum Stage { TEXT_ENCODER, WALK, DECODER }

  default void started(Stage stage) {}

  default void finished(Stage stage, long nanos) {}

  /**
   * A step of the walk is done.
   *
   * @param step from 1
   * @param frames decodes the grid as it stands, one picture an image; masked cells are painted mid-grey. Costs a decoder run when called.
   */
  default void step(int step, int steps, Supplier<List<Image>> frames) {}

  /** Asked between steps; true ends the generation with {@link azulejo.runtime.Cancelled}. */
  default boolean cancelled() {
    return false;
  }
}

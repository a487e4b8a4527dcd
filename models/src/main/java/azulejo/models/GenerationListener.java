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

  /** Something the user should know although the generation goes on: a sentence. */
  default void warning(String message) {}

  /**
   * A step of the walk is done.
   *
   * @param step from 1
   * @param steps of the whole request: a request that is too large for one batch takes its steps several times
   * @param frames decodes the grids as they stand, one picture for each image of the request, in the order of the result; masked cells are painted
   *     mid-grey. To be called before this method returns; costs a decoder run for each image.
   */
  default void step(int step, int steps, Supplier<List<Image>> frames) {}

  /**
   * The tokens of some of the images have been drawn; heard with a ledger only, and not of a diffusion.
   *
   * @param drawn [V] how often each code was, draws that a walk threw away too
   */
  default void codes(int[] drawn) {}

  /** Asked between steps; true ends the generation with {@link azulejo.runtime.Cancelled}. */
  default boolean cancelled() {
    return false;
  }
}

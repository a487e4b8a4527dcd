package azulejo.runtime.sampling;

import azulejo.kernels.Backend;
import azulejo.kernels.Draw;

/**
 * An edit of how tokens are drawn, whatever the model: the probes of the paper (section 3.4) are such edits, and a new one is a record with this
 * interface. Interventions are small immutable values that compose: a walk applies them in their order to the draw of each step, in the sampling kernel,
 * after guidance and before temperature, top-k and top-p. They never touch the path.
 */
public interface Intervention {
  /** What a setting of it is called: "codebook". */
  String name();

  /** The setting as a person would write it: "keep-top:0.5". */
  String setting();

  /**
   * Refuses a model that it does not fit, before anything is computed.
   *
   * @param codes V, of the model
   * @throws azulejo.runtime.OptionException saying why
   */
  default void check(int codes) {}

  /** Makes it ready for a walk over {@code codes} codes; tensors that it needs live in the scope that is open. */
  Edit on(Backend b, int codes);

  /** The edit itself. */
  @FunctionalInterface
  interface Edit {
    /**
     * @param draw as the interventions before it left it
     * @param step from 0
     * @param steps of the walk
     */
    Draw apply(Draw draw, int step, int steps);
  }
}

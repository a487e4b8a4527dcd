package azulejo.probes.run;

import azulejo.models.GenerationListener;
import azulejo.probes.experiment.Cell;
import java.util.List;

/** A model of the experiment, loaded. */
public interface Maker extends AutoCloseable {
  /** The published model that it has the architecture of, see {@link azulejo.probes.Results.Model#family}. */
  String family();

  /** One line for a person. */
  String description();

  /** The number of codes. */
  int codes();

  /**
   * Makes images of one condition. An image does not depend on the others that it is made with.
   *
   * @return in the order of {@code cells}
   * @throws azulejo.runtime.OptionException when the condition does not apply to the model
   */
  List<Made> make(List<Cell> cells, GenerationListener listener);

  /** @throws azulejo.runtime.OptionException when a condition does not apply to the model, or one of its settings */
  void check(Cell cell);

  @Override
  void close();
}

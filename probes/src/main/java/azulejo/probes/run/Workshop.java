package azulejo.probes.run;

import azulejo.probes.experiment.Experiment;
import azulejo.probes.experiment.Model;

/** Where a run gets its models and its meter from. */
public interface Workshop {
  /**
   * Loads a model.
   *
   * @throws azulejo.runtime.CheckpointException when it is broken
   */
  Maker maker(RunFolder run, Model model);

  /** Loads what measures; called on the thread that uses it. */
  Meter meter(Experiment experiment);
}

package azulejo.probes.metrics;

import java.util.List;

/** One value of a set of images, such as the diversity of those that one prompt gave. */
public non-sealed interface SetMetric extends Metric {
  /** How many images a set must have. */
  int least();

  /**
   * The order of the images makes no difference.
   *
   * @throws azulejo.runtime.OptionException when there are fewer than {@link #least}, or they cannot be compared with each other
   */
  double of(List<Specimen> set);
}

package azulejo.probes.metrics;

import java.util.List;

/** A value of each image, such as its quality or how well it fits its caption; a set's value is the mean. */
public non-sealed interface ImageMetric extends Metric {
  /**
   * One value for each image, in order; an image's value does not depend on the others.
   *
   * @throws azulejo.runtime.OptionException when an image lacks a caption that is needed
   */
  double[] of(List<Specimen> images);
}

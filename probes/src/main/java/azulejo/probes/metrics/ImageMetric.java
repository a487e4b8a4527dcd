package azulejo.probes.metrics;

import java.util.Arrays;
import java.util.List;

/** A value of each image, such as its quality or how well it fits its caption. */
public non-sealed interface ImageMetric extends Metric {
  /**
   * One value for each image, in order; an image's value does not depend on the others.
   *
   * @throws azulejo.runtime.OptionException when an image lacks a caption that is needed
   */
  double[] of(List<Specimen> images);

  /** A set's value, of those of its images, at least one. */
  default double mean(double[] values) {
    return Arrays.stream(values).average().orElseThrow();
  }
}

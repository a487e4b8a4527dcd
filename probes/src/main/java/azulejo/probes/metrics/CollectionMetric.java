package azulejo.probes.metrics;

import java.util.List;
import java.util.Optional;

/**
 * How far a collection of images is from a reference collection, such as FID. What is kept of an image is a vector of floats: a run stores
 * {@link #features} as its images come, and asks for the {@link #distance} at the end.
 */
public non-sealed interface CollectionMetric extends Metric {
  /** How many images a collection must have. */
  int least();

  /**
   * What the features are, network and weights: metrics that agree here share them.
   *
   * @return for example {@code clip@0c5d3f81}
   */
  String featureId();

  /** One vector for each image, in order, all of one length. */
  List<float[]> features(List<Specimen> images);

  /** A sentence that whoever reads a value from so few images must know. */
  Optional<String> caution(int images, int reference);

  /**
   * The order of the vectors makes no difference beyond rounding.
   *
   * @param images features of the images in question
   * @param reference features of the reference collection
   * @throws azulejo.runtime.OptionException when one of them has fewer than {@link #least}
   */
  double distance(List<float[]> images, List<float[]> reference);
}

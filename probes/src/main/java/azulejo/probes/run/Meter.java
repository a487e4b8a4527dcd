package azulejo.probes.run;

import azulejo.models.Image;
import azulejo.probes.Results;
import java.util.List;
import java.util.Map;

/** Measures images. Used by one thread, which also made it. */
public interface Meter extends AutoCloseable {
  /**
   * An image to be measured.
   *
   * @param name for messages
   * @param caption the prompt that it is to show: the base prompt's text, whatever words the model was given
   */
  record Subject(String name, Image image, String caption, int[] tokens) {}

  /**
   * @param values of the set
   * @param features for each image, by kind: what {@link #whole} needs of it
   */
  record Reading(Map<Results.Metric, Double> values, List<Map<String, float[]>> features) {}

  /** Measures a prompt's set. */
  Reading set(List<Subject> images);

  /** The features of a condition's images. */
  interface Features {
    List<float[]> of(String kind);
  }

  /** A condition's images, read when they are asked for. */
  interface Images {
    List<Subject> all();
  }

  /** Measures all images of a condition; their features are known. */
  Map<Results.Metric, Double> whole(Images images, Features features);

  @Override
  void close();
}

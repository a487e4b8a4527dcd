package azulejo.probes.metrics;

import azulejo.runtime.OptionException;
import java.util.List;
import java.util.function.ToDoubleBiFunction;

/**
 * A distance of two collections of feature vectors.
 *
 * @param featureId the view's name for a run's store
 */
record FeatureDistance(Profile profile, String featureId, View<float[]> view, int least, ToDoubleBiFunction<List<float[]>, List<float[]>> measure)
    implements CollectionMetric {
  @Override
  public List<float[]> features(List<Specimen> images) {
    return Specimen.see(view, images);
  }

  @Override
  public double distance(List<float[]> images, List<float[]> reference) {
    for (List<float[]> collection : List.of(images, reference)) {
      if (collection.size() < least) {
        throw new OptionException(profile.name() + " needs at least " + least + " images in either collection, not " + collection.size());
      }
    }
    return measure.applyAsDouble(images, reference);
  }
}

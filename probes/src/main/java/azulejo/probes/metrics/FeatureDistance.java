package azulejo.probes.metrics;

import azulejo.runtime.OptionException;
import java.util.List;
import java.util.Optional;
import java.util.function.ToDoubleBiFunction;

/**
 * A distance of two collections of feature vectors.
 *
 * @param featureId the view's name for a run's store
 * @param sound from how many images in either collection a value can be compared with one from other numbers
 */
record FeatureDistance(Profile profile, String featureId, View<float[]> view, int sound, ToDoubleBiFunction<List<float[]>, List<float[]>> measure)
    implements CollectionMetric {
  @Override
  public int least() {
    return 2;
  }

  @Override
  public Optional<String> caution(int images, int reference) {
    int fewer = Math.min(images, reference);
    return fewer >= sound ? Optional.empty() : Optional.of(profile.name() + " of " + fewer + " images is biased upwards: compare it only with values of the "
        + "same number of images (of other numbers from " + sound + " up, or use KID)");
  }

  @Override
  public List<float[]> features(List<Specimen> images) {
    return Specimen.see(view, images);
  }

  @Override
  public double distance(List<float[]> images, List<float[]> reference) {
    for (List<float[]> collection : List.of(images, reference)) {
      if (collection.size() < least()) {
        throw new OptionException(profile.name() + " needs at least " + least() + " images in either collection, not " + collection.size());
      }
    }
    return measure.applyAsDouble(images, reference);
  }
}

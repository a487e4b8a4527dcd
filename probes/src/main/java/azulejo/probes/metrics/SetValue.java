package azulejo.probes.metrics;

import azulejo.runtime.OptionException;
import java.util.List;
import java.util.function.ToDoubleFunction;

/** A value of a set as a whole. */
record SetValue(Profile profile, int least, ToDoubleFunction<List<Specimen>> value) implements SetMetric {
  @Override
  public double of(List<Specimen> set) {
    if (set.size() < least) {
      throw new OptionException(profile.name() + " needs at least " + least + " images, not " + set.size());
    }
    return value.applyAsDouble(set);
  }
}

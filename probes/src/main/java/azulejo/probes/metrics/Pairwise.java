package azulejo.probes.metrics;

import azulejo.runtime.OptionException;
import java.util.List;
import java.util.function.Function;
import java.util.function.ToDoubleBiFunction;

/**
 * The mean over all unique pairs of a set.
 *
 * @param see what is compared of each image
 * @param pair symmetric
 */
record Pairwise<T>(Profile profile, Function<List<Specimen>, List<T>> see, ToDoubleBiFunction<T, T> pair) implements SetMetric {
  /** Of images, which must be of one size. */
  static <T> Pairwise<T> of(Profile profile, View<T> view, ToDoubleBiFunction<T, T> pair) {
    return new Pairwise<>(profile, set -> {
      Specimen.requireEqualSizes(set);
      return Specimen.see(view, set);
    }, pair);
  }

  @Override
  public int least() {
    return 2;
  }

  @Override
  public double of(List<Specimen> set) {
    if (set.size() < least()) {
      throw new OptionException(profile.name() + " compares pairs of images, so it needs at least 2, not " + set.size());
    }
    List<T> seen = see.apply(set);
    double sum = 0;
    for (int i = 0; i < seen.size(); i++) {
      for (int j = 0; j < i; j++) {
        sum += pair.applyAsDouble(seen.get(i), seen.get(j));
      }
    }
    return sum / (seen.size() * (seen.size() - 1L) / 2);
  }
}

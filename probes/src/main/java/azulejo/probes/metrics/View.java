package azulejo.probes.metrics;

import azulejo.models.Image;
import java.util.List;
import java.util.function.Function;

/**
 * What some metrics see of an image: a network's features, the moments of its pixels. Metrics share a view by sharing the object.
 *
 * @param <T> of one image
 */
interface View<T> {
  /** One for each image, in order; none depends on the others. */
  List<T> of(List<Image> images);

  /** A view that looks at each image by itself. */
  static <T> View<T> each(Function<Image, T> look) {
    return images -> images.stream().map(look).toList();
  }
}

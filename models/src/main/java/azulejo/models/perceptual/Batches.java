package azulejo.models.perceptual;

import azulejo.models.Image;
import java.util.ArrayList;
import java.util.List;

/** Cuts a list of images into what a network takes at once. */
public final class Batches {
  private Batches() {}

  /** Neighbours of one size, as many as have {@code pixels} pixels together, and at least one. */
  public static List<List<Image>> ofEqualSize(List<Image> images, int pixels) {
    List<List<Image>> batches = new ArrayList<>();
    int from = 0;
    for (int i = 1; i <= images.size(); i++) {
      Image first = images.get(from);
      if (i == images.size() || images.get(i).width() != first.width() || images.get(i).height() != first.height()
          || (long) (i - from + 1) * first.width() * first.height() > pixels) {
        batches.add(images.subList(from, i));
        from = i;
      }
    }
    return batches;
  }
}

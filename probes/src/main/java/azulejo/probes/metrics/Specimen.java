package azulejo.probes.metrics;

import azulejo.models.Image;
import azulejo.runtime.OptionException;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * An image under examination, with what else is known of it. It remembers what was {@linkplain View seen} of it, so that any number of metrics and pairs
 * cost one pass of a network over each image; that memory goes with the specimen. For use by one thread at a time.
 */
public final class Specimen {
  private final String name;
  private final Image image;
  private final Optional<String> caption;
  private final Optional<int[]> tokens;
  private final Map<View<?>, Object> seen = new IdentityHashMap<>();

  /**
   * @param name what an error message calls it, such as its file
   * @param caption what the image should show
   * @param tokens its grid of codes as sampled, row by row: never re-encoded pixels
   */
  public Specimen(String name, Image image, Optional<String> caption, Optional<int[]> tokens) {
    this.name = name;
    this.image = image;
    this.caption = caption;
    this.tokens = tokens.map(int[]::clone);
  }

  public static Specimen of(String name, Image image) {
    return new Specimen(name, image, Optional.empty(), Optional.empty());
  }

  public String name() {
    return name;
  }

  public Image image() {
    return image;
  }

  /** @throws OptionException when there is none */
  public String caption() {
    return caption.orElseThrow(() -> new OptionException(name + " has no caption, which this metric needs"));
  }

  /** @throws OptionException when there are none */
  public int[] tokens() {
    return tokens.orElseThrow(() -> new OptionException(name + " has no tokens, which this metric needs: only the generator knows them"));
  }

  /** What {@code view} sees of each image; those that it has not seen yet it sees together. */
  static <T> List<T> see(View<T> view, List<Specimen> specimens) {
    List<Specimen> unseen = specimens.stream().filter(s -> !s.seen.containsKey(view)).distinct().toList();
    if (!unseen.isEmpty()) {
      List<T> views = view.of(unseen.stream().map(Specimen::image).toList());
      for (int i = 0; i < unseen.size(); i++) {
        unseen.get(i).seen.put(view, views.get(i));
      }
    }
    List<T> all = new ArrayList<>();
    for (Specimen specimen : specimens) {
      @SuppressWarnings("unchecked") // the view put it there
      T value = (T) specimen.seen.get(view);
      all.add(value);
    }
    return all;
  }

  /** @throws OptionException when two sizes differ */
  static void requireEqualSizes(List<Specimen> set) {
    Image first = set.getFirst().image;
    for (Specimen other : set) {
      if (other.image.width() != first.width() || other.image.height() != first.height()) {
        throw new OptionException(set.getFirst().name + " is " + first.width() + "x" + first.height() + " pixels, but " + other.name + " is "
            + other.image.width() + "x" + other.image.height() + ": only images of one size can be compared");
      }
    }
  }
}

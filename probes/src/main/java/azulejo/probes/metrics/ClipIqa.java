package azulejo.probes.metrics;

import azulejo.models.clip.Clip;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * The probability that an image fits the first of two opposite texts rather than the second: the softmax of 100 times the cosines.
 *
 * <p>Wang et al., "Exploring CLIP for Assessing the Look and Feel of Images" (AAAI 2023), with the factor and the prompts of torchmetrics'
 * {@code functional/multimodal/clip_iqa.py}, on an ordinary CLIP model.
 *
 * @param positive text of an image, given its caption
 * @param captioned whether the texts depend on the caption
 */
public record ClipIqa(Profile profile, View<float[]> images, Clip clip, boolean captioned, UnaryOperator<String> positive, UnaryOperator<String> negative)
    implements ImageMetric {
  static final double FACTOR = 100;

  /** torchmetrics' prompts for quality. */
  static ClipIqa quality(Profile profile, View<float[]> images, Clip clip) {
    return new ClipIqa(profile, images, clip, false, _ -> "Good photo.", _ -> "Bad photo.");
  }

  /** The image's caption as a good and as a bad photo: for CLIP models of a narrow world, such as the demo's. */
  static ClipIqa captioned(Profile profile, View<float[]> images, Clip clip) {
    return new ClipIqa(profile, images, clip, true, caption -> "a good photo of " + caption, caption -> "a bad photo of " + caption);
  }

  @Override
  public double[] of(List<Specimen> specimens) {
    List<float[]> seen = Specimen.see(images, specimens);
    Map<String, List<float[]>> anchors = new HashMap<>();
    double[] values = new double[seen.size()];
    for (int i = 0; i < values.length; i++) {
      String caption = captioned ? specimens.get(i).caption() : "";
      List<float[]> pair = anchors.computeIfAbsent(caption, c -> clip.embedTexts(List.of(positive.apply(c), negative.apply(c))));
      values[i] = preference(seen.get(i), pair.getFirst(), pair.getLast());
    }
    return values;
  }

  /** {@code softmax(100 cos)[0]} of an image's unit vector and those of two texts. */
  public static double preference(float[] image, float[] positive, float[] negative) {
    return 1 / (1 + Math.exp(FACTOR * (Vectors.dot(image, negative) - Vectors.dot(image, positive))));
  }
}

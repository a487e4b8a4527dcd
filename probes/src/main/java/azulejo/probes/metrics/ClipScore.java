package azulejo.probes.metrics;

import azulejo.models.clip.Clip;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * 100 times the cosine of an image and its caption; a set's value is the mean, and 0 where that is negative.
 *
 * <p>Hessel et al., "CLIPScore: A Reference-free Evaluation Metric for Image Captioning" (EMNLP 2021), scaled as torchmetrics'
 * {@code multimodal/clip_score.py} does it (the paper's own scale is 2.5). A caption that is too long for the model counts by its beginning.
 */
record ClipScore(Profile profile, View<float[]> images, Clip clip) implements ImageMetric {
  @Override
  public double[] of(List<Specimen> specimens) {
    List<float[]> seen = Specimen.see(images, specimens);
    Map<String, float[]> texts = new HashMap<>();
    List<String> captions = specimens.stream().map(Specimen::caption).distinct().toList();
    List<float[]> embeds = clip.embedTexts(captions);
    for (int i = 0; i < captions.size(); i++) {
      texts.put(captions.get(i), embeds.get(i));
    }
    double[] values = new double[seen.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = 100 * Vectors.dot(seen.get(i), texts.get(specimens.get(i).caption()));
    }
    return values;
  }

  @Override
  public double mean(double[] values) {
    return Math.max(0, ImageMetric.super.mean(values));
  }
}

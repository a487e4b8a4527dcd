package azulejo.models.clip;

import azulejo.kernels.HostTensor;
import azulejo.models.Bicubic;
import azulejo.models.Image;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.JsonConfig;
import java.util.List;

/**
 * Makes of a picture what a CLIP model takes: the shorter side resized, the middle cut out, levels scaled and normalised.
 *
 * <p>Follows transformers' {@code models/clip/image_processing_clip.py} (CLIPImageProcessor) and {@code preprocessor_config.json} in its old and new form.
 *
 * @param shortestEdge what the shorter side becomes
 * @param cropHeight at most shortestEdge, like cropWidth
 * @param rescale what levels are multiplied by
 * @param mean of each colour, subtracted
 * @param std of each colour, divided by
 */
public record ClipImageProcessor(int shortestEdge, int cropHeight, int cropWidth, double rescale, float[] mean, float[] std) {
  /** Pillow's number for bicubic resampling. */
  private static final int BICUBIC = 3;

  /** @throws CheckpointException when a field is missing, or asks for what CLIP models do not need */
  public static ClipImageProcessor of(JsonConfig json) {
    for (String step : List.of("do_resize", "do_center_crop", "do_rescale", "do_normalize")) {
      if (!json.flag(step, true)) {
        throw json.fault(step, "is false, but CLIP's preprocessing needs it");
      }
    }
    if (json.integer("resample", BICUBIC) != BICUBIC) {
      throw json.fault("resample", "is " + json.integer("resample") + ", but only 3, bicubic, is known");
    }
    int edge = json.isSection("size") ? json.section("size").integer("shortest_edge") : json.integer("size");
    int height = json.isSection("crop_size") ? json.section("crop_size").integer("height") : json.integer("crop_size");
    int width = json.isSection("crop_size") ? json.section("crop_size").integer("width") : json.integer("crop_size");
    if (Math.min(height, width) < 1 || Math.max(height, width) > edge) {
      throw json.fault("crop_size", "is " + height + "x" + width + ", which does not lie within size " + edge);
    }
    return new ClipImageProcessor(edge, height, width, json.real("rescale_factor", 1.0 / 255), colours(json, "image_mean"), colours(json, "image_std"));
  }

  private static float[] colours(JsonConfig json, String field) {
    List<Double> values = json.reals(field);
    if (values.size() != 3) {
      throw json.fault(field, "is " + values + ", but three numbers are expected");
    }
    float[] colours = new float[3];
    for (int c = 0; c < 3; c++) {
      colours[c] = values.get(c).floatValue();
    }
    return colours;
  }

  /** The shorter side becomes {@link #shortestEdge}. */
  public Image resize(Image image) {
    return Bicubic.resizeShorter(image, shortestEdge);
  }

  /** The middle. */
  public Image crop(Image image) {
    return Bicubic.crop(image, cropWidth, cropHeight);
  }

  /** Pixel values [B, cropHeight, cropWidth, 3]. */
  public HostTensor process(List<Image> images) {
    int count = 3 * cropHeight * cropWidth;
    float[] values = new float[images.size() * count];
    for (int i = 0; i < images.size(); i++) {
      byte[] rgb = crop(resize(images.get(i))).rgb();
      for (int j = 0; j < count; j++) {
        float level = (float) ((rgb[j] & 0xFF) * rescale);
        values[i * count + j] = (level - mean[j % 3]) / std[j % 3];
      }
    }
    return HostTensor.of("pixel_values", values, images.size(), cropHeight, cropWidth, 3);
  }
}

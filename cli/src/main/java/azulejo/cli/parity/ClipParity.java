package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.models.Image;
import azulejo.models.clip.Clip;
import azulejo.models.clip.ClipImageProcessor;
import azulejo.models.clip.ClipTextEncoder;
import azulejo.models.clip.ClipVisionEncoder;
import azulejo.runtime.Tap;
import azulejo.runtime.text.ClipTokenizer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;

/** A whole CLIP model. */
final class ClipParity {
  private static final double EMBEDS = 1e-5;
  private static final double STATES = 1e-4;
  /** Up to 100 times a cosine. */
  private static final double LOGITS = 1e-3;
  private static final double PROBABILITIES = 1e-4;
  /** Of normalised levels, when those agree exactly. */
  private static final double PIXELS = 1e-5;

  private ClipParity() {}

  /**
   * @param dir the checkpoint
   * @param file of the goldens
   * @param texts the metadata key that holds them
   */
  static void check(Path dir, Goldens goldens, String file, String texts, Backend backend, Checks checks) {
    checks.attempt("CLIP", () -> {
      try (Clip clip = Clip.open(dir, backend)) {
        goldens.file(file).ifPresent(golden -> {
          checks.section("CLIP text encoder");
          for (String inputs : golden.names().stream().filter(name -> name.startsWith("input_ids")).toList()) {
            check(golden, inputs, golden.metadata(texts), clip.tokenizer(), clip.text(), backend, checks);
          }
          checks.section("CLIP image encoder");
          vision(golden, clip, backend, checks);
        });
        goldens.file("preprocess.safetensors").ifPresent(golden -> {
          checks.section("CLIP preprocessing");
          preprocess(golden, clip.processor(), checks);
        });
      }
    });
  }

  private static void vision(Goldens.Golden golden, Clip clip, Backend backend, Checks checks) {
    if (golden.has("image_u8")) {
      HostTensor wanted = golden.tensor("pixel_values");
      HostTensor pixels = clip.processor().process(images(golden.tensor("image_u8")));
      checks.close("pixel_values of image_u8", wanted, Recorder.channelsFirst(pixels, wanted.shape()), PIXELS);
    }
    Recorder seen = new Recorder(backend);
    HostTensor features;
    try (Backend.Scope _ = backend.scope()) {
      ClipVisionEncoder.Output output = clip.vision().encode(backend.tensor(Recorder.channelsLast(golden.tensor("pixel_values"))), seen);
      checks.closeIf(golden, "", "vision.hidden_states.0_after_pre_layrnorm", wanted -> first(seen.last("hidden_states.0"), wanted.shape()), STATES);
      checks.closeIf(golden, "vision.last_hidden_state", () -> backend.download(output.lastHidden()), STATES);
      checks.closeIf(golden, "vision.pooler_output", () -> backend.download(output.pooled()), STATES);
      features = backend.download(clip.imageFeatures(output));
    }
    checks.closeIf(golden, "image_features_unnormalised", () -> features, EMBEDS);
    checks.closeIf(golden, "image_embeds", () -> normalised(features), EMBEDS);
    HostTensor logits = logits(normalised(features), golden.tensor("text_embeds"), clip.logitScale());
    checks.closeIf(golden, "logits_per_image", () -> logits, LOGITS);
    checks.closeIf(golden, "logits_per_text", () -> transposed(logits), LOGITS);
    checks.closeIf(golden, "probs_per_image", () -> softmax(logits), PROBABILITIES);
  }

  /** The first rows of a value whose golden has fewer of them. */
  private static HostTensor first(HostTensor value, Shape wanted) {
    return HostTensor.of(value.name(), Arrays.copyOf(value.toFloats(), Math.toIntExact(wanted.elements())), wanted.toArray());
  }

  /** Of each image with each text. */
  private static HostTensor logits(HostTensor images, HostTensor texts, double scale) {
    int width = images.shape().size(1);
    int columns = texts.shape().size(0);
    float[] out = new float[images.shape().size(0) * columns];
    for (int i = 0; i < out.length; i++) {
      double cosine = 0;
      for (int d = 0; d < width; d++) {
        cosine += (double) images.floatAt((long) i / columns * width + d) * texts.floatAt((long) i % columns * width + d);
      }
      out[i] = (float) (scale * cosine);
    }
    return HostTensor.of("logits", out, images.shape().dim(0), columns);
  }

  private static HostTensor transposed(HostTensor x) {
    int rows = x.shape().size(0);
    int columns = x.shape().size(1);
    float[] out = new float[rows * columns];
    for (int i = 0; i < out.length; i++) {
      out[i] = x.floatAt((long) i % rows * columns + i / rows);
    }
    return HostTensor.of(x.name(), out, columns, rows);
  }

  private static HostTensor softmax(HostTensor logits) {
    int columns = logits.shape().size(1);
    float[] values = logits.toFloats();
    for (int from = 0; from < values.length; from += columns) {
      double[] powers = IntStream.range(from, from + columns).mapToDouble(i -> Math.exp(values[i])).toArray();
      for (int i = 0; i < columns; i++) {
        values[from + i] = (float) (powers[i] / Arrays.stream(powers).sum());
      }
    }
    return HostTensor.of(logits.name(), values, logits.shape().toArray());
  }

  private static void preprocess(Goldens.Golden golden, ClipImageProcessor processor, Checks checks) {
    for (String name : golden.names().stream().filter(n -> n.endsWith(".image")).toList()) {
      String prefix = name.substring(0, name.lastIndexOf('.') + 1);
      Image image = picture(golden.tensor(name));
      Image resized = processor.resize(image);
      checks.equal(prefix + "resized", golden.tensor(prefix + "resized"), levels(resized.rgb()));
      checks.equal(prefix + "cropped", golden.tensor(prefix + "cropped"), levels(planes(processor.crop(resized).rgb())));
      for (String tensor : List.of("pixel_values", "pixel_values_openai")) {
        checks.closeIf(golden, "", prefix + tensor, wanted -> planes(processor.process(List.of(image)), wanted.shape()), PIXELS);
      }
    }
  }

  /** Of a golden [H, W, 3]. */
  static Image picture(HostTensor hwc) {
    byte[] rgb = new byte[Math.toIntExact(hwc.shape().elements())];
    for (int i = 0; i < rgb.length; i++) {
      rgb[i] = (byte) hwc.longAt(i);
    }
    return new Image(hwc.shape().size(1), hwc.shape().size(0), rgb);
  }

  /** Of a golden [B, H, W, 3]. */
  static List<Image> images(HostTensor bhwc) {
    Shape shape = bhwc.shape();
    long bytes = shape.elements() / shape.dim(0);
    return IntStream.range(0, shape.size(0)).mapToObj(i -> picture(new HostTensor(bhwc.name(), bhwc.dtype(),
        Shape.of(shape.dim(1), shape.dim(2), 3), bhwc.data().asSlice(i * bytes, bytes)))).toList();
  }

  private static int[] levels(byte[] rgb) {
    return IntStream.range(0, rgb.length).map(i -> rgb[i] & 0xFF).toArray();
  }

  /** Colour by colour. */
  private static byte[] planes(byte[] rgb) {
    byte[] out = new byte[rgb.length];
    for (int i = 0; i < rgb.length; i++) {
      out[i % 3 * (rgb.length / 3) + i / 3] = rgb[i];
    }
    return out;
  }

  private static HostTensor planes(HostTensor pixels, Shape wanted) {
    HostTensor first = Recorder.channelsFirst(pixels, Shape.of(1, wanted.dim(0), wanted.dim(1), wanted.dim(2)));
    return new HostTensor(first.name(), first.dtype(), wanted, first.data());
  }

  private static void check(Goldens.Golden golden, String inputs, JsonNode texts, ClipTokenizer tokenizer, ClipTextEncoder encoder, Backend backend,
      Checks checks) {
    HostTensor inputIds = golden.tensor(inputs);
    TextEncoderParity.tokenize(inputs, texts, inputIds, tokenizer, checks);
    int[][] ids = TextEncoderParity.rows(inputIds);
    int[] lengths = IntStream.range(0, ids.length).map(i -> 1 + encoder.config().poolPosition(ids[i])).toArray();
    try (Backend.Scope _ = backend.scope()) {
      ClipTextEncoder.Output output = encoder.encode(ids, Tap.NONE);
      HostTensor features = backend.download(output.embeds());
      if (!inputs.equals("input_ids")) {
        checks.closeIf(golden, "", "text_features" + inputs.substring("input_ids".length()) + "_nomask", _ -> features, EMBEDS);
        return;
      }
      if (golden.has("attention_mask")) {
        int length = ids[0].length;
        checks.equal("attention_mask", golden.tensor("attention_mask"),
            IntStream.range(0, ids.length * length).map(i -> i % length < lengths[i / length] ? 1 : 0).toArray());
      }
      if (golden.has("text.last_hidden_state")) {
        HostTensor wanted = golden.tensor("text.last_hidden_state");
        HostTensor states = backend.download(output.lastHidden());
        checks.close("text.last_hidden_state up to the end token", upTo(lengths, wanted), upTo(lengths, states), STATES);
      }
      checks.closeIf(golden, "text.pooler_output", () -> backend.download(output.pooled()), STATES);
      checks.closeIf(golden, "text_features_unnormalised", () -> features, EMBEDS);
      checks.closeIf(golden, "text_embeds", () -> normalised(features), EMBEDS);
    }
  }

  /** The official model masks the padding and this one does not: what comes after the end token differs, and nobody reads it. */
  private static HostTensor upTo(int[] lengths, HostTensor states) {
    int length = states.shape().size(1);
    int width = states.shape().size(2);
    float[] values = states.toFloats();
    for (int row = 0; row < lengths.length; row++) {
      Arrays.fill(values, (row * length + lengths[row]) * width, (row + 1) * length * width, 0);
    }
    return HostTensor.of(states.name(), values, states.shape().toArray());
  }

  private static HostTensor normalised(HostTensor rows) {
    int width = rows.shape().size(1);
    float[] values = rows.toFloats();
    for (int from = 0; from < values.length; from += width) {
      double sum = 0;
      for (int i = from; i < from + width; i++) {
        sum += (double) values[i] * values[i];
      }
      for (int i = from; i < from + width; i++) {
        values[i] /= (float) Math.sqrt(sum);
      }
    }
    return HostTensor.of(rows.name(), values, rows.shape().toArray());
  }
}

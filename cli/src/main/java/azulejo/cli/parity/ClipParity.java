package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.HostTensor;
import azulejo.models.clip.ClipTextEncoder;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.text.ClipTokenizer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;

/** The text half of a whole CLIP model. */
final class ClipParity {
  private static final double EMBEDS = 1e-5;
  private static final double STATES = 1e-4;
  static final String NO_VISION = "CLIP vision encoder not in this version";
  private static final List<String> VISION = List.of("image_embeds", "image_features_unnormalised", "image_u8", "logits_per_image", "logits_per_text",
      "pixel_values", "probs_per_image", "vision.");

  private ClipParity() {}

  /**
   * @param dir the checkpoint
   * @param file of the goldens
   * @param texts the metadata key that holds them
   */
  static void check(Path dir, Goldens goldens, String file, String texts, Backend backend, Checks checks) {
    VISION.forEach(prefix -> goldens.excuse(file, prefix, NO_VISION));
    goldens.file(file).ifPresent(golden -> checks.attempt("CLIP text encoder", () -> {
      checks.section("CLIP text encoder");
      ClipTokenizer tokenizer = ClipTokenizer.read(dir);
      try (Checkpoint checkpoint = Checkpoint.open(dir)) {
        ClipTextEncoder encoder = new ClipTextEncoder(ClipTextEncoder.Config.of(JsonConfig.read(dir.resolve("config.json"))), checkpoint.on(backend));
        for (String inputs : golden.names().stream().filter(name -> name.startsWith("input_ids")).toList()) {
          check(golden, inputs, golden.metadata(texts), tokenizer, encoder, backend, checks);
        }
      }
    }));
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

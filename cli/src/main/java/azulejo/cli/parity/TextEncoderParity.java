package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.HostTensor;
import azulejo.models.clip.ClipTextEncoder;
import azulejo.runtime.text.ClipTokenizer;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;

/** CLIP's text encoder as a pipeline's component: {@code goldens/text_encoder.safetensors}. */
final class TextEncoderParity {
  private static final double TOLERANCE = 1e-4;

  private TextEncoderParity() {}

  static void check(Goldens.Golden golden, ClipTokenizer tokenizer, ClipTextEncoder encoder, Backend backend, Checks checks) {
    checks.section("text encoder");
    HostTensor inputs = golden.tensor("input_ids");
    tokenize("input_ids", golden.metadata("prompts"), inputs, tokenizer, checks);
    int[][] ids = rows(inputs);
    Recorder seen = new Recorder(backend);
    try (Backend.Scope _ = backend.scope()) {
      ClipTextEncoder.Output output = encoder.encode(ids, seen);
      checks.closeIf(golden, "hidden_states.0", () -> seen.last("hidden_states.0"), TOLERANCE);
      checks.closeIf(golden, "penultimate", () -> backend.download(output.penultimate()), TOLERANCE);
      checks.closeIf(golden, "last_hidden_state", () -> backend.download(output.lastHidden()), TOLERANCE);
      checks.closeIf(golden, "text_embeds", () -> backend.download(output.embeds()), TOLERANCE);
    }
    if (golden.has("pool_position")) {
      int[] positions = IntStream.range(0, ids.length).map(i -> encoder.config().poolPosition(ids[i])).toArray();
      checks.equal("pool_position", golden.tensor("pool_position"), positions);
    }
  }

  /** Compares the ids that the tokenizer gives for a list of texts with the golden ones, padded to the same length. */
  static void tokenize(String name, JsonNode texts, HostTensor golden, ClipTokenizer tokenizer, Checks checks) {
    int length = golden.shape().size(-1);
    int[] ids = IntStream.range(0, texts.size()).flatMap(i -> IntStream.of(tokenizer.encode(texts.get(i).asString(), length).ids())).toArray();
    checks.equal(name + " from the texts", golden, ids);
  }

  static int[][] rows(HostTensor ids) {
    int length = ids.shape().size(-1);
    int[] flat = ids.toInts();
    int[][] rows = new int[flat.length / length][length];
    for (int i = 0; i < flat.length; i++) {
      rows[i / length][i % length] = flat[i];
    }
    return rows;
  }
}

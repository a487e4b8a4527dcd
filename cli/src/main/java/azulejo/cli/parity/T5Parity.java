package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.HostTensor;
import azulejo.models.llamagen.Captions;
import azulejo.models.t5.T5Encoder;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.text.T5Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import tools.jackson.databind.JsonNode;

/** T5's encoder and tokenizer: a checkpoint folder with {@code golden.safetensors}, {@code golden_tokenizer.json} and {@code golden_prompts.json}. */
final class T5Parity {
  /** On states of about 1. */
  private static final double TOLERANCE = 2e-5;

  private T5Parity() {}

  static void check(Path dir, Backend backend, Goldens goldens, Checks checks) {
    Goldens.Golden golden = goldens.file("golden.safetensors").orElseThrow();
    T5Tokenizer tokenizer = T5Tokenizer.read(dir);
    checks.section("T5 tokenizer");
    checks.attempt("tokenizer", () -> tokenizer(dir, tokenizer, checks));
    T5Encoder.Config config = T5Encoder.Config.of(JsonConfig.read(dir.resolve("config.json")));
    try (Checkpoint checkpoint = Checkpoint.open(dir)) {
      T5Encoder encoder = new T5Encoder(config, checkpoint.on(backend));
      checks.section("T5 encoder");
      checks.attempt("positions", () -> positions(golden, encoder, checks));
      checks.attempt("a", () -> masked(golden.at("a"), encoder, backend, checks));
      checks.attempt("b", () -> checks.close("b.last_hidden_state_no_mask", golden.tensor("b.last_hidden_state_no_mask"),
          encode(golden.tensor("b.input_ids"), null, encoder, backend, Tap.NONE), TOLERANCE));
      checks.attempt("llamagen", () -> llamagen(dir, golden.at("llamagen"), tokenizer, encoder, backend, checks));
    }
    Path pickles = dir.resolve("pytorch_model.bin.index.json");
    if (Files.exists(pickles)) {
      checks.section("T5 encoder from pickles");
      checks.attempt("a", () -> {
        try (Checkpoint checkpoint = Checkpoint.open(pickles)) {
          masked(golden.at("a"), new T5Encoder(config, checkpoint.on(backend)), backend, checks);
        }
      });
    }
  }

  private static void tokenizer(Path dir, T5Tokenizer tokenizer, Checks checks) {
    JsonNode strings = Goldens.json(dir.resolve("golden_tokenizer.json")).path("strings");
    int wrong = 0;
    String first = "";
    for (int i = 0; i < strings.size(); i++) {
      JsonNode ids = strings.get(i).path("ids");
      int[] wanted = IntStream.range(0, ids.size()).map(k -> ids.get(k).asInt()).toArray();
      int[] got = tokenizer.encode(strings.get(i).path("text").asString(), wanted.length).ids();
      int[] tokens = tokenizer.tokenize(strings.get(i).path("text").asString());
      if (!Arrays.equals(wanted, got) || tokens.length + 1 != wanted.length) {
        first = wrong++ == 0 ? ": text " + i + " is " + Arrays.toString(tokens) + " instead of " + Arrays.toString(wanted) : first;
      }
    }
    checks.report("ids", wrong == 0 && strings.size() > 0, wrong + " of " + strings.size() + " texts differ, tolerance 0" + first);
  }

  private static void positions(Goldens.Golden golden, T5Encoder encoder, Checks checks) {
    HostTensor relative = golden.tensor("bucket.relative_position");
    long[] buckets = LongStream.range(0, relative.shape().elements()).map(i -> encoder.config().bucket((int) relative.longAt(i))).toArray();
    checks.equal("bucket.bidirectional", golden.tensor("bucket.bidirectional"), buckets);
    HostTensor bias = golden.tensor("position_bias_20");
    checks.identical("position_bias_20", bias, encoder.positionBias(bias.shape().size(2)));
  }

  private static void masked(Goldens.Golden golden, T5Encoder encoder, Backend backend, Checks checks) {
    Recorder seen = new Recorder(backend);
    HostTensor mask = golden.tensor("attention_mask");
    HostTensor states = encode(golden.tensor("input_ids"), mask, encoder, backend, seen);
    checks.close("a.last_hidden_state", golden.tensor("last_hidden_state"), states, TOLERANCE);
    for (int i = 0; i <= encoder.config().numLayers(); i++) {
      HostTensor wanted = golden.tensor("hidden_states." + i);
      checks.close("a.hidden_states." + i, wanted, firstRows(seen.last("hidden_states." + i), wanted.shape().toArray()), TOLERANCE);
    }
  }

  /** The caption states that LlamaGen is given, from the prompts on. */
  private static void llamagen(Path dir, Goldens.Golden golden, T5Tokenizer tokenizer, T5Encoder encoder, Backend backend, Checks checks) {
    HostTensor ids = golden.tensor("input_ids");
    HostTensor mask = golden.tensor("attention_mask");
    int length = ids.shape().size(1);
    JsonNode prompts = Goldens.json(dir.resolve("golden_prompts.json")).path("prompts");
    int[] encoded = IntStream.range(0, prompts.size())
        .flatMap(i -> Arrays.stream(tokenizer.encode(Captions.clean(prompts.get(i).asString()), length).ids())).toArray();
    checks.equal("llamagen.input_ids from the prompts", ids, encoded);
    checks.close("llamagen.caption_embs", golden.tensor("caption_embs"), encode(ids, mask, encoder, backend, Tap.NONE), TOLERANCE);
  }

  private static HostTensor encode(HostTensor ids, HostTensor mask, T5Encoder encoder, Backend backend, Tap tap) {
    int[][] rows = TextEncoderParity.rows(ids);
    int[] lengths = mask == null ? Arrays.stream(rows).mapToInt(row -> row.length).toArray() : lengths(mask);
    try (Backend.Scope _ = backend.scope()) {
      return backend.download(encoder.encode(rows, lengths, tap));
    }
  }

  /** How many ones each row of an attention mask begins with. */
  static int[] lengths(HostTensor mask) {
    return Arrays.stream(TextEncoderParity.rows(mask)).mapToInt(row -> Arrays.stream(row).sum()).toArray();
  }

  static HostTensor firstRows(HostTensor value, long... shape) {
    return HostTensor.of(value.name(), Arrays.copyOf(value.toFloats(), Math.toIntExact(Arrays.stream(shape).reduce(1, (a, c) -> a * c))), shape);
  }
}

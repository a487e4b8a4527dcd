package azulejo.cli.parity;

import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.Json;
import azulejo.runtime.text.ClipTokenizer;
import azulejo.runtime.text.ClipTokenizer.Cleaning;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;

/**
 * The CLIP tokenizer over the texts of {@code cases.json}. Claimed are the two variants that run without the package ftfy; of the others,
 * the texts that ftfy leaves as they are.
 */
final class TokenizerParity {
  private TokenizerParity() {}

  private record Case(int index, String text, JsonNode fields) {
    /** The ids under the first key that is not null. */
    int[] ids(String... keys) {
      for (String key : keys) {
        JsonNode list = fields.path(key);
        if (list.isArray()) {
          return IntStream.range(0, list.size()).map(i -> list.get(i).asInt()).toArray();
        }
      }
      throw new CheckpointException("case " + index + " has no ids under any of " + Arrays.toString(keys));
    }
  }

  static void check(Path dir, Checks checks) {
    checks.section("CLIP tokenizer");
    JsonNode list = Json.object(dir.resolve("cases.json")).path("cases");
    List<Case> cases = IntStream.range(0, list.size())
        .mapToObj(i -> new Case(list.get(i).path("index").asInt(i), list.get(i).path("text").asString(""), list.get(i))).toList();
    ClipTokenizer transformers = ClipTokenizer.read(dir);
    ClipTokenizer openai = ClipTokenizer.read(dir, Cleaning.OPENAI);
    compare("hf_slow_no_ftfy", cases, checks, c -> c.ids("hf_slow_no_ftfy"), c -> withEnds(transformers, transformers.tokenize(c.text)));
    compare("openai_without_ftfy", cases, checks, c -> c.ids("openai_without_ftfy", "openai"), c -> openai.tokenize(c.text));
    compare("truncated to " + transformers.maxLength(), cases, checks, c -> truncated(transformers, c.ids("hf_slow_no_ftfy")),
        c -> transformers.encode(c.text, transformers.maxLength()).ids());
    List<Case> decoded = cases.stream().filter(c -> c.fields.path("openai_decoded").isString()).toList();
    compare("openai_decoded", decoded, checks, c -> c.fields.path("openai_decoded").asString().codePoints().toArray(),
        c -> openai.decode(c.ids("openai")).codePoints().toArray());
    long openaiChanged = cases.stream().filter(c -> c.fields.path("openai_without_ftfy").isArray()).count();
    long transformersChanged = cases.stream().filter(c -> c.fields.path("hf_slow_with_ftfy").isArray()).count();
    checks.note("openai: not claimed for the " + openaiChanged + " texts that ftfy changes; the others are those of openai_without_ftfy");
    checks.note("hf_slow_with_ftfy: not claimed for the " + transformersChanged + " texts whose ids ftfy changes");
  }

  private static void compare(String name, List<Case> cases, Checks checks, Function<Case, int[]> wanted, Function<Case, int[]> got) {
    List<String> wrong = new ArrayList<>();
    for (Case c : cases) {
      int[] golden = wanted.apply(c);
      int[] ids = got.apply(c);
      if (!Arrays.equals(golden, ids)) {
        wrong.add("case " + c.index + " is " + Arrays.toString(ids) + " instead of " + Arrays.toString(golden));
      }
    }
    if (!cases.isEmpty()) {
      checks.report(name, wrong.isEmpty(),
          wrong.size() + " of " + cases.size() + " texts differ, tolerance 0" + (wrong.isEmpty() ? "" : ": " + wrong.getFirst()));
    }
  }

  private static int[] withEnds(ClipTokenizer tokenizer, int[] ids) {
    return IntStream.concat(IntStream.concat(IntStream.of(tokenizer.bos()), Arrays.stream(ids)), IntStream.of(tokenizer.eos())).toArray();
  }

  /** By the rule of both official tokenizers: the start token, as many ids as fit, the end token; then padding. */
  private static int[] truncated(ClipTokenizer tokenizer, int[] withEnds) {
    int length = tokenizer.maxLength();
    int[] ids = Arrays.copyOf(withEnds, length);
    if (withEnds.length >= length) {
      ids[length - 1] = tokenizer.eos();
    } else {
      Arrays.fill(ids, withEnds.length, length, tokenizer.pad());
    }
    return ids;
  }
}

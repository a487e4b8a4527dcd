package azulejo.runtime.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.runtime.CheckpointException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class T5TokenizerTest {
  private static final Path FOLDER = Path.of("src/test/resources/azulejo/runtime/text/t5");
  private static final Path DEMO = Path.of("../demo/autoregressive/t5");

  @TempDir
  Path dir;

  private static JsonNode cases(String kind) throws IOException {
    return JsonMapper.builder().build().readTree(Files.readString(FOLDER.resolve("cases.json"))).get(kind);
  }

  private static int[] ints(JsonNode list) {
    return IntStream.range(0, list.size()).map(i -> list.get(i).intValue()).toArray();
  }

  /** The folder's tokenizer.json: its normaliser is stored once, in spiece.model. */
  private Path jsonFolder() throws IOException {
    String charsmap = Base64.getEncoder().encodeToString(SentencePieceModel.read(FOLDER.resolve("spiece.model")).charsmap());
    Files.writeString(dir.resolve("tokenizer.json"), Files.readString(FOLDER.resolve("tokenizer.template.json")).replace("CHARSMAP", charsmap));
    return dir;
  }

  /** Expected ids: see README.md beside cases.json. */
  @TestFactory
  Stream<DynamicTest> agreesWithTheOfficialTokenizer() throws IOException {
    T5Tokenizer sentencePiece = T5Tokenizer.read(FOLDER);
    T5Tokenizer json = T5Tokenizer.read(jsonFolder());
    JsonNode texts = cases("texts");
    assertThat(texts.size()).isEqualTo(45);
    return IntStream.range(0, texts.size()).mapToObj(texts::get).map(c -> DynamicTest.dynamicTest(c.get("text").toString(), () -> {
      int[] expected = ints(c.get("ids"));
      int[] withoutEnd = Arrays.copyOf(expected, expected.length - 1);
      assertThat(json.tokenize(c.get("text").stringValue())).isEqualTo(withoutEnd);
      assertThat(sentencePiece.tokenize(c.get("text").stringValue())).isEqualTo(withoutEnd);
    }));
  }

  @Test
  void endsCutsAndPadsAsTheOfficialTokenizer() throws IOException {
    T5Tokenizer tokenizer = T5Tokenizer.read(FOLDER);
    JsonNode padded = cases("padded");
    assertThat(padded.size()).isEqualTo(7);
    for (JsonNode c : padded) {
      Encoding encoding = tokenizer.encode(c.get("text").stringValue(), c.get("length").intValue());
      assertThat(encoding.ids()).isEqualTo(ints(c.get("ids")));
      assertThat(encoding.length()).isEqualTo((int) Arrays.stream(encoding.ids()).filter(id -> id != tokenizer.pad()).count());
      assertThat(encoding.ids()[encoding.length() - 1]).isEqualTo(tokenizer.eos());
    }
  }

  /** Ids that LlamaGen's official code fed to the demo's text encoder. */
  @Test
  void readsTheDemosTokenizer() throws IOException {
    T5Tokenizer tokenizer = T5Tokenizer.read(DEMO);
    assertThat(tokenizer.maxLength()).isEqualTo(32);
    JsonNode demo = cases("demo");
    assertThat(demo.size()).isEqualTo(5);
    for (JsonNode c : demo) {
      assertThat(tokenizer.encode(c.get("text").stringValue(), tokenizer.maxLength()).ids()).isEqualTo(ints(c.get("ids")));
    }
  }

  @Test
  void saysWhatWasCut() {
    T5Tokenizer tokenizer = T5Tokenizer.read(FOLDER);
    // "a photo of a red fox" has the pieces _a _photo _ of _a _re d _fox by cases.json
    Encoding encoding = tokenizer.encode("a photo of a red fox", 6);
    assertThat(encoding.ids()).containsExactly(3, 54, 4, 5, 3, 1);
    assertThat(encoding.cut()).isEqualTo("red fox");
    assertThat(tokenizer.encode("a photo of a red fox", 9).cut()).isEmpty();
    assertThat(tokenizer.encode("a photo 日本", 3).cut()).as("unknown text as it was").isEqualTo("日本");
  }

  @Test
  void extraIdsLieBehindThePieces() {
    // len_tokenizer 465 and 100 extra ids: the official tokenizer numbers them downwards
    assertThat(T5Tokenizer.read(FOLDER).tokenize("<extra_id_0><extra_id_99>")).containsExactly(464, 365);
    assertThat(T5Tokenizer.read(DEMO).tokenize("<extra_id_0>")).as("the demo has none").hasSizeGreaterThan(1);
  }

  @Test
  void saysWhatIsWrong() throws IOException {
    assertThatThrownBy(() -> T5Tokenizer.read(dir)).isInstanceOf(CheckpointException.class)
        .hasMessage("cannot read " + dir.resolve("spiece.model") + ": no such file or folder");
    Files.write(dir.resolve("spiece.model"), new byte[] {0x0A, 0x7F, 0x0A});
    assertThatThrownBy(() -> T5Tokenizer.read(dir)).isInstanceOf(CheckpointException.class)
        .hasMessage(dir.resolve("spiece.model") + " is not a SentencePiece model of a unigram tokenizer: field 1 announces 127 bytes of 1");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "{}                                                                                        | must be of type Unigram",
      "{\"model\": {\"type\": \"BPE\"}}                                                          | must be of type Unigram",
      "{\"model\": {\"type\": \"Unigram\", \"byte_fallback\": true}}                             | without byte_fallback",
      "{\"model\": {\"type\": \"Unigram\", \"vocab\": []}}                                       | its unk_id is no piece",
      "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", 0]], \"unk_id\": 1}}              | its unk_id is no piece",
      "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", \"b\"]], \"unk_id\": 0}}          | piece 0 of its vocab is not a text with a finite score",
      "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", 0]], \"unk_id\": 0}}              | lacks the special token \"<pad>\"",
      "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", 0]], \"unk_id\": 0}, \"added_tokens\": [{\"id\": 1}]} | has no content or no id",
      "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", 0], [\"a\", 0]], \"unk_id\": 0}, \"added_tokens\":"
          + " [{\"id\": 0, \"content\": \"<pad>\"}, {\"id\": 1, \"content\": \"</s>\"}]}         | the piece \"a\" occurs twice",
      "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", 0]], \"unk_id\": 0}, \"added_tokens\": [{\"id\": 0, \"content\": \"<pad>\"},"
          + " {\"id\": 1, \"content\": \"</s>\"}], \"normalizer\": {\"type\": \"Precompiled\", \"precompiled_charsmap\": \"!\"}} | is not base64",
      "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", 0]], \"unk_id\": 0}, \"added_tokens\": [{\"id\": 0, \"content\": \"<pad>\"},"
          + " {\"id\": 1, \"content\": \"</s>\"}], \"normalizer\": {\"type\": \"Precompiled\", \"precompiled_charsmap\": \"/////wAA\"}} | a trie of -1 bytes"})
  void saysWhatIsWrongInTokenizerJson(String json, String says) throws IOException {
    Files.writeString(dir.resolve("tokenizer.json"), json);
    assertThatThrownBy(() -> T5Tokenizer.read(dir)).isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(dir.resolve("tokenizer.json").toString()).hasMessageContaining(says);
  }

  /** Flipped bits, overwritten bytes and cuts: a model that still reads must tokenize; any other is refused with a sentence. */
  @Test
  void aMutantModelIsReadOrRefused() throws IOException {
    byte[] model = Files.readAllBytes(FOLDER.resolve("spiece.model"));
    Path file = dir.resolve("spiece.model");
    Random random = new Random(9);
    int read = 0;
    for (int i = 0; i < 400; i++) {
      byte[] mutant = random.nextInt(10) == 0 ? Arrays.copyOf(model, random.nextInt(model.length)) : model.clone();
      for (int n = random.nextInt(4); n >= 0; n--) {
        // two in three hit the pieces before the normaliser, or its trie's beginning
        int at = random.nextInt(random.nextInt(3) == 0 ? mutant.length : Math.min(mutant.length, 6000));
        mutant[at] = (byte) (random.nextBoolean() ? random.nextInt(256) : mutant[at] ^ 1 << random.nextInt(8));
      }
      Files.write(file, mutant);
      try {
        T5Tokenizer tokenizer = T5Tokenizer.read(dir);
        tokenizer.encode("a Café ﬁne １２３ 日本 é ½ x\u0301y", 20);
        read++;
      } catch (CheckpointException e) {
        assertThat(e).hasMessageStartingWith(file.toString()).hasMessageNotContaining("\n");
      }
    }
    assertThat(read).isBetween(20, 380);
  }
}

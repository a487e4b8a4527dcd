package azulejo.runtime.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.runtime.CheckpointException;
import azulejo.runtime.text.ClipTokenizer.Cleaning;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ClipTokenizerTest {
  private static final Path FOLDER = Path.of("src/test/resources/azulejo/runtime/text");
  /** Of {@link #FOLDER}'s vocabulary. */
  private static final int BOS = 998;
  private static final int EOS = 999;
  private static final int PAD = 0;

  @TempDir
  Path dir;

  /** Expected ids: see README.md beside cases.json. */
  @TestFactory
  Stream<DynamicTest> agreesWithTheOfficialTokenizers() throws IOException {
    ClipTokenizer transformers = ClipTokenizer.read(FOLDER);
    ClipTokenizer openai = ClipTokenizer.read(FOLDER, Cleaning.OPENAI);
    JsonNode cases = JsonMapper.builder().build().readTree(Files.readString(FOLDER.resolve("cases.json")));
    assertThat(cases.size()).isEqualTo(101);
    return IntStream.range(0, cases.size()).mapToObj(cases::get).map(c -> DynamicTest.dynamicTest(c.get("text").toString(), () -> {
      String text = c.get("text").stringValue();
      assertThat(transformers.tokenize(text)).isEqualTo(ints(c.get("transformers")));
      if (!c.get("openai").isNull()) {
        assertThat(openai.tokenize(text)).isEqualTo(ints(c.get("openai")));
      }
    }));
  }

  private static int[] ints(JsonNode list) {
    return IntStream.range(0, list.size()).map(i -> list.get(i).intValue()).toArray();
  }

  @Test
  void padsWithTheFoldersToken() {
    Encoding encoding = ClipTokenizer.read(FOLDER).encode("a cat", 8);
    // "a</w>", "c", "at</w>" by vocab.json
    assertThat(encoding.ids()).containsExactly(BOS, 320, 66, 536, EOS, PAD, PAD, PAD);
    assertThat(encoding.length()).isEqualTo(5);
    assertThat(encoding.cut()).isEmpty();
  }

  @Test
  void cutsBeforeTheEndTokenAndTellsWhat() {
    ClipTokenizer tokenizer = ClipTokenizer.read(FOLDER);
    int[] whole = tokenizer.tokenize("a photo of a cat on a mat");
    Encoding encoding = tokenizer.encode("a photo of a cat on a mat", 9);
    assertThat(encoding.ids()).startsWith(BOS).endsWith(EOS).hasSize(9);
    assertThat(Arrays.copyOfRange(encoding.ids(), 1, 8)).isEqualTo(Arrays.copyOf(whole, 7));
    assertThat(encoding.length()).isEqualTo(9);
    assertThat(encoding.cut()).isEqualTo("on a mat");
  }

  @Test
  void fillsTheLengthExactlyWithoutCutting() {
    ClipTokenizer tokenizer = ClipTokenizer.read(FOLDER);
    int tokens = tokenizer.tokenize("a photo of a cat").length;
    assertThat(tokenizer.encode("a photo of a cat", tokens + 2).cut()).isEmpty();
    assertThat(tokenizer.encode("a photo of a cat", tokens + 1).cut()).isNotEmpty();
  }

  @Test
  void decodesToTheCleanedText() {
    ClipTokenizer tokenizer = ClipTokenizer.read(FOLDER);
    assertThat(tokenizer.decode(tokenizer.tokenize("Ünïcode,  漢字 42"))).isEqualTo("ünïcode , 漢 字 4 2 ");
  }

  @Test
  void withoutConfigurationClipsOwnTokensHold() throws IOException {
    copy("vocab.json", "merges.txt");
    ClipTokenizer tokenizer = ClipTokenizer.read(dir);
    assertThat(tokenizer.pad()).isEqualTo(EOS);
    assertThat(tokenizer.maxLength()).isEqualTo(77);
    assertThat(tokenizer.size()).isEqualTo(1000);
    // "!</w>" is an ordinary token here; with "!" as padding token it is taken out of the text as "!"
    assertThat(tokenizer.tokenize("!")).containsExactly(256);
    assertThat(ClipTokenizer.read(FOLDER).tokenize("!")).containsExactly(0);
  }

  @Test
  void takesTheLengthFromTheConfiguration() throws IOException {
    copy("vocab.json", "merges.txt");
    Files.writeString(dir.resolve("tokenizer_config.json"), "{\"model_max_length\": 32}");
    assertThat(ClipTokenizer.read(dir).maxLength()).isEqualTo(32);
    Files.writeString(dir.resolve("tokenizer_config.json"), "{\"model_max_length\": 1000000000000000019884624838656}");
    assertThat(ClipTokenizer.read(dir).maxLength()).isEqualTo(77);
  }

  @Test
  void namesTheMissingFile() throws IOException {
    assertFault("vocab.json", "no such file");
    copy("vocab.json");
    assertFault("merges.txt", "no such file");
  }

  @Test
  void refusesABrokenVocabulary() throws IOException {
    copy("merges.txt");
    for (String broken : List.of("", "{\"a\": 1", "[1]", "{\"a\": \"x\"}", "{\"a\": -1}", "{\"a\": 1, \"b\": 1}", "{\"a\": 1.5}")) {
      Files.writeString(dir.resolve("vocab.json"), broken);
      assertFault("vocab.json", "");
    }
  }

  @Test
  void refusesMergesOfAnotherVocabulary() throws IOException {
    copy("vocab.json");
    Files.writeString(dir.resolve("merges.txt"), "#version: 0.2\nt h\nq zq\n");
    assertFault("merges.txt", "line 3 needs the token \"zq\"");
    Files.writeString(dir.resolve("merges.txt"), "#version: 0.2\nt h e\n");
    assertFault("merges.txt", "line 2 is not a pair");
    Files.write(dir.resolve("merges.txt"), new byte[] {'#', '\n', (byte) 0xFF, ' ', 'a'});
    assertFault("merges.txt", "UTF-8");
  }

  @Test
  void refusesAVocabularyWithoutStartAndEnd() throws IOException {
    Files.writeString(dir.resolve("vocab.json"), "{\"t\": 0, \"h\": 1, \"th\": 2}");
    Files.writeString(dir.resolve("merges.txt"), "#version: 0.2\nt h\n");
    assertFault("vocab.json", "lacks the special token \"<|startoftext|>\"");
  }

  @Test
  void refusesASpecialTokenThatIsNone() throws IOException {
    copy("vocab.json", "merges.txt");
    Files.writeString(dir.resolve("special_tokens_map.json"), "{\"pad_token\": 5}");
    assertFault("special_tokens_map.json", "pad_token");
  }

  private void assertFault(String file, String what) {
    assertThatThrownBy(() -> ClipTokenizer.read(dir)).isInstanceOf(CheckpointException.class)
        .hasMessageContaining(dir.resolve(file).toString()).hasMessageContaining(what);
  }

  private void copy(String... names) throws IOException {
    for (String name : names) {
      Files.copy(FOLDER.resolve(name), dir.resolve(name));
    }
  }
}

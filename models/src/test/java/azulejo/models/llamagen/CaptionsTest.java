package azulejo.models.llamagen;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

class CaptionsTest {
  private static final Path FOLDER = Path.of("src/test/resources/azulejo/models/llamagen");

  /** Expected texts are the official code's: see the note in the file. */
  @TestFactory
  Stream<DynamicTest> cleansAsTheOfficialCode() {
    JsonNode rows = new ObjectMapper().readTree(FOLDER.resolve("clean_caption.json").toFile()).get("rows");
    assertThat(rows.size()).isEqualTo(45);
    return IntStream.range(0, rows.size()).mapToObj(rows::get).map(row -> DynamicTest.dynamicTest(row.get("in").toString(), () -> {
      assertThat(Captions.clean(row.get("in").stringValue())).isEqualTo(row.get("out").stringValue());
      assertThat(Captions.plain(row.get("in").stringValue())).isEqualTo(row.get("out_off").stringValue());
    }));
  }

  /** Expected texts are the official code's: see README.md beside the file. */
  @Test
  void cleansRandomMixturesAsTheOfficialCode() {
    for (JsonNode pair : random("captions")) {
      assertThat(Captions.clean(pair.get(0).stringValue())).as(pair.get(0).toString()).isEqualTo(pair.get(1).stringValue());
    }
  }

  /** Expected texts are Beautiful Soup's: see README.md beside the file. */
  @Test
  void readsBrokenMarkupAsBeautifulSoup() {
    for (JsonNode pair : random("markup")) {
      assertThat(Markup.text(pair.get(0).stringValue())).as(pair.get(0).toString()).isEqualTo(pair.get(1).stringValue());
    }
  }

  private static JsonNode random(String kind) {
    JsonNode pairs = new ObjectMapper().readTree(FOLDER.resolve("clean_caption_random.json").toFile()).get(kind);
    assertThat(pairs.size()).isEqualTo(250);
    return pairs;
  }

  /** Rules look ahead and behind, so their time is measured on long texts that keep each of them busy. */
  @ParameterizedTest
  @ValueSource(strings = {"a", "a.", "<", "</", "<a b=\"", "&", "&#", "1", "a1", "- ", "\"", " ", "http", "%4", "<!--", "<script>", "a\u0301", ".", "1.1", "<b>", "_"})
  void takesLittleTimeForALongText(String piece) {
    assertTimeout(Duration.ofSeconds(10), () -> Captions.clean(piece.repeat(1000)));
  }
}

package azulejo.probes.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TextTest {
  @ParameterizedTest
  @CsvSource({"0.41234, 0.412", "0.4, 0.400", "27.94, 27.9", "1482.3, 1482", "0.00412, 0.004", "-0.03, \u22120.030", "0, 0", "1e-17, 0",
      "0.0000123, 1.2e\u221205", "1, 1.00",
      "0.9996, 1.000", "NaN, \u2013", "-Infinity, \u2212\u221e"})
  void numbers(double x, String text) {
    assertThat(Text.number(x)).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({"0.00263, 0.0026", "-0.000412, \u22120.00041", "0.0263, 0.026", "0, 0", "1e-17, 0"})
  void smallNumbers(double x, String text) {
    assertThat(Text.precise(x)).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({"-0.0001, 0.0\u202f%", "-1, \u2212100\u202f%", "0.1234, +12\u202f%", "-0.0042, \u22120.4\u202f%", "Infinity, \u2013"})
  void changes(double share, String text) {
    assertThat(Text.change(share)).isEqualTo(text);
  }

  @Test
  void escapesWhatHtmlWouldRead() {
    assertThat(Text.escape("<a href='x'>\"&\u0007\uD800</a>")).isEqualTo("&lt;a href=&#39;x&#39;&gt;&quot;&amp;\uFFFD\uFFFD&lt;/a&gt;");
    assertThat(Text.escape("gr\u00fcn \u2605 \uD83D\uDE00\n")).isEqualTo("gr\u00fcn \u2605 \uD83D\uDE00\n");
  }

  /** RFC 4180. */
  @Test
  void csv() {
    Table table = new Table(List.of("text", "number"),
        List.of(List.of("plain", 0.1), List.of("a \"quoted\", text\nof two lines", Double.NaN), List.of("", 7)));
    assertThat(table.csv()).isEqualTo("text,number\r\nplain,0.1\r\n\"a \"\"quoted\"\", text\nof two lines\",\r\n,7\r\n");
  }
}

package azulejo.probes.report;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Rows of text and numbers, for the page and as CSV.
 *
 * @param rows each as long as {@code columns}: {@link String}s and {@link Number}s; NaN stands for a number that there is not
 */
record Table(List<String> columns, List<List<Object>> rows) {

  Table {
    for (List<Object> row : rows) {
      if (row.size() != columns.size()) {
        throw new IllegalArgumentException(row + " does not fit the columns " + columns);
      }
    }
  }

  /** Numbers are rounded for reading. */
  String html() {
    String head = columns.stream().map(c -> "<th scope=\"col\">" + Text.escape(c) + "</th>").collect(Collectors.joining());
    String body = rows.stream()
        .map(row -> row.stream().map(Table::cell).collect(Collectors.joining("", "<tr>", "</tr>\n")))
        .collect(Collectors.joining());
    return "<div class=\"wide\" tabindex=\"0\"><table><thead><tr>" + head + "</tr></thead>\n<tbody>" + body + "</tbody></table></div>";
  }

  private static String cell(Object value) {
    return switch (value) {
      case Double d -> "<td class=\"number\">" + Text.number(d) + "</td>";
      case Number n -> "<td class=\"number\">" + n + "</td>";
      default -> "<td><bdi>" + Text.escape(value.toString()) + "</bdi></td>";
    };
  }

  /** RFC 4180 with numbers in full; what there is not is empty. */
  String csv() {
    String head = columns.stream().map(Table::quoted).collect(Collectors.joining(","));
    return rows.stream().map(row -> row.stream().map(Table::field).collect(Collectors.joining(",")))
        .collect(Collectors.joining("\r\n", head + "\r\n", rows.isEmpty() ? "" : "\r\n"));
  }

  private static String field(Object value) {
    return switch (value) {
      case Double d -> Double.isFinite(d) ? d.toString() : "";
      case Number n -> n.toString();
      default -> quoted(value.toString());
    };
  }

  private static String quoted(String text) {
    return text.matches("[^,\"\r\n]*") ? text : '"' + text.replace("\"", "\"\"") + '"';
  }

  /** A link that saves the CSV. */
  String download(String file) {
    return "<a download=\"" + Text.escape(file) + "\" href=\"data:text/csv;charset=utf-8;base64,"
        + Base64.getEncoder().encodeToString(csv().getBytes(StandardCharsets.UTF_8)) + "\">" + Text.escape(file) + "</a>";
  }
}

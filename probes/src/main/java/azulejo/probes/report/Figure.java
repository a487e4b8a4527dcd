package azulejo.probes.report;

import java.util.List;

/**
 * One figure of the report.
 *
 * @param file name of its data, without ending; also the anchor
 * @param reading how to read it
 * @param panels drawings, as SVG or HTML
 * @param absent sentences about what is not drawn and which condition it needs
 */
record Figure(String file, String title, String reading, List<String> panels, Table data, List<String> absent) {
  /** More rows than this are only in the file. */
  private static final int READABLE = 1000;

  static Figure absent(String file, String title, String sentence) {
    return new Figure(file, title, "", List.of(), new Table(List.of(), List.of()), List.of(sentence));
  }

  /**
   * Panels that belong together, beginning on a line of their own.
   *
   * @param heading what they have in common, or empty
   */
  static String group(String heading, List<String> panels) {
    return "<div class=\"group\">" + (heading.isEmpty() ? "" : "<h4>" + Text.escape(heading) + "</h4>") + String.join("\n", panels)
        + "</div>";
  }

  String html() {
    if (panels.isEmpty() && data.rows().isEmpty()) {
      return "<figure id=\"" + file + "\">\n<p class=\"absent\"><strong>" + Text.escape(title) + (title.endsWith("?") ? "" : ".")
          + "</strong> " + Text.escape(String.join(" ", absent)) + "</p>\n</figure>\n";
    }
    StringBuilder html = new StringBuilder("<figure id=\"" + file + "\">\n<h3>" + Text.escape(title) + "</h3>\n");
    if (!panels.isEmpty()) {
      html.append("<div class=\"panels\">\n").append(String.join("\n", panels)).append("\n</div>\n");
      html.append("<figcaption>").append(Text.escape(reading)).append("</figcaption>\n");
    }
    absent.forEach(a -> html.append("<p class=\"absent\">").append(Text.escape(a)).append("</p>\n"));
    if (!data.rows().isEmpty()) {
      html.append("<details><summary>Data</summary>\n<p>").append(data.download(file + ".csv")).append(", ")
          .append(data.rows().size()).append(" rows</p>\n").append(data.rows().size() <= READABLE ? data.html() : "")
          .append("\n</details>\n");
    }
    return html.append("</figure>\n").toString();
  }
}

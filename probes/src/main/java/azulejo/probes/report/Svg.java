package azulejo.probes.report;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * A drawing in the page's own colours: classes {@code s0} to {@code s7} set the colour of a series, and the style sheet says how marks and
 * text use it. Drawings are shown in their natural size, at most {@link #WIDTH} wide, so that their text is never scaled down on a phone.
 */
final class Svg {
  /** Of a drawing that fits a page 400 pixels wide, with its margins. */
  static final int WIDTH = 352;
  /** Height of a letter's line in drawings. */
  static final int LINE = 15;

  private final StringBuilder body = new StringBuilder();
  private final String title;
  private final String description;
  private final int width;
  private int height;

  record Point(double x, double y) {}

  /** @param description what a reader who cannot see the drawing needs to know */
  Svg(String title, String description, int width, int height) {
    this.title = title;
    this.description = description;
    this.width = width;
    this.height = height;
  }

  void grow(int more) {
    height += more;
  }

  int height() {
    return height;
  }

  /** @param style a class of the style sheet, or several */
  void text(double x, double y, String style, String text) {
    body.append(format("<text x=\"%s\" y=\"%s\" class=\"%s\">%s</text>", at(x), at(y), style, Text.escape(text)));
  }

  void line(double x1, double y1, double x2, double y2, String style) {
    body.append(format("<line x1=\"%s\" y1=\"%s\" x2=\"%s\" y2=\"%s\" class=\"%s\"/>", at(x1), at(y1), at(x2), at(y2), style));
  }

  void rect(double x, double y, double width, double height, String style) {
    body.append(format("<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" class=\"%s\"/>", at(x), at(y), at(Math.max(width, 0)),
        at(height), style));
  }

  void polyline(List<Point> points, String style) {
    body.append(format("<polyline points=\"%s\" class=\"%s\"/>", join(points), style));
  }

  void polygon(List<Point> points, String style) {
    body.append(format("<polygon points=\"%s\" class=\"%s\"/>", join(points), style));
  }

  /** A series' mark: every series has a shape of its own as well as a colour. */
  void mark(double x, double y, int series) {
    String style = "mark s" + series;
    switch (series) {
      case 0 -> body.append(format("<circle cx=\"%s\" cy=\"%s\" r=\"3.6\" class=\"%s\"/>", at(x), at(y), style));
      case 1, 5 -> rect(x - 3.3, y - 3.3, 6.6, 6.6, style);
      case 2, 6 -> polygon(List.of(new Point(x, y - 4.4), new Point(x + 4.2, y + 3.4), new Point(x - 4.2, y + 3.4)), style);
      case 4 -> polygon(List.of(new Point(x, y + 4.4), new Point(x + 4.2, y - 3.4), new Point(x - 4.2, y - 3.4)), style);
      default -> polygon(List.of(new Point(x, y - 4.8), new Point(x + 4.8, y), new Point(x, y + 4.8), new Point(x - 4.8, y)), style);
    }
  }

  /** An interval lying down, with its ends marked. */
  void whisker(double x1, double x2, double y) {
    line(x1, y, x2, y, "whisker");
    line(x1, y - 4, x1, y + 4, "whisker");
    line(x2, y - 4, x2, y + 4, "whisker");
  }

  /** An interval standing up. */
  void upright(double x, double y1, double y2, String style) {
    line(x, y1, x, y2, style);
    line(x - 3, y1, x + 3, y1, style);
    line(x - 3, y2, x + 3, y2, style);
  }

  /** The drawing's title, above everything. */
  void heading() {
    text(0, 14, "heading", fit(title, WIDTH / 1.12)); // larger and bold
  }

  /** As much of {@code text} as {@code width} has room for. */
  static String fit(String text, double width) {
    String fitting = text;
    while (widthOf(fitting) > width) {
      fitting = fitting.substring(0, fitting.offsetByCodePoints(fitting.length(), fitting.endsWith("\u2026") ? -2 : -1)).stripTrailing()
          + "\u2026";
    }
    return fitting;
  }

  /** Text's width in pixels at the drawings' 12 pixel sans serif: no font is at hand, so this errs on the wide side. */
  static double widthOf(String text) {
    return text.codePoints().mapToDouble(c -> "iljtf.,:;'|!()[] ".indexOf(c) >= 0 ? 4.6 : Character.isUpperCase(c) || c == '%' ? 9.5
        : c == 'm' || c == 'w' ? 11.5 : c > 0x2E80 ? 13 : 7.8)
        .sum();
  }

  @Override
  public String toString() {
    return format("<svg role=\"img\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\"><title>%s</title><desc>%s</desc>%s</svg>",
        width, height, width, height, Text.escape(title), Text.escape(description), body);
  }

  private static String join(List<Point> points) {
    return points.stream().map(p -> at(p.x) + "," + at(p.y)).collect(Collectors.joining(" "));
  }

  private static String at(double x) {
    String text = String.format(Locale.ROOT, "%.1f", x);
    return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
  }

  private static String format(String format, Object... arguments) {
    return String.format(Locale.ROOT, format, arguments);
  }
}

package azulejo.probes.report;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;

/** Words and numbers as they stand on the page. */
final class Text {
  private static final String NONE = "\u2013";

  private Text() {}

  /** For HTML and SVG, in text and in attributes; characters that a page must not hold become U+FFFD. */
  static String escape(String text) {
    StringBuilder escaped = new StringBuilder();
    text.codePoints().forEach(c -> {
      switch (c) {
        case '&' -> escaped.append("&amp;");
        case '<' -> escaped.append("&lt;");
        case '>' -> escaped.append("&gt;");
        case '"' -> escaped.append("&quot;");
        case '\'' -> escaped.append("&#39;");
        default -> escaped.appendCodePoint(isAllowed(c) ? c : 0xFFFD);
      }
    });
    return escaped.toString();
  }

  private static boolean isAllowed(int c) {
    return c == '\n' || c == '\t' || c >= 0x20 && c < 0x7F || c >= 0xA0 && c < 0xD800 || c >= 0xE000 && (c & 0xFFFE) != 0xFFFE;
  }

  /** Three significant digits, integers in full. */
  static String number(double x) {
    if (!Double.isFinite(x)) {
      return Double.isNaN(x) ? NONE : x > 0 ? "\u221e" : "\u2212\u221e";
    }
    if (Math.abs(x) < 1e-12) { // what is left of sums that cancel
      return "0";
    }
    BigDecimal rounded = Math.abs(x) >= 100 ? new BigDecimal(Math.round(x)) : new BigDecimal(x).round(new MathContext(3));
    if (Math.abs(x) < 1e-4) {
      return String.format(Locale.ROOT, "%.1e", x).replace('-', '\u2212');
    }
    // As many decimals for 0.4 as for 0.412, so that a column of numbers lines up.
    int decimals = Math.clamp(2 - (int) Math.floor(Math.log10(Math.abs(x))), 0, 5);
    return rounded.setScale(Math.abs(x) >= 100 ? 0 : Math.min(decimals, 3), RoundingMode.HALF_EVEN).toPlainString().replace('-', '\u2212');
  }

  /** Two significant digits where three decimals would leave fewer. */
  static String precise(double x) {
    return Math.abs(x) < 0.01 && Math.abs(x) >= 1e-4 ? new BigDecimal(x).round(new MathContext(2)).toPlainString().replace('-', '\u2212')
        : number(x);
  }

  /** With a sign, for differences. */
  static String signed(double x) {
    return x > 0 ? "+" + number(x) : number(x);
  }

  /** A share as a percentage with its sign. */
  static String change(double share) {
    if (!Double.isFinite(share)) {
      return NONE;
    }
    double percent = share * 100;
    String digits = String.format(Locale.ROOT, Math.abs(percent) < 10 ? "%.1f" : "%.0f", Math.abs(percent));
    return (digits.matches("[0.]*") ? "" : percent < 0 ? "\u2212" : "+") + digits + "\u202f%";
  }

  static String percent(double share) {
    if (share < 1 && share >= 0.995) {
      return ">\u202f99\u202f%";
    }
    boolean fine = share < 0.1 && Math.abs(share * 100 - Math.rint(share * 100)) > 1e-9;
    return String.format(Locale.ROOT, fine ? "%.1f\u202f%%" : "%.0f\u202f%%", share * 100);
  }

  /** The first letter as a capital. */
  static String sentence(String text) {
    return text.isEmpty() ? text : text.substring(0, 1).toUpperCase(Locale.ROOT) + text.substring(1);
  }
}

package azulejo.runtime.text;

import java.util.ArrayList;
import java.util.List;

/**
 * The character rules of Python 3.11's {@code str}, which the official tokenizers are written in. They follow Unicode 14: what later
 * versions added is unassigned here, whichever version the Java runtime knows.
 */
public final class PythonText {
  /** First and last of each range that Unicode 15.0, 15.1 and 16.0 assigned. */
  private static final int[] SINCE_UNICODE_14 = {
      0x897, 0x897, 0xCF3, 0xCF3, 0xECE, 0xECE, 0x1B4E, 0x1B4F, 0x1B7F, 0x1B7F, 0x1C89, 0x1C8A, 0x2427, 0x2429, 0x2FFC, 0x2FFF,
      0x31E4, 0x31E5, 0x31EF, 0x31EF, 0xA7CB, 0xA7CD, 0xA7DA, 0xA7DC, 0x105C0, 0x105F3, 0x10D40, 0x10D65, 0x10D69, 0x10D85,
      0x10D8E, 0x10D8F, 0x10EC2, 0x10EC4, 0x10EFC, 0x10EFF, 0x1123F, 0x11241, 0x11380, 0x11389, 0x1138B, 0x1138B, 0x1138E, 0x1138E,
      0x11390, 0x113B5, 0x113B7, 0x113C0, 0x113C2, 0x113C2, 0x113C5, 0x113C5, 0x113C7, 0x113CA, 0x113CC, 0x113D5, 0x113D7, 0x113D8,
      0x113E1, 0x113E2, 0x116D0, 0x116E3, 0x11B00, 0x11B09, 0x11BC0, 0x11BE1, 0x11BF0, 0x11BF9, 0x11F00, 0x11F10, 0x11F12, 0x11F3A,
      0x11F3E, 0x11F5A, 0x1342F, 0x1342F, 0x13439, 0x13455, 0x13460, 0x143FA, 0x16100, 0x16139, 0x16D40, 0x16D79, 0x18CFF, 0x18CFF,
      0x1B132, 0x1B132, 0x1B155, 0x1B155, 0x1CC00, 0x1CCF9, 0x1CD00, 0x1CEB3, 0x1D2C0, 0x1D2D3, 0x1DF25, 0x1DF2A, 0x1E030, 0x1E06D,
      0x1E08F, 0x1E08F, 0x1E4D0, 0x1E4F9, 0x1E5D0, 0x1E5FA, 0x1E5FF, 0x1E5FF, 0x1F6DC, 0x1F6DC, 0x1F774, 0x1F776, 0x1F77B, 0x1F77F,
      0x1F7D9, 0x1F7D9, 0x1F8B2, 0x1F8BB, 0x1F8C0, 0x1F8C1, 0x1FA75, 0x1FA77, 0x1FA87, 0x1FA89, 0x1FA8F, 0x1FA8F, 0x1FAAD, 0x1FAAF,
      0x1FABB, 0x1FABF, 0x1FAC6, 0x1FAC6, 0x1FACE, 0x1FACF, 0x1FADA, 0x1FADC, 0x1FADF, 0x1FADF, 0x1FAE8, 0x1FAE9, 0x1FAF7, 0x1FAF8,
      0x1FBCB, 0x1FBEF, 0x2B739, 0x2B739, 0x2EBF0, 0x2EE5D, 0x31350, 0x323AF,
  };

  private PythonText() {}

  private static boolean isAssigned(int c) {
    for (int i = 0; i < SINCE_UNICODE_14.length; i += 2) {
      if (c <= SINCE_UNICODE_14[i + 1]) {
        return c < SINCE_UNICODE_14[i];
      }
    }
    return true;
  }

  /** The general category, as {@link Character#getType(int)} numbers it. */
  private static int category(int c) {
    return c < 128 || isAssigned(c) ? Character.getType(c) : Character.UNASSIGNED;
  }

  /** Category L*. */
  static boolean isLetter(int c) {
    return switch (category(c)) {
      case Character.UPPERCASE_LETTER, Character.LOWERCASE_LETTER, Character.TITLECASE_LETTER, Character.MODIFIER_LETTER,
          Character.OTHER_LETTER -> true;
      default -> false;
    };
  }

  /** Category N*. */
  static boolean isNumber(int c) {
    return switch (category(c)) {
      case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER -> true;
      default -> false;
    };
  }

  /** Category C*: control, format, surrogate, private use or unassigned. */
  static boolean isOther(int c) {
    return switch (category(c)) {
      case Character.CONTROL, Character.FORMAT, Character.SURROGATE, Character.PRIVATE_USE, Character.UNASSIGNED -> true;
      default -> false;
    };
  }

  /** Category Zs. */
  static boolean isSpaceSeparator(int c) {
    return Character.getType(c) == Character.SPACE_SEPARATOR;
  }

  /** {@code str.isspace}. */
  public static boolean isSpace(int c) {
    return Character.isSpaceChar(c) || c >= 0x9 && c <= 0xD || c >= 0x1C && c <= 0x1F || c == 0x85;
  }

  /** {@code str.split()}. */
  static List<String> split(String text) {
    List<String> words = new ArrayList<>();
    int start = -1;
    for (int i = 0, c; i < text.length(); i += Character.charCount(c)) {
      c = text.codePointAt(i);
      if (!isSpace(c)) {
        start = start < 0 ? i : start;
      } else if (start >= 0) {
        words.add(text.substring(start, i));
        start = -1;
      }
    }
    if (start >= 0) {
      words.add(text.substring(start));
    }
    return words;
  }

  /** {@code str.strip()}. */
  public static String strip(String text) {
    int start = 0;
    int end = text.length();
    while (start < end && isSpace(text.charAt(start))) {
      start++;
    }
    while (end > start && isSpace(text.charAt(end - 1))) {
      end--;
    }
    return text.substring(start, end);
  }

  /** {@code str.lower()}. */
  public static String lower(String text) {
    StringBuilder out = new StringBuilder(text.length());
    for (int i = 0, c; i < text.length(); i += Character.charCount(c)) {
      c = text.codePointAt(i);
      switch (c) {
        case 'İ' -> out.append("i\u0307");
        case 'Σ' -> out.append(endsWord(text, i) ? 'ς' : 'σ');
        default -> out.appendCodePoint(isAssigned(c) ? Character.toLowerCase(c) : c);
      }
    }
    return out.toString();
  }

  /** Unicode's condition Final_Sigma: a cased letter before and none after, case-ignorable characters not counted. */
  private static boolean endsWord(String text, int sigma) {
    int before = sigma;
    while (before > 0 && isCaseIgnorable(text.codePointBefore(before))) {
      before -= Character.charCount(text.codePointBefore(before));
    }
    int after = sigma + 1;
    while (after < text.length() && isCaseIgnorable(text.codePointAt(after))) {
      after += Character.charCount(text.codePointAt(after));
    }
    return before > 0 && isCased(text.codePointBefore(before)) && (after == text.length() || !isCased(text.codePointAt(after)));
  }

  private static boolean isCased(int c) {
    return isAssigned(c) && (Character.isLowerCase(c) || Character.isUpperCase(c) || Character.isTitleCase(c));
  }

  private static boolean isCaseIgnorable(int c) {
    return switch (category(c)) {
      case Character.NON_SPACING_MARK, Character.ENCLOSING_MARK, Character.FORMAT, Character.MODIFIER_LETTER, Character.MODIFIER_SYMBOL -> true;
      default -> "'.:·\u2018\u2019\u2024\u2027\u0387\u055F\u05F4\uFE13\uFE52\uFE55\uFF07\uFF0E\uFF1A".indexOf(c) >= 0;
    };
  }
}

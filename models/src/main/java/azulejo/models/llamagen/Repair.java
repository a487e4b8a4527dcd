package azulejo.models.llamagen;

import java.text.Normalizer;
import java.util.regex.Pattern;

/**
 * ftfy's repair of single characters: ligatures, fullwidth forms, curly quotes, line ends, control characters, NFC.
 *
 * <p>Source: ftfy 6.3.1 {@code fix_text}. Not reproduced: its repair of text that was decoded with the wrong encoding, of which the clean-up before it, which
 * lowers the case and takes out half of the signs, leaves next to nothing to recognise.
 */
final class Repair {
  private static final Pattern TERMINAL = Pattern.compile("\u001b\\[[\\p{Nd};]*[a-zA-Z]");
  private static final Pattern LINE_END = Pattern.compile("\r\n|[\r\u2028\u2029\u0085]");
  /** Ligatures of Latin letters. */
  private static final String LIGATURES = "\u0132\u0133\u0149\u01f1\u01f2\u01f3\u01c4\u01c5\u01c6\u01c7\u01c8\u01c9\u01ca\u01cb\u01cc"
      + "\ufb00\ufb01\ufb02\ufb03\ufb04\ufb05\ufb06";
  /** What bytes 80 to 9F are in Windows-1252; five are nothing and stay. */
  private static final String WINDOWS_1252 = "\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f"
      + "\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178";

  private Repair() {}

  static String repair(String text) {
    String before;
    do {
      before = text;
      StringBuilder out = new StringBuilder(text.length());
      text.codePoints().forEach(c -> out.append(letter(c)));
      text = LINE_END.matcher(quotes(out.toString())).replaceAll("\n");
      text = TERMINAL.matcher(text).replaceAll("");
      StringBuilder kept = new StringBuilder(text.length());
      text.codePoints().filter(c -> !isUnwanted(c)).forEach(kept::appendCodePoint);
      text = Normalizer.normalize(kept, Normalizer.Form.NFC);
    } while (!text.equals(before));
    return text;
  }

  private static String letter(int c) {
    if (c >= 0x80 && c <= 0x9F) {
      return WINDOWS_1252.substring(c - 0x80, c - 0x7F);
    }
    if (c == 0xFB05) {
      return "\u017ft";
    }
    if (c == 0x3000) {
      return " ";
    }
    boolean wide = c >= 0xFF01 && c <= 0xFFEF;
    String letter = Character.toString(c);
    return wide || LIGATURES.indexOf(c) >= 0 ? Normalizer.normalize(letter, Normalizer.Form.NFKC) : letter;
  }

  private static String quotes(String text) {
    return text.replaceAll("[\u201c-\u201f]", "\"").replaceAll("[\u02bc\u2018-\u201b]", "'");
  }

  private static boolean isUnwanted(int c) {
    return c < 0x20 && c != '\t' && c != '\n' && c != '\f' && c != '\r' || c == 0x7F || c >= 0x206A && c <= 0x206F || c == 0xFEFF
        || c >= 0xFFF9 && c <= 0xFFFC;
  }
}

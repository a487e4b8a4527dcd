package azulejo.runtime.text;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Character references of HTML 5, as Python's {@code html.unescape} replaces them. */
public final class HtmlText {
  private static final Pattern REFERENCE = Pattern.compile("&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\\t\\n\\f <&#;]{1,32};?)");
  private static final Map<String, String> NAMED = readNames();

  private HtmlText() {}

  public static String unescape(String text) {
    return REFERENCE.matcher(text).replaceAll(match -> Matcher.quoteReplacement(replacement(match.group(1))));
  }

  /** The text that a name stands for, {@code amp}, or null. */
  public static String named(String name) {
    return NAMED.getOrDefault(name + ";", NAMED.get(name));
  }

  private static String replacement(String reference) {
    if (reference.startsWith("#")) {
      return numeric(reference.replace(";", "").substring(1));
    }
    // A name may lack its semicolon and run into the text behind it: the longest known name counts.
    for (int end = reference.length(); end > 1; end--) {
      String named = NAMED.get(reference.substring(0, end));
      if (named != null) {
        return named + reference.substring(end);
      }
    }
    return "&" + reference;
  }

  private static String numeric(String digits) {
    boolean hex = digits.charAt(0) == 'x' || digits.charAt(0) == 'X';
    String significant = (hex ? digits.substring(1) : digits).replaceFirst("^0+(?=.)", "");
    int c = significant.length() > 7 ? Integer.MAX_VALUE : Integer.parseInt(significant, hex ? 16 : 10);
    if (c == 0 || c > Character.MAX_CODE_POINT || c >= 0xD800 && c <= 0xDFFF) {
      return "\uFFFD";
    }
    if (c >= 0x80 && c <= 0x9F) {
      String windows = new String(new byte[] {(byte) c}, Charset.forName("windows-1252"));
      return windows.equals("\uFFFD") ? Character.toString(c) : windows;
    }
    boolean control = c < 0x20 && c != '\t' && c != '\n' && c != '\f' && c != '\r' || c == 0x7F;
    boolean nonCharacter = c >= 0xFDD0 && c <= 0xFDEF || (c & 0xFFFE) == 0xFFFE;
    return control || nonCharacter ? "" : Character.toString(c);
  }

  /** One name a line, with its semicolon where it must have one, then the code points in hexadecimal. */
  private static Map<String, String> readNames() {
    Map<String, String> names = new HashMap<>();
    try (BufferedReader lines = new BufferedReader(
        new InputStreamReader(HtmlText.class.getResourceAsStream("html-entities.txt"), StandardCharsets.US_ASCII))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        String[] fields = line.split(" ");
        StringBuilder text = new StringBuilder();
        for (int i = 1; i < fields.length; i++) {
          text.appendCodePoint(Integer.parseInt(fields[i], 16));
        }
        names.put(fields[0], text.toString());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return names;
  }
}

package azulejo.models.llamagen;

import azulejo.runtime.text.HtmlText;
import azulejo.runtime.text.PythonText;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.Pattern;

/**
 * The clean-up of captions that LlamaGen's text-conditional models were trained with: lower case; no addresses, markup, ideographs, article numbers or
 * advertising; plain quotes and dashes.
 *
 * <p>Source: FoundationVision/LlamaGen {@code language/t5.py}, {@code T5Embedder.text_preprocessing}, which applies {@code clean_caption} twice. Its regular
 * expressions are meant as Python means them: see {@link #python}. {@link Markup} and {@link Repair} stand for Beautiful Soup and ftfy, and say where they
 * differ.
 */
public final class Captions {
  private static final String WORD = "[\\p{L}\\p{N}_]";
  private static final String SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
  private static final String TOP_LEVEL = "(?:com|co|ru|net|org|edu|gov|it)";
  private static final String SUFFIX = "(?:png|jpg|jpeg|bmp|webp|eps|pdf|apk|mp4)";

  /** What a caption loses before its markup is taken out. */
  private static final List<Rule> ADDRESSES = List.of(
      new Rule("<person>", "person"),
      address("https?"),
      address("www"));

  private static final List<Rule> WEB_AND_PUNCTUATION = List.of(
      new Rule("@\\w+\\b", ""),
      new Rule("[\\u31c0-\\u9fff]+", ""), // CJK strokes to unified ideographs
      new Rule("[-\\u058a\\u05be\\u1400\\u1806\\u2010-\\u2015\\u2e17\\u2e1a\\u2e3a\\u2e3b\\u2e40\\u301c\\u3030\\u30a0\\ufe31\\ufe32\\ufe58\\ufe63\\uff0d]+", "-"),
      new Rule("[`\u00b4\u00ab\u00bb\u201c\u201d\u00a8]", "\""),
      new Rule("[\u2018\u2019]", "'"),
      new Rule("&quot;?", ""),
      new Rule("&amp", ""),
      new Rule("\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}", " "), // IP addresses
      new Rule("\\d:\\d\\d\\s+$", ""), // article numbers
      new Rule("\\\\n", " "), // a line break in its escaped form
      new Rule("#\\d{1,3}\\b", ""),
      new Rule("#\\d{5,}\\b", ""),
      new Rule("\\b\\d{6,}\\b", ""),
      new Rule("(?<!\\S)\\S+\\." + SUFFIX, ""), // file names; looking behind changes no result, but saves a start at each character
      new Rule("[\"']{2,}", "\""),
      new Rule("\\.{2,}", " "),
      new Rule("[#\u00ae\u2022\u00a9\u2122&@\u00b7\u00ba\u00bd\u00be\u00bf\u00a1\u00a7~()\\[\\]{}|\\\\/*]+", " "),
      new Rule("\\s+\\.\\s+", " "));

  /** Words joined as in the name of a file: this-is-my-cute-cat. */
  private static final Rule JOINERS = new Rule("[-_]", " ");
  private static final int MAX_JOINERS = 3;

  private static final List<Rule> CODES_AND_ADVERTISING = List.of(
      new Rule("\\b[a-zA-Z]{1,3}\\d{3,15}\\b", ""), // jc6640
      new Rule("\\b[a-zA-Z]+\\d+[a-zA-Z]+\\b", ""), // jc6640vc
      new Rule("\\b\\d+[a-zA-Z]+\\d+\\b", ""), // 6640vc231
      new Rule("(?:worldwide\\s+)?(?:free\\s+)?shipping", ""),
      new Rule("(?:free\\s)?download(?:\\sfree)?", ""),
      new Rule("\\bclick\\b\\s(?:for|on)\\s\\w+", ""),
      new Rule("\\b" + SUFFIX + "(?:\\simages?)?", ""),
      new Rule("\\bpage\\s+\\d+\\b", ""),
      new Rule("\\b\\d*[a-zA-Z]+\\d+[a-zA-Z]+\\d+[a-zA-Z\\d]*\\b", " "), // j2d1a2a
      new Rule("\\b\\d+\\.?\\d*[x\u0445\u00d7]\\d+\\.?\\d*\\b", ""), // 10x20, also with the Cyrillic letter
      new Rule("\\b\\s+:\\s+", ": "),
      new Rule("(\\D[,./])\\b", "$1 "),
      new Rule("\\s+", " "),
      new Rule("^[\"']([\\w\\W]+)[\"']$", "$1"),
      new Rule("^['_,\\-:;]", ""),
      new Rule("['_,\\-:+]$", ""),
      new Rule("^\\.\\S+$", ""));

  private Captions() {}

  /** The caption as the text encoder gets it. */
  public static String clean(String caption) {
    return cleanOnce(cleanOnce(caption));
  }

  /** What the official code does where the clean-up is switched off. */
  public static String plain(String caption) {
    return PythonText.strip(PythonText.lower(caption));
  }

  private static String cleanOnce(String caption) {
    String text = PythonText.lower(PythonText.strip(unquote(caption)));
    text = Markup.text(apply(ADDRESSES, text));
    text = apply(WEB_AND_PUNCTUATION, text);
    if (JOINERS.pattern.matcher(text).results().count() > MAX_JOINERS) {
      text = JOINERS.apply(text);
    }
    text = PythonText.strip(HtmlText.unescape(HtmlText.unescape(Repair.repair(text))));
    return PythonText.strip(apply(CODES_AND_ADVERTISING, text));
  }

  private static Rule address(String scheme) {
    return new Rule("\\b(?:" + scheme + ":(?:/{1,3}|[a-zA-Z0-9%])|[a-zA-Z0-9.\\-]+\\." + TOP_LEVEL + "[\\w/-]*\\b/?(?!@))", "");
  }

  private static String apply(List<Rule> rules, String text) {
    for (Rule rule : rules) {
      text = rule.apply(text);
    }
    return text;
  }

  private record Rule(Pattern pattern, String replacement) {
    Rule(String python, String replacement) {
      this(Pattern.compile(python(python), Pattern.UNIX_LINES), replacement);
    }

    String apply(String text) {
      return pattern.matcher(text).replaceAll(replacement);
    }
  }

  /** An expression in which {@code \w}, {@code \d}, {@code \s} and {@code \b} are those of Python's Unicode strings, which none of Java's modes has. */
  private static String python(String expression) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < expression.length(); i++) {
      char c = expression.charAt(i);
      if (c != '\\') {
        out.append(c);
        continue;
      }
      char escaped = expression.charAt(++i);
      out.append(switch (escaped) {
        case 'w' -> WORD;
        case 'W' -> "[^" + WORD + "]";
        case 'd' -> "\\p{Nd}";
        case 'D' -> "\\P{Nd}";
        case 's' -> SPACE;
        case 'S' -> "[^" + SPACE + "]";
        case 'b' -> "(?:(?<=" + WORD + ")(?!" + WORD + ")|(?<!" + WORD + ")(?=" + WORD + "))";
        default -> "\\" + escaped;
      });
    }
    return out.toString();
  }

  /** Python's {@code urllib.parse.unquote_plus}: "+" is a space, runs of ASCII text may hold %XX, whose bytes are UTF-8. */
  private static String unquote(String text) {
    StringBuilder out = new StringBuilder(text.length());
    ByteArrayOutputStream ascii = new ByteArrayOutputStream();
    String spaced = text.replace('+', ' ');
    for (int i = 0; i < spaced.length(); i++) {
      char c = spaced.charAt(i);
      if (c < 0x80) {
        boolean quoted = c == '%' && i + 2 < spaced.length() && isHex(spaced.charAt(i + 1)) && isHex(spaced.charAt(i + 2));
        ascii.write(quoted ? Integer.parseInt(spaced, i + 1, i + 3, 16) : c);
        i += quoted ? 2 : 0;
      } else {
        out.append(ascii.toString(StandardCharsets.UTF_8)).append(c);
        ascii.reset();
      }
    }
    return out.append(ascii.toString(StandardCharsets.UTF_8)).toString();
  }

  private static boolean isHex(char c) {
    return c < 0x80 && Character.digit(c, 16) >= 0;
  }
}

package azulejo.models.llamagen;

import azulejo.runtime.text.HtmlText;
import azulejo.runtime.text.PythonText;
import java.nio.charset.Charset;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The text of a piece of HTML: tags, comments and declarations go, references are replaced, scripts and the like are no text.
 *
 * <p>Source: what Beautiful Soup 4.15's {@code .text} gives over Python 3.11's {@code html.parser}, broken markup included. Where that parser gives up with an
 * error (an unknown marked section, {@code <![x]>}), this one takes the markup for text.
 */
final class Markup {
  private static final Pattern COMMENT_END = Pattern.compile("--\\s*>");
  private static final Pattern SECTION_END = Pattern.compile("]\\s*]\\s*>");
  private static final Pattern OFFICE_SECTION_END = Pattern.compile("]\\s*>");
  private static final Pattern SECTION = Pattern.compile("<!\\[([a-z][-_.a-z0-9]*)\\s*", Pattern.CASE_INSENSITIVE);
  private static final Pattern NUMERIC = Pattern.compile("&#([0-9]+|x[0-9a-f]+)([^0-9a-f])", Pattern.CASE_INSENSITIVE);
  private static final Pattern NAMED = Pattern.compile("&([a-zA-Z][-.a-zA-Z0-9]*)([^a-zA-Z0-9])");
  private static final Pattern TAG_NAME = Pattern.compile("[a-zA-Z][^\t\n\r\f />\\x00]*");

  private static final Set<String> EMPTY_ELEMENTS = Set.of("area", "base", "br", "col", "embed", "hr", "img", "input", "keygen", "link", "menuitem",
      "meta", "param", "source", "track", "wbr", "basefont", "bgsound", "command", "frame", "image", "isindex", "nextid", "spacer");
  private static final Set<String> NO_TEXT = Set.of("script", "style", "template", "rt", "rp");
  private static final Set<String> KEEP_SPACES = Set.of("pre", "textarea");
  private static final Set<String> RAW = Set.of("script", "style");

  private final String html;
  private final StringBuilder out = new StringBuilder();
  private final StringBuilder run = new StringBuilder();
  private final Deque<String> open = new ArrayDeque<>();
  private final List<String> closedAlready = new ArrayList<>();
  private String raw;
  private int at;

  private Markup(String html) {
    this.html = html;
  }

  static String text(String html) {
    Markup markup = new Markup(html);
    markup.advance(false);
    markup.advance(true);
    markup.endRun();
    return markup.out.toString();
  }

  /** Reads on until the end, or, before the last call, until a construct that may not be whole; twice, as the official parser is fed and then closed. */
  private void advance(boolean last) {
    int n = html.length();
    while (at < n) {
      int next = nextMarkup();
      if (next < 0) {
        return; // a script that does not end takes the rest with it
      }
      run.append(html, at, next);
      at = next;
      if (at == n) {
        return;
      }
      boolean whole = html.charAt(at) == '<' ? markup(last) : reference(last);
      if (!whole) {
        break;
      }
    }
    if (last && at < n && raw == null) {
      run.append(html, at, n);
      at = n;
    }
  }

  private int nextMarkup() {
    if (raw != null) {
      Matcher end = Pattern.compile("</\\s*" + raw + "\\s*>", Pattern.CASE_INSENSITIVE).matcher(html);
      return end.find(at) ? end.start() : -1;
    }
    int i = at;
    while (i < html.length() && html.charAt(i) != '<' && html.charAt(i) != '&') {
      i++;
    }
    return i;
  }

  /** At "<". False if what follows is not whole and may become so. */
  private boolean markup(boolean last) {
    int end;
    if (TAG_NAME.matcher(html).region(at + 1, html.length()).lookingAt()) {
      end = startTag();
    } else if (html.startsWith("</", at)) {
      end = endTag();
    } else if (html.startsWith("<!--", at)) {
      end = skipTo(COMMENT_END, at + 4);
    } else if (html.startsWith("<![", at)) {
      end = section();
    } else if (html.startsWith("<!", at) || html.startsWith("<?", at)) {
      end = skipPast('>', at + 2);
    } else if (at + 1 < html.length()) {
      run.append('<');
      end = at + 1;
    } else {
      return false;
    }
    if (end < 0) {
      if (!last) {
        return false;
      }
      end = html.indexOf('>', at + 1) + 1;
      if (end == 0) {
        end = html.indexOf('<', at + 1);
        end = end < 0 ? at + 1 : end;
      }
      run.append(html, at, end);
    }
    at = end;
    return true;
  }

  /** Leaves out what ends with {@code end}, and so ends a run of text. */
  private int skipTo(Pattern end, int from) {
    Matcher matcher = end.matcher(html);
    if (!matcher.find(from)) {
      return -1;
    }
    endRun();
    return matcher.end();
  }

  private int skipPast(char end, int from) {
    int found = html.indexOf(end, from);
    if (found >= 0) {
      endRun();
    }
    return found < 0 ? -1 : found + 1;
  }

  private int section() {
    Matcher name = SECTION.matcher(html).region(at, html.length());
    if (!name.lookingAt() || name.end() == html.length()) {
      return -1;
    }
    return switch (name.group(1).toLowerCase(Locale.ROOT)) {
      case "if", "else", "endif" -> skipTo(OFFICE_SECTION_END, at + 3);
      case "cdata" -> {
        int end = skipTo(SECTION_END, at + 3);
        if (end >= 0 && html.startsWith("[", at + 8)) {
          out.append(collapse(html.substring(at + 9, html.lastIndexOf(']', html.lastIndexOf(']', end - 1) - 1))));
        }
        yield end;
      }
      case "temp", "ignore", "include", "rcdata" -> skipTo(SECTION_END, at + 3);
      default -> -1;
    };
  }

  /** Where the tag that begins here ends, having opened it; -1 if it does not end. */
  private int startTag() {
    Matcher matcher = TAG_NAME.matcher(html).region(at + 1, html.length());
    matcher.lookingAt();
    int i = afterAttributes(matcher.end());
    if (i == html.length() || html.charAt(i) == '/' && !html.startsWith("/>", i) || html.charAt(i) == '=' || isAsciiLetter(html.charAt(i))) {
      return -1;
    }
    boolean closed = html.startsWith("/>", i);
    if (html.charAt(i) != '>' && !closed) {
      run.append(html, at, i);
      return i;
    }
    openTag(matcher.group().toLowerCase(Locale.ROOT), closed);
    return closed ? i + 2 : i + 1;
  }

  /** Past names, values in quotes or bare, and the white space and slashes between. */
  private int afterAttributes(int i) {
    while (true) {
      int start = i;
      i = afterSpaces(i, true);
      boolean separated = i > start || "'\" \t\n\r\f/".indexOf(html.charAt(i - 1)) >= 0;
      if (i == html.length() || !separated || html.charAt(i) == '>' || html.charAt(i) == '/') {
        return i;
      }
      i++;
      while (i < html.length() && !isSpace(i) && "/=>".indexOf(html.charAt(i)) < 0) {
        i++;
      }
      i = afterValue(i);
    }
  }

  private int afterValue(int name) {
    int i = afterSpaces(name, false);
    int equals = i;
    while (i < html.length() && html.charAt(i) == '=') {
      i++;
    }
    if (i == equals) {
      return name;
    }
    i = afterSpaces(i, false);
    if (i < html.length() && (html.charAt(i) == '"' || html.charAt(i) == '\'')) {
      int close = html.indexOf(html.charAt(i), i + 1);
      return close < 0 ? name : close + 1;
    }
    while (i < html.length() && !isSpace(i) && html.charAt(i) != '>') {
      i++;
    }
    return i;
  }

  private int afterSpaces(int i, boolean slashes) {
    while (i < html.length() && (isSpace(i) || slashes && html.charAt(i) == '/' && !html.startsWith("/>", i))) {
      i++;
    }
    return i;
  }

  private void openTag(String name, boolean closed) {
    endRun();
    boolean empty = EMPTY_ELEMENTS.contains(name);
    if (closed || empty) {
      if (!closed) {
        closedAlready.add(name);
      }
    } else {
      open.push(name);
      raw = RAW.contains(name) ? name : null;
    }
  }

  private int endTag() {
    int end = html.indexOf('>', at + 1) + 1;
    if (end == 0) {
      return -1;
    }
    Matcher name = Pattern.compile("</\\s*([a-zA-Z][-.a-zA-Z0-9:_]*)\\s*>").matcher(html).region(at, html.length());
    if (name.lookingAt()) {
      closeTag(name.group(1).toLowerCase(Locale.ROOT));
      raw = null;
      return end;
    }
    Matcher tolerant = TAG_NAME.matcher(html).region(at + 2, html.length());
    if (tolerant.lookingAt()) {
      closeTag(tolerant.group().toLowerCase(Locale.ROOT));
      return html.indexOf('>', tolerant.end()) + 1;
    }
    return html.startsWith("</>", at) ? end : skipPast('>', at + 2);
  }

  private void closeTag(String name) {
    if (closedAlready.remove(name)) {
      return;
    }
    endRun();
    if (open.contains(name)) {
      while (!open.pop().equals(name)) {
        // the tags inside it end with it
      }
    }
  }

  /** At "&amp;". False as {@link #markup}. */
  private boolean reference(boolean last) {
    Matcher numeric = NUMERIC.matcher(html).region(at, html.length());
    Matcher named = NAMED.matcher(html).region(at, html.length());
    if (numeric.lookingAt()) {
      run.append(character(numeric.group(1)));
      at = numeric.group(2).equals(";") ? numeric.end() : numeric.start(2);
      return true;
    }
    if (html.startsWith("&#", at)) {
      if (html.indexOf(';', at) >= 0) {
        run.append("&#");
        at += 2;
      }
      return false;
    }
    if (named.lookingAt()) {
      String text = HtmlText.named(named.group(1));
      run.append(text == null ? "&" + named.group(1) : text);
      at = named.group(2).equals(";") ? named.end() : named.start(2);
      return true;
    }
    if (at + 1 == html.length()) {
      return false;
    }
    if (isAsciiLetter(html.charAt(at + 1))) {
      at += last && at + 2 == html.length() ? 1 : 0;
      return false;
    }
    run.append('&');
    at++;
    return true;
  }

  private static String character(String number) {
    boolean hex = Character.toLowerCase(number.charAt(0)) == 'x';
    String digits = (hex ? number.substring(1) : number).replaceFirst("^0+(?=.)", "");
    int c = digits.length() > 7 ? Integer.MAX_VALUE : Integer.parseInt(digits, hex ? 16 : 10);
    if (c == 0 || c > Character.MAX_CODE_POINT || c >= 0xD800 && c <= 0xDFFF) {
      return "\uFFFD";
    }
    String windows = c >= 0x80 && c <= 0x9F ? new String(new byte[] {(byte) c}, Charset.forName("windows-1252")) : "\uFFFD";
    return windows.equals("\uFFFD") ? Character.toString(c) : windows;
  }

  private void endRun() {
    if (!run.isEmpty() && open.stream().noneMatch(NO_TEXT::contains)) {
      out.append(collapse(run.toString()));
    }
    run.setLength(0);
  }

  /** Nothing but white space between two tags counts as one character. */
  private String collapse(String text) {
    boolean blank = text.chars().allMatch(c -> " \t\n\r\f".indexOf(c) >= 0) && open.stream().noneMatch(KEEP_SPACES::contains);
    return !blank ? text : text.indexOf('\n') >= 0 ? "\n" : " ";
  }

  private boolean isSpace(int i) {
    return PythonText.isSpace(html.charAt(i));
  }

  private static boolean isAsciiLetter(char c) {
    return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z';
  }
}

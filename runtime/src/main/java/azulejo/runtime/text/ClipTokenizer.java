package azulejo.runtime.text;

import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/**
 * CLIP's byte-pair tokenizer from a folder in the Hugging Face layout: {@code vocab.json}, {@code merges.txt} and, both optional,
 * {@code tokenizer_config.json} and {@code special_tokens_map.json}.
 *
 * <p>Sources: transformers {@code CLIPTokenizer} (the slow one) and openai/CLIP {@code simple_tokenizer.py}. They split and merge alike and
 * differ in how they clean a text first, which {@link Cleaning} chooses. Both are meant as they run without the package ftfy, whose repair
 * of garbled text is not reproduced.
 */
public final class ClipTokenizer {
  /** What happens to a text before it is split into words. */
  public enum Cleaning {
    /**
     * transformers without ftfy, which the official image pipelines run: special tokens keep their meaning, characters of category C* vanish, CJK
     * ideographs stand alone, NFC, lower case by word.
     */
    TRANSFORMERS,
    /** openai/CLIP without ftfy: HTML entities are decoded twice, lower case. */
    OPENAI
  }

  private static final String START = "<|startoftext|>";
  private static final String END = "<|endoftext|>";
  private static final List<String> WHOLE_WORDS = List.of(START, END, "'s", "'t", "'re", "'ve", "'m", "'ll", "'d");
  private static final int CLIP_LENGTH = 77;

  private final BytePairs pairs;
  private final Cleaning cleaning;
  /** Special tokens that a text may hold, the longest first. */
  private final List<String> specials;
  private final Map<String, Integer> ids;
  private final int bos;
  private final int eos;
  private final int pad;
  private final int unknown;
  private final int maxLength;

  private ClipTokenizer(BytePairs pairs, Cleaning cleaning, Specials specials, int maxLength) {
    this.pairs = pairs;
    this.cleaning = cleaning;
    this.specials = specials.ids.keySet().stream().sorted(Comparator.comparingInt(String::length).reversed()).toList();
    this.ids = specials.ids;
    this.bos = ids.get(specials.bos);
    this.eos = ids.get(specials.eos);
    this.pad = ids.get(specials.pad);
    this.unknown = ids.get(specials.unknown);
    this.maxLength = maxLength;
  }

  /** The tokenizer as transformers cleans. @throws CheckpointException as {@link #read(Path, Cleaning)} */
  public static ClipTokenizer read(Path folder) {
    return read(folder, Cleaning.TRANSFORMERS);
  }

  /** @throws CheckpointException naming the file that is missing, broken, or does not fit the vocabulary */
  public static ClipTokenizer read(Path folder, Cleaning cleaning) {
    Path vocabulary = folder.resolve("vocab.json");
    BytePairs pairs = BytePairs.read(vocabulary, folder.resolve("merges.txt"));
    Settings config = Settings.read(folder.resolve("tokenizer_config.json"));
    Specials specials = new Specials(vocabulary, pairs.ids(), Settings.read(folder.resolve("special_tokens_map.json")), config);
    return new ClipTokenizer(pairs, cleaning, specials, maxLength(config.json));
  }

  /** Published files write "no limit" as 1e30. */
  private static int maxLength(JsonNode config) {
    JsonNode length = config.path("model_max_length");
    return length.isIntegralNumber() && length.canConvertToInt() && length.intValue() >= 2 ? length.intValue() : CLIP_LENGTH;
  }

  /** A JSON file, empty where there is none. */
  private record Settings(Path file, JsonNode json) {
    static Settings read(Path file) {
      return new Settings(file, Files.exists(file) ? Json.object(file) : JsonNodeFactory.instance.objectNode());
    }

    Optional<String> token(String key) {
      return json.hasNonNull(key) ? Optional.of(content(key, json.get(key))) : Optional.empty();
    }

    /** A token is written as its text or as an object that holds it. */
    String content(String key, JsonNode token) {
      JsonNode text = token.isObject() ? token.path("content") : token;
      if (!text.isString() || text.stringValue().isEmpty()) {
        throw new CheckpointException(file + ": field \"" + key + "\" holds " + token + ", which is not a token");
      }
      return text.stringValue();
    }
  }

  /** The special tokens with their ids: the map's entries win over the configuration's, and those over CLIP's own. */
  private static final class Specials {
    final Map<String, Integer> ids = new HashMap<>();
    final String bos;
    final String eos;
    final String pad;
    final String unknown;

    Specials(Path vocabularyFile, Map<String, Integer> vocabulary, Settings map, Settings config) {
      bos = token("bos_token", map, config, START);
      eos = token("eos_token", map, config, END);
      pad = token("pad_token", map, config, END);
      unknown = token("unk_token", map, config, END);
      config.json.path("added_tokens_decoder").properties().forEach(added -> {
        if (added.getKey().matches("\\d{1,9}")) {
          ids.put(config.content("added_tokens_decoder", added.getValue()), Integer.valueOf(added.getKey()));
        }
      });
      for (String token : List.of(bos, eos, pad, unknown)) {
        Integer id = ids.getOrDefault(token, vocabulary.get(token));
        if (id == null) {
          throw new CheckpointException(vocabularyFile + " lacks the special token \"" + token + "\"");
        }
        ids.put(token, id);
      }
    }

    private static String token(String key, Settings map, Settings config, String absent) {
      return map.token(key).or(() -> config.token(key)).orElse(absent);
    }
  }

  /** The folder's {@code model_max_length}, start and end token included; 77 where it gives none. */
  public int maxLength() {
    return maxLength;
  }

  /** One more than the highest id: what a text encoder must embed. */
  public int size() {
    return 1 + Stream.concat(pairs.ids().values().stream(), ids.values().stream()).mapToInt(Integer::intValue).max().orElseThrow();
  }

  public int bos() {
    return bos;
  }

  public int eos() {
    return eos;
  }

  public int pad() {
    return pad;
  }

  /**
   * Start token, the text's tokens, end token, padding; a text that is too long loses tokens at its end.
   *
   * @param length at least 2
   */
  public Encoding encode(String text, int length) {
    int[] tokens = tokenize(text);
    int kept = Math.min(tokens.length, length - 2);
    int[] out = new int[length];
    out[0] = bos;
    System.arraycopy(tokens, 0, out, 1, kept);
    out[kept + 1] = eos;
    Arrays.fill(out, kept + 2, length, pad);
    return new Encoding(out, kept + 2, decode(Arrays.copyOfRange(tokens, kept, tokens.length)).strip());
  }

  /** As {@link #encode}, but a text that is too long makes more than {@code length} tokens: for a pipeline that cuts them itself, the end token with them. */
  public int[] encodeUncut(String text, int length) {
    return encode(text, Math.max(length, tokenize(text).length + 2)).ids();
  }

  /** The text's tokens alone. */
  public int[] tokenize(String text) {
    return switch (cleaning) {
      case TRANSFORMERS -> splitAtSpecials(text);
      case OPENAI -> words(cleanAsOpenAi(text)).flatMapToInt(this::idsOf).toArray();
    };
  }

  /** The text that tokens spell, a space after each word. */
  public String decode(int[] tokens) {
    return pairs.decode(Arrays.stream(tokens));
  }

  private int[] splitAtSpecials(String text) {
    IntStream.Builder out = IntStream.builder();
    int start = 0;
    for (int i = 0; i <= text.length(); ) {
      String special = specialAt(text, i);
      if (special == null && i < text.length()) {
        i++;
        continue;
      }
      words(cleanAsTransformers(text.substring(start, i))).flatMapToInt(this::idsOf).forEach(out::add);
      if (special == null) {
        break;
      }
      out.add(ids.get(special));
      i += special.length();
      start = i;
    }
    return out.build().toArray();
  }

  private String specialAt(String text, int i) {
    return specials.stream().filter(special -> text.startsWith(special, i)).findFirst().orElse(null);
  }

  private static String cleanAsTransformers(String text) {
    StringBuilder out = new StringBuilder(text.length());
    text.codePoints().forEach(c -> {
      if (c == '\t' || c == '\n' || c == '\r' || PythonText.isSpaceSeparator(c)) {
        out.append(' ');
      } else if (PythonText.isOther(c) || c == 0xFFFD) {
        return;
      } else if (isIdeograph(c)) {
        out.append(' ').appendCodePoint(c).append(' ');
      } else {
        out.appendCodePoint(c);
      }
    });
    List<String> words = PythonText.split(Normalizer.normalize(out, Normalizer.Form.NFC));
    return String.join(" ", words.stream().map(PythonText::lower).toList());
  }

  /** BERT's notion of a Chinese character, by blocks. */
  private static boolean isIdeograph(int c) {
    return c >= 0x4E00 && c <= 0x9FFF || c >= 0x3400 && c <= 0x4DBF || c >= 0x20000 && c <= 0x2A6DF || c >= 0x2A700 && c <= 0x2CEAF
        || c >= 0xF900 && c <= 0xFAFF || c >= 0x2F800 && c <= 0x2FA1F;
  }

  private static String cleanAsOpenAi(String text) {
    return PythonText.lower(PythonText.strip(HtmlText.unescape(HtmlText.unescape(text))));
  }

  /**
   * Splits into special tokens, English contractions, runs of letters, single digits and runs of other characters. The official expression
   * ignores case, so a long s counts as an s and the iota below (U+0345), which is a letter in upper case only, belongs to no word.
   */
  private static Stream<String> words(String text) {
    List<String> words = new ArrayList<>();
    for (int i = 0; i < text.length(); ) {
      int end = i;
      String whole = wholeWordAt(text, i);
      if (whole != null) {
        end = i + whole.length();
      } else if (PythonText.isNumber(text.codePointAt(i))) {
        end = i + Character.charCount(text.codePointAt(i));
      } else if (PythonText.isLetter(text.codePointAt(i))) {
        while (end < text.length() && PythonText.isLetter(text.codePointAt(end))) {
          end += Character.charCount(text.codePointAt(end));
        }
      } else {
        while (end < text.length() && isSymbol(text.codePointAt(end))) {
          end += Character.charCount(text.codePointAt(end));
        }
      }
      if (end > i) {
        words.add(text.substring(i, end));
        i = end;
      } else {
        i++;
      }
    }
    return words.stream();
  }

  private static String wholeWordAt(String text, int i) {
    for (String word : WHOLE_WORDS) {
      if (text.regionMatches(true, i, word, 0, word.length())) {
        return word;
      }
    }
    return null;
  }

  private static boolean isSymbol(int c) {
    boolean space = PythonText.isSpace(c) && !(c >= 0x1C && c <= 0x1F);
    return !space && c != 0x345 && !PythonText.isLetter(c) && !PythonText.isNumber(c);
  }

  private IntStream idsOf(String word) {
    if (word.equals(START) || word.equals(END)) {
      return IntStream.of(pairs.ids().getOrDefault(word, unknown));
    }
    return Arrays.stream(pairs.encode(word)).map(id -> id < 0 ? unknown : id);
  }
}

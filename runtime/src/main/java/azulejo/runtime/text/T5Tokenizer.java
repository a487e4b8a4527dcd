package azulejo.runtime.text;

import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.Json;
import azulejo.runtime.text.Unigram.Piece;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/**
 * T5's unigram tokenizer from a folder in the Hugging Face layout: {@code tokenizer.json}, or {@code spiece.model} where that is missing, and
 * {@code tokenizer_config.json}, which is optional.
 *
 * <p>A text is cut at special tokens, the rest is normalised and split at white space, and each word, marked at its front, is cut into pieces.
 *
 * <p>Source: transformers {@code T5TokenizerFast}, which the official pipelines load; where it and the slow tokenizer differ, this follows the fast one.
 */
public final class T5Tokenizer {
  private static final String WORD_START = "\u2581";
  private static final String PAD = "<pad>";
  private static final String END = "</s>";
  private static final String UNKNOWN = "<unk>";
  private static final int EXTRA_IDS = 100;
  private static final int MAX_EXTRA_IDS = 10_000;
  private static final int T5_LENGTH = 512;
  private static final Pattern SPACES = Pattern.compile("\\p{IsWhite_Space}+");

  private final Unigram unigram;
  /** Null where texts are taken as they are. */
  private final Charsmap charsmap;
  private final Map<String, Integer> specials;
  /** The longest first. */
  private final List<String> specialTexts;
  private final int pad;
  private final int eos;
  private final int maxLength;

  private T5Tokenizer(Unigram unigram, Charsmap charsmap, Map<String, Integer> specials, int maxLength) {
    this.unigram = unigram;
    this.charsmap = charsmap;
    this.specials = specials;
    this.specialTexts = specials.keySet().stream().sorted(Comparator.comparingInt(String::length).reversed()).toList();
    this.pad = specials.get(PAD);
    this.eos = specials.get(END);
    this.maxLength = maxLength;
  }

  /** @throws CheckpointException naming the file that is missing or broken */
  public static T5Tokenizer read(Path folder) {
    Path configFile = folder.resolve("tokenizer_config.json");
    JsonNode config = Files.exists(configFile) ? Json.object(configFile) : JsonNodeFactory.instance.objectNode();
    Path json = folder.resolve("tokenizer.json");
    return Files.exists(json) ? readJson(json, config) : readSentencePiece(folder.resolve("spiece.model"), config);
  }

  private static T5Tokenizer readSentencePiece(Path file, JsonNode config) {
    SentencePieceModel model = SentencePieceModel.read(file);
    Map<String, Integer> specials = new HashMap<>();
    for (String token : List.of(PAD, END, UNKNOWN)) {
      int id = model.pieces().indexOf(token);
      if (id >= 0) {
        specials.put(token, id);
      }
    }
    int extra = isIndex(config.path("extra_ids")) ? Math.min(config.path("extra_ids").intValue(), MAX_EXTRA_IDS) : EXTRA_IDS;
    for (int i = 0; i < extra; i++) {
      specials.put("<extra_id_" + i + ">", model.pieces().size() + extra - 1 - i);
    }
    return make(file, model.pieces(), model.scores(), model.unknown(), model.charsmap(), specials, config);
  }

  private static T5Tokenizer readJson(Path file, JsonNode config) {
    JsonNode root = Json.object(file);
    JsonNode model = root.path("model");
    if (!model.path("type").asString("").equals("Unigram") || model.path("byte_fallback").asBoolean(false)) {
      throw new CheckpointException(file + " is not T5's kind of tokenizer: its model must be of type Unigram, without byte_fallback");
    }
    List<String> pieces = new ArrayList<>();
    double[] scores = new double[model.path("vocab").size()];
    for (JsonNode piece : model.path("vocab")) {
      if (!piece.path(0).isString() || piece.path(0).stringValue().isEmpty() || !piece.path(1).isNumber() || !Double.isFinite(piece.path(1).doubleValue())) {
        throw new CheckpointException(file + ": piece " + pieces.size() + " of its vocab is not a text with a finite score");
      }
      scores[pieces.size()] = piece.path(1).doubleValue();
      pieces.add(piece.path(0).stringValue());
    }
    Map<String, Integer> specials = new HashMap<>();
    for (JsonNode token : root.path("added_tokens")) {
      if (!token.path("content").isString() || token.path("content").stringValue().isEmpty() || !isIndex(token.path("id"))) {
        throw new CheckpointException(file + ": one of its added_tokens has no content or no id");
      }
      specials.put(token.path("content").stringValue(), token.path("id").intValue());
    }
    JsonNode unknown = model.path("unk_id");
    if (!isIndex(unknown) || unknown.intValue() >= scores.length) {
      throw new CheckpointException(file + ": its unk_id is no piece of its vocab");
    }
    return make(file, pieces, scores, unknown.intValue(), charsmap(file, root.path("normalizer")), specials, config);
  }

  private static boolean isIndex(JsonNode id) {
    return id.isIntegralNumber() && id.canConvertToInt() && id.intValue() >= 0;
  }

  /** The normaliser is the table alone, or a sequence with it. */
  private static byte[] charsmap(Path file, JsonNode normalizer) {
    for (JsonNode part : normalizer.path("normalizers")) {
      byte[] charsmap = charsmap(file, part);
      if (charsmap.length > 0) {
        return charsmap;
      }
    }
    if (!normalizer.path("type").asString("").equals("Precompiled")) {
      return new byte[0];
    }
    try {
      return Base64.getDecoder().decode(normalizer.path("precompiled_charsmap").asString(""));
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(file + ": its precompiled_charsmap is not base64: " + e.getMessage(), e);
    }
  }

  private static T5Tokenizer make(Path file, List<String> pieces, double[] scores, int unknown, byte[] charsmap, Map<String, Integer> specials, JsonNode config) {
    for (String token : List.of(PAD, END)) {
      if (!specials.containsKey(token)) {
        throw new CheckpointException(file + " lacks the special token \"" + token + "\", so it is not a T5 tokenizer");
      }
    }
    try {
      return new T5Tokenizer(new Unigram(pieces, scores, unknown), charsmap.length == 0 ? null : new Charsmap(charsmap), specials, maxLength(config));
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(file + " is broken: " + e.getMessage(), e);
    }
  }

  private static int maxLength(JsonNode config) {
    JsonNode length = config.path("model_max_length");
    return isIndex(length) && length.intValue() > 0 ? length.intValue() : T5_LENGTH;
  }

  /** The folder's {@code model_max_length}, end token included; 512 where it gives none. */
  public int maxLength() {
    return maxLength;
  }

  /** One more than the highest id: what a text encoder must embed. */
  public int size() {
    return Math.max(unigram.size(), specials.values().stream().mapToInt(id -> id + 1).max().orElse(0));
  }

  public int pad() {
    return pad;
  }

  public int eos() {
    return eos;
  }

  /**
   * The text's tokens, end token, padding; a text that is too long loses tokens at its end.
   *
   * @param length at least 1
   */
  public Encoding encode(String text, int length) {
    List<Piece> pieces = pieces(text);
    int kept = Math.min(pieces.size(), length - 1);
    int[] ids = new int[length];
    Arrays.fill(ids, pad);
    for (int i = 0; i < kept; i++) {
      ids[i] = pieces.get(i).id();
    }
    ids[kept] = eos;
    String cut = pieces.subList(kept, pieces.size()).stream().map(Piece::text).collect(Collectors.joining());
    return new Encoding(ids, kept + 1, cut.replace(WORD_START, " ").strip());
  }

  /** The text's tokens alone. */
  public int[] tokenize(String text) {
    return pieces(text).stream().mapToInt(Piece::id).toArray();
  }

  private List<Piece> pieces(String text) {
    List<Piece> out = new ArrayList<>();
    int start = 0;
    for (int i = 0; i < text.length(); ) {
      String special = specialAt(text, i);
      if (special == null) {
        i++;
      } else {
        addWords(text.substring(start, i), out);
        out.add(new Piece(specials.get(special), special));
        i += special.length();
        start = i;
      }
    }
    addWords(text.substring(start), out);
    return out;
  }

  private String specialAt(String text, int i) {
    return specialTexts.stream().filter(special -> text.startsWith(special, i)).findFirst().orElse(null);
  }

  private void addWords(String text, List<Piece> out) {
    for (String word : SPACES.split(charsmap == null ? text : charsmap.normalize(text))) {
      if (!word.isEmpty()) {
        out.addAll(unigram.encode(word.startsWith(WORD_START) ? word : WORD_START + word));
      }
    }
  }
}

package azulejo.runtime.text;

import azulejo.runtime.AzulejoException;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;

/**
 * Byte-pair encoding over UTF-8 (Sennrich et al., arXiv 1508.07909) with GPT-2's alphabet, in which every byte is a printable character, and CLIP's
 * mark {@code </w>} on the last symbol of a word.
 */
final class BytePairs {
  private static final String END_OF_WORD = "</w>";
  /** CLIP's vocabulary is 2 * 256 byte symbols, one token a merge and 2 special tokens, 49408 in all; the official reader takes no more merges. */
  private static final int MAX_MERGES = 49408 - 2 * 256 - 2;
  private static final char[] BYTE_SYMBOLS = byteSymbols();

  private final Map<String, Integer> ids;
  private final Map<Integer, String> tokens;
  /** (left id, right id) to (rank, id of the two joined), each pair packed into a long. */
  private final Map<Long, Long> merges;

  private BytePairs(Map<String, Integer> ids, Map<Integer, String> tokens, Map<Long, Long> merges) {
    this.ids = ids;
    this.tokens = tokens;
    this.merges = merges;
  }

  /**
   * @param vocabulary {@code vocab.json}, an object from token to id
   * @param merges {@code merges.txt}, a heading line and then one pair a line, the most frequent first
   * @throws CheckpointException when a file is missing or broken, or a merge has a part or a result that is no token
   */
  static BytePairs read(Path vocabulary, Path merges) {
    Map<String, Integer> ids = new HashMap<>();
    Map<Integer, String> tokens = new HashMap<>();
    for (Map.Entry<String, JsonNode> entry : Json.object(vocabulary).properties()) {
      JsonNode id = entry.getValue();
      if (!id.isIntegralNumber() || !id.canConvertToInt() || id.intValue() < 0) {
        throw new CheckpointException(vocabulary + ": token \"" + entry.getKey() + "\" has the id " + id + ", which is not an index");
      }
      ids.put(entry.getKey(), id.intValue());
      String other = tokens.put(id.intValue(), entry.getKey());
      if (other != null) {
        throw new CheckpointException(vocabulary + ": tokens \"" + other + "\" and \"" + entry.getKey() + "\" have the same id " + id);
      }
    }
    return new BytePairs(ids, tokens, readMerges(merges, ids));
  }

  private static Map<Long, Long> readMerges(Path file, Map<String, Integer> ids) {
    List<String> lines;
    try {
      lines = Files.readString(file).strip().lines().skip(1).limit(MAX_MERGES).toList();
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + file + " as UTF-8 text: " + AzulejoException.reason(e), e);
    }
    Map<Long, Long> merges = new HashMap<>();
    for (int rank = 0; rank < lines.size(); rank++) {
      String[] parts = lines.get(rank).split(" ");
      if (parts.length != 2) {
        throw new CheckpointException(file + ": line " + (rank + 2) + " is not a pair of symbols: \"" + lines.get(rank) + "\"");
      }
      Integer left = ids.get(parts[0]);
      Integer right = ids.get(parts[1]);
      Integer joined = ids.get(parts[0] + parts[1]);
      if (left == null || right == null || joined == null) {
        String unknown = left == null ? parts[0] : right == null ? parts[1] : parts[0] + parts[1];
        throw new CheckpointException(file + ": line " + (rank + 2) + " needs the token \"" + unknown
            + "\", which the vocabulary lacks; the two files are not from one checkpoint");
      }
      merges.put(pack(left, right), pack(rank, joined));
    }
    return merges;
  }

  private static long pack(int high, int low) {
    return (long) high << 32 | low;
  }

  Map<String, Integer> ids() {
    return ids;
  }

  /** The ids of a word's tokens; -1 for a byte that the vocabulary lacks. */
  int[] encode(String word) {
    byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
    int[] symbols = new int[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      String symbol = String.valueOf(BYTE_SYMBOLS[bytes[i] & 0xFF]);
      symbols[i] = ids.getOrDefault(i == bytes.length - 1 ? symbol + END_OF_WORD : symbol, -1);
    }
    int length = bytes.length;
    while (true) {
      long best = Long.MAX_VALUE;
      long pair = 0;
      for (int i = 0; i + 1 < length; i++) {
        Long merge = merges.get(pack(symbols[i], symbols[i + 1]));
        if (merge != null && merge < best) {
          best = merge;
          pair = pack(symbols[i], symbols[i + 1]);
        }
      }
      if (best == Long.MAX_VALUE) {
        return Arrays.copyOf(symbols, length);
      }
      int kept = 0;
      for (int i = 0; i < length; i++) {
        boolean joins = i + 1 < length && pack(symbols[i], symbols[i + 1]) == pair;
        symbols[kept++] = joins ? (int) best : symbols[i];
        i += joins ? 1 : 0;
      }
      length = kept;
    }
  }

  /** The text of tokens, a space after each word; what is not UTF-8 becomes U+FFFD. */
  String decode(IntStream ids) {
    String symbols = String.join("", ids.mapToObj(id -> tokens.getOrDefault(id, "")).toList());
    byte[] bytes = new byte[symbols.length()];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = byteOf(symbols.charAt(i));
    }
    return new String(bytes, StandardCharsets.UTF_8).replace(END_OF_WORD, " ");
  }

  private static byte byteOf(char symbol) {
    for (int b = 0; b < 256; b++) {
      if (BYTE_SYMBOLS[b] == symbol) {
        return (byte) b;
      }
    }
    return '?';
  }

  /** Latin-1's visible characters stand for themselves; the other bytes, in order, for the characters from U+0100. */
  private static char[] byteSymbols() {
    char[] symbols = new char[256];
    char next = 256;
    for (char b = 0; b < 256; b++) {
      boolean visible = b >= '!' && b <= '~' || b >= '\u00A1' && b <= '\u00FF' && b != '\u00AD';
      symbols[b] = visible ? b : next++;
    }
    return symbols;
  }
}

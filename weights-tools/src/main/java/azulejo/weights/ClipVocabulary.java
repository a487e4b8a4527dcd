package azulejo.weights;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.zip.GZIPInputStream;

/**
 * The two files of CLIP's byte-pair tokenizer. Its vocabulary follows from its merges: 256 bytes, the same at a word's end, one token a merge, two specials.
 *
 * <p>Source: https://github.com/openai/CLIP, {@code clip/simple_tokenizer.py}.
 */
record ClipVocabulary(List<String> merges) {
  private static final int BYTES = 256;
  private static final List<String> SPECIALS = List.of("<|startoftext|>", "<|endoftext|>");

  /** CLIP's own vocabulary, or one with its first merges only: {@code size} tokens, from 514 to 49408. */
  static ClipVocabulary ofSize(int size) {
    List<String> lines;
    try (InputStream in = new GZIPInputStream(ClipVocabulary.class.getResourceAsStream("clip-merges.txt.gz"))) {
      lines = new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().skip(1).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new ClipVocabulary(lines.subList(0, size - 2 * BYTES - SPECIALS.size()));
  }

  byte[] mergesTxt() {
    return ("#version: 0.2\n" + String.join("\n", merges) + "\n").getBytes(StandardCharsets.UTF_8);
  }

  /** Compact ASCII, as Python's json module writes it. */
  byte[] vocabJson() {
    List<String> tokens = tokens();
    StringBuilder json = new StringBuilder("{");
    for (int i = 0; i < tokens.size(); i++) {
      json.append(i == 0 ? "\"" : ",\"");
      tokens.get(i).chars().forEach(c -> {
        switch (c) {
          case '"', '\\' -> json.append('\\').append((char) c);
          default -> json.append(c < 0x7F ? Character.toString(c) : "\\u%04x".formatted(c));
        }
      });
      json.append("\":").append(i);
    }
    return json.append('}').toString().getBytes(StandardCharsets.US_ASCII);
  }

  List<String> tokens() {
    List<String> tokens = new ArrayList<>(byteLetters());
    byteLetters().forEach(letter -> tokens.add(letter + "</w>"));
    merges.forEach(merge -> tokens.add(merge.replace(" ", "")));
    tokens.addAll(SPECIALS);
    return tokens;
  }

  /** A visible letter for each byte: the printable ones of Latin-1 stand for themselves and come first, the others for letters from 256 on. */
  private static List<String> byteLetters() {
    List<Integer> letters = new ArrayList<>();
    IntStream.rangeClosed('!', '~').forEach(letters::add);
    IntStream.rangeClosed(0xA1, 0xAC).forEach(letters::add);
    IntStream.rangeClosed(0xAE, 0xFF).forEach(letters::add);
    int printable = letters.size();
    IntStream.range(0, BYTES - printable).forEach(i -> letters.add(BYTES + i));
    return letters.stream().map(Character::toString).toList();
  }
}

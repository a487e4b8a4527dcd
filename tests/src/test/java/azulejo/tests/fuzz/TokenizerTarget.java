package azulejo.tests.fuzz;

import azulejo.runtime.text.ClipTokenizer;
import azulejo.runtime.text.T5Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * After the byte that chooses, the input is a CLIP tokenizer's files (vocab.json, merges.txt, tokenizer_config.json, special_tokens_map.json, with a byte
 * 0xFF, which no text has, between them), or T5's tokenizer.json and tokenizer_config.json, or spiece.model. A tokenizer that is read then cuts a few texts.
 */
public final class TokenizerTarget {
  private static final byte SEPARATOR = (byte) 0xFF;
  private static final List<String> CLIP = List.of("vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json");
  private static final List<String> T5 = List.of("tokenizer.json", "tokenizer_config.json");
  private static final List<String> TEXTS = List.of("", "a large red star", "<pad></s> <|endoftext|>a\u00e9\u4e2d\ud83d\ude00\ud800 \u00a0b'll 12 <extra_id_0>");

  private TokenizerTarget() {}

  public static void fuzzerTestOneInput(byte[] input) {
    byte[] bytes = Scratch.rest(input);
    try (Scratch scratch = new Scratch()) {
      switch (Scratch.choice(input, 3)) {
        case 0 -> {
          writeAll(scratch, CLIP, bytes);
          scratch.readOrRefuse(() -> {
            for (ClipTokenizer.Cleaning cleaning : ClipTokenizer.Cleaning.values()) {
              ClipTokenizer tokenizer = ClipTokenizer.read(scratch.dir(), cleaning);
              TEXTS.forEach(text -> tokenizer.encode(text, Math.clamp(tokenizer.maxLength(), 2, 100)));
              tokenizer.size();
            }
          });
        }
        case 1 -> {
          writeAll(scratch, T5, bytes);
          scratch.readOrRefuse(() -> cut(T5Tokenizer.read(scratch.dir())));
        }
        default -> {
          scratch.write("spiece.model", bytes);
          scratch.write("tokenizer_config.json", "{\"extra_ids\": 2}".getBytes(StandardCharsets.UTF_8));
          scratch.readOrRefuse(() -> cut(T5Tokenizer.read(scratch.dir())));
        }
      }
    }
  }

  private static void cut(T5Tokenizer tokenizer) {
    TEXTS.forEach(tokenizer::tokenize);
    tokenizer.size();
  }

  private static void writeAll(Scratch scratch, List<String> names, byte[] bytes) {
    List<byte[]> parts = new ArrayList<>();
    int start = 0;
    for (int i = 0; i <= bytes.length; i++) {
      if (i == bytes.length || bytes[i] == SEPARATOR && parts.size() < names.size() - 1) {
        parts.add(Arrays.copyOfRange(bytes, start, i));
        start = i + 1;
      }
    }
    for (int i = 0; i < parts.size(); i++) {
      scratch.write(names.get(i), parts.get(i));
    }
  }
}

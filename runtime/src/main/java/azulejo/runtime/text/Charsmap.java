package azulejo.runtime.text;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.text.BreakIterator;
import java.util.Locale;

/**
 * SentencePiece's precompiled normaliser: a table from character sequences to their replacements, in the published models NFKC with a few rules of its
 * authors. The bytes are a length, a double-array trie (darts-clone) of that length, and the replacements, each ended by a zero.
 *
 * <p>Sources: sentencepiece {@code builder.cc}, {@code normalizer.cc}; darts-clone {@code darts.h}; and for how a text is cut into the keys, which differs from
 * sentencepiece in rare characters, Hugging Face tokenizers {@code normalizers/precompiled.rs}, which the official pipelines run.
 */
final class Charsmap {
  /** Longer clusters of characters are looked up character by character. */
  private static final int MAX_CLUSTER_BYTES = 5;

  private final int[] trie;
  private final byte[] replacements;

  /** @throws IllegalArgumentException when the bytes do not have that form; the message says why */
  Charsmap(byte[] bytes) {
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    try {
      int trieBytes = in.getInt();
      if (trieBytes <= 0 || trieBytes % 4 != 0 || trieBytes > in.remaining()) {
        throw new IllegalArgumentException("a trie of " + trieBytes + " bytes does not fit its " + bytes.length + " bytes");
      }
      trie = new int[trieBytes / 4];
      in.asIntBuffer().get(trie);
      replacements = new byte[in.remaining() - trieBytes];
      in.position(in.position() + trieBytes).get(replacements);
    } catch (BufferUnderflowException e) {
      throw new IllegalArgumentException("it ends early", e);
    }
  }

  String normalize(String text) {
    StringBuilder out = new StringBuilder(text.length());
    BreakIterator clusters = BreakIterator.getCharacterInstance(Locale.ROOT);
    clusters.setText(text);
    for (int start = clusters.first(), end = clusters.next(); end != BreakIterator.DONE; start = end, end = clusters.next()) {
      String cluster = text.substring(start, end);
      String replacement = replacement(cluster);
      if (replacement != null) {
        out.append(replacement);
      } else {
        cluster.codePoints().mapToObj(Character::toString).forEach(c -> {
          String single = replacement(c);
          out.append(single == null ? c : single);
        });
      }
    }
    return out.toString();
  }

  /** What the shortest beginning of {@code key} in the table stands for, which then replaces the whole key; null if the table has none. */
  private String replacement(String key) {
    byte[] utf8 = key.getBytes(StandardCharsets.UTF_8);
    if (utf8.length > MAX_CLUSTER_BYTES) {
      return null;
    }
    int node = offset(trie[0]);
    for (byte b : utf8) {
      node ^= b & 0xFF;
      if (node >= trie.length || label(trie[node]) != (b & 0xFF)) {
        return null;
      }
      boolean isEntry = (trie[node] >>> 8 & 1) == 1;
      node ^= offset(trie[node]);
      if (isEntry) {
        return node < trie.length ? text(trie[node] & 0x7FFF_FFFF) : null;
      }
    }
    return null;
  }

  private String text(int start) {
    int end = start;
    while (end < replacements.length && replacements[end] != 0) {
      end++;
    }
    return start < end ? new String(replacements, start, end - start, StandardCharsets.UTF_8) : "";
  }

  private static int offset(int unit) {
    return unit >>> 10 << ((unit & 1 << 9) >>> 6);
  }

  /** A unit that holds a value has a sign bit, which no byte equals. */
  private static int label(int unit) {
    return unit & 0x8000_00FF;
  }
}

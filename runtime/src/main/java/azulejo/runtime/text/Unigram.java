package azulejo.runtime.text;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The unigram language model over pieces (Kudo, arXiv 1804.10959): a word is cut into the pieces whose log probabilities have the largest sum.
 *
 * <p>Source: Hugging Face tokenizers {@code models/unigram/model.rs}, {@code encode_optimized}.
 */
final class Unigram {
  /** An unknown character scores so much below the least likely piece. */
  private static final double UNKNOWN_PENALTY = 10;

  /** A token and the text that it stands for. */
  record Piece(int id, String text) {}

  private final Map<String, Integer> ids = new HashMap<>();
  private final double[] scores;
  private final int unknown;
  private final double unknownScore;
  private final int longest;

  /**
   * @param scores log probabilities, finite
   * @throws IllegalArgumentException when a piece occurs twice; the message says which
   */
  Unigram(List<String> pieces, double[] scores, int unknown) {
    this.scores = scores;
    this.unknown = unknown;
    int longest = 0;
    double least = Double.POSITIVE_INFINITY;
    for (int id = 0; id < scores.length; id++) {
      if (ids.put(pieces.get(id), id) != null) {
        throw new IllegalArgumentException("the piece \"" + pieces.get(id) + "\" occurs twice");
      }
      longest = Math.max(longest, pieces.get(id).length());
      least = Math.min(least, scores[id]);
    }
    this.longest = longest;
    this.unknownScore = least - UNKNOWN_PENALTY;
  }

  /** How many pieces there are. */
  int size() {
    return scores.length;
  }

  /** The pieces of a word; neighbouring unknown characters make one unknown piece. */
  List<Piece> encode(String word) {
    int n = word.length();
    double[] best = new double[n + 1];
    int[] from = new int[n + 1];
    int[] id = new int[n + 1];
    Arrays.fill(from, -1);
    for (int start = 0, next; start < n; start = next) {
      next = start + Character.charCount(word.codePointAt(start));
      boolean known = false;
      for (int end = next; end <= Math.min(n, start + longest); end++) {
        Integer piece = ids.get(word.substring(start, end));
        if (piece != null) {
          known |= end == next;
          extend(best, from, id, start, end, best[start] + scores[piece], piece);
        }
      }
      if (!known) {
        extend(best, from, id, start, next, best[start] + unknownScore, unknown);
      }
    }
    List<Piece> pieces = new ArrayList<>();
    for (int end = n; end > 0; ) {
      int start = from[end];
      while (id[end] == unknown && start > 0 && id[start] == unknown) {
        start = from[start];
      }
      pieces.add(new Piece(id[end], word.substring(start, end)));
      end = start;
    }
    return pieces.reversed();
  }

  private static void extend(double[] best, int[] from, int[] id, int start, int end, double score, int piece) {
    if (from[end] < 0 || score > best[end]) {
      best[end] = score;
      from[end] = start;
      id[end] = piece;
    }
  }
}

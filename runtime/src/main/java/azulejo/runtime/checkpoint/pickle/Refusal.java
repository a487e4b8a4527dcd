package azulejo.runtime.checkpoint.pickle;

/** Why a file is refused, as the rest of a sentence that begins with the file's name; {@link TorchFile} makes that sentence. */
final class Refusal extends RuntimeException {
  private static final int LONGEST_QUOTE = 80;

  Refusal(String reason) {
    super(reason, null, false, false);
  }

  /** A text out of the file, fit for a message: in quotes, short, and without control characters. */
  static String quote(String text) {
    String shown = text.length() > LONGEST_QUOTE ? text.substring(0, LONGEST_QUOTE) + "..." : text;
    return '"' + shown.replaceAll("[\\p{C}\\p{Zl}\\p{Zp}]", "?") + '"';
  }
}

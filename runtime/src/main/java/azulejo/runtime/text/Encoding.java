package azulejo.runtime.text;

/**
 * A text ready for a text encoder.
 *
 * @param ids as many as were asked for
 * @param length how many of them come before the padding
 * @param cut the end of the text that did not fit, as its tokens spell it; empty if all did
 */
public record Encoding(int[] ids, int length, String cut) {}

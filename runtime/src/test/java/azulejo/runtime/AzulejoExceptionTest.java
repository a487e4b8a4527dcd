package azulejo.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class AzulejoExceptionTest {
  /** A line break, an escape sequence that clears a terminal, half a surrogate pair and a mark that turns the writing direction. */
  @Test
  void whatAFileSaysCannotBreakTheLineOrCommandATerminal() {
    assertThat(new CheckpointException("tensor \"a\nb\u001b[2J\ud800\u202e\" of \u00e9t\u00e9 \ud83d\ude00")).hasMessage("tensor \"a?b?[2J??\" of \u00e9t\u00e9 \ud83d\ude00");
  }

  @Test
  void aVeryLongSentenceKeepsItsEnds() {
    String message = new OutputException("cannot write " + "x".repeat(1_000_000) + ": disk full").getMessage();
    assertThat(message).startsWith("cannot write xxx").endsWith("xxx: disk full").contains(" ... ").hasSizeLessThan(2000);
  }
}

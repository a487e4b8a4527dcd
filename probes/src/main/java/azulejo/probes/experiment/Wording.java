package azulejo.probes.experiment;

import java.util.Locale;

/** In which words a prompt is put to the model. */
public enum Wording {
  /** The prompt itself. */
  BASE,
  SHORT,
  MEDIUM,
  LONG,
  /** Short, medium and long paraphrases in turn. */
  MIXED;

  /** As files and options call it. */
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }
}

package azulejo.probes.experiment;

import java.util.Locale;

/**
 * One image of an experiment. With the experiment's configuration it is reproducible alone: its noise depends on the experiment's seed and its index, its words
 * on its prompt, its condition and its index, and on nothing else.
 *
 * @param index in the prompt's set, from 0
 */
public record Cell(Model model, Condition condition, PromptGroup prompt, int index) {
  /** The words that the model is given. */
  public String text() {
    return prompt.text(condition.wording(), index);
  }

  /** Unique in the experiment, and safe as a path below a folder. */
  public String path() {
    return model.name() + "/" + condition.name() + "/" + prompt.id() + "-" + String.format(Locale.ROOT, "%03d", index);
  }
}

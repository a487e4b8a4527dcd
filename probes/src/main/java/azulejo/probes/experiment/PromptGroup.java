package azulejo.probes.experiment;

import java.util.List;

/**
 * A prompt with its paraphrases.
 *
 * @param id unique in the experiment, part of file names
 * @param shorts paraphrases of each length; may be empty
 */
public record PromptGroup(String id, String text, List<String> shorts, List<String> mediums, List<String> longs) {
  public PromptGroup {
    shorts = List.copyOf(shorts);
    mediums = List.copyOf(mediums);
    longs = List.copyOf(longs);
  }

  /** What there is of a wording. */
  public boolean has(Wording wording) {
    return switch (wording) {
      case BASE -> true;
      case MIXED -> has(Wording.SHORT) && has(Wording.MEDIUM) && has(Wording.LONG);
      default -> !paraphrases(wording).isEmpty();
    };
  }

  /**
   * The words of image {@code index} of a set. Paraphrases are taken in turn; mixed ones also change their length from image to image, so that as many
   * different ones as there are come before any comes again.
   */
  public String text(Wording wording, int index) {
    Wording length = wording == Wording.MIXED ? Wording.values()[Wording.SHORT.ordinal() + index % 3] : wording;
    if (length == Wording.BASE) {
      return text;
    }
    List<String> paraphrases = paraphrases(length);
    int turn = wording == Wording.MIXED && paraphrases.size() % 3 == 0 ? index / 3 : index; // a step of 3 would miss some of 3, 6, 9, ...
    return paraphrases.get(turn % paraphrases.size());
  }

  private List<String> paraphrases(Wording length) {
    return switch (length) {
      case SHORT -> shorts;
      case MEDIUM -> mediums;
      case LONG -> longs;
      case BASE, MIXED -> throw new IllegalArgumentException(length + " is no length");
    };
  }
}

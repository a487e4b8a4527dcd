package azulejo.probes.stats;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * How a model resolves the conflict between compression and diversity, by {@link #classify a rule} on how far the three probes move its
 * diversity.
 *
 * @param label the strategy of most bootstrap replicates, or {@link Strategy#UNDECIDED} when fewer than {@link #AGREEMENT} of them agree
 * @param leading the strategy of most replicates, even when they do not agree
 * @param shares of the replicates, by strategy
 * @param subset change of diversity under the codebook subset, as a share of the baseline's diversity; likewise the other two
 */
public record Conclusion(
    Strategy label, Strategy leading, Map<Strategy, Double> shares, Estimate subset, Estimate argmax, Estimate paraphrase) {
  /**
   * A change below this share of the baseline's diversity is minor. The paper calls a subset effect of 0.025 in 0.68 (LlamaGen, 4%) minor
   * and one of 0.080 in 0.84 (VQ-Diffusion, 10%) significant; 5% lies between.
   */
  public static final double MINOR = 0.05;
  /** An argmax that takes at least this share of the diversity leaves no path diversity to speak of. */
  public static final double TOTAL = 0.9;
  public static final double AGREEMENT = 0.8;

  public enum Strategy { COMPRESSION_PRIORITISED, DIVERSITY_PRIORITISED, DECOUPLED, UNDECIDED }

  /**
   * The rule, after section 4.2 of the paper.
   * <ul>
   * <li>compression-prioritised: argmax takes at least {@link #TOTAL} of the diversity (no path diversity), and the subset less than {@link
   * #MINOR} (few codes are in use)
   * <li>diversity-prioritised: argmax and the subset each take at least {@link #MINOR}, argmax less than {@link #TOTAL}
   * <li>decoupled: argmax and paraphrases each change less than {@link #MINOR} (path diversity alone)
   * <li>undecided: anything else
   * </ul>
   *
   * @param subset relative change of diversity: -0.2 is a fifth less
   */
  public static Strategy classify(double subset, double argmax, double paraphrase) {
    if (argmax <= -TOTAL) {
      return Math.abs(subset) < MINOR ? Strategy.COMPRESSION_PRIORITISED : Strategy.UNDECIDED;
    }
    if (argmax <= -MINOR) {
      return subset <= -MINOR ? Strategy.DIVERSITY_PRIORITISED : Strategy.UNDECIDED;
    }
    return Math.abs(argmax) < MINOR && Math.abs(paraphrase) < MINOR ? Strategy.DECOUPLED : Strategy.UNDECIDED;
  }

  /**
   * From a diversity metric's values by prompt; prompts that any of the four lacks are left out. A larger value must mean more diversity.
   *
   * @throws IllegalArgumentException when they have no prompt in common
   */
  public static Conclusion of(
      Map<String, Double> baseline, Map<String, Double> subset, Map<String, Double> argmax, Map<String, Double> paraphrase,
          Bootstrap bootstrap) {
    List<String> common = baseline.keySet().stream()
        .filter(p -> subset.containsKey(p) && argmax.containsKey(p) && paraphrase.containsKey(p)).toList();
    double[] base = values(baseline, common);
    double[][] probes = {values(subset, common), values(argmax, common), values(paraphrase, common)};
    int n = common.size();
    Estimate[] changes = new Estimate[3];
    for (int i = 0; i < 3; i++) {
      double[] probe = probes[i];
      changes[i] = bootstrap.estimate(n, prompts -> change(base, probe, prompts));
    }
    Map<Strategy, Double> shares = new EnumMap<>(Strategy.class);
    for (Strategy s : Strategy.values()) {
      shares.put(s, 0.0);
    }
    bootstrap.resample(n, prompts -> shares.merge(
        classify(change(base, probes[0], prompts), change(base, probes[1], prompts), change(base, probes[2], prompts)),
            1.0 / bootstrap.replicates(), Double::sum));
    Strategy leading = shares.entrySet().stream().max(Map.Entry.comparingByValue()).orElseThrow().getKey();
    Strategy label = n >= Bootstrap.FEWEST && shares.get(leading) >= AGREEMENT ? leading : Strategy.UNDECIDED;
    return new Conclusion(label, leading, Map.copyOf(shares), changes[0], changes[1], changes[2]);
  }

  private static double change(double[] base, double[] probe, int[] prompts) {
    return Sample.mean(probe, prompts) / Sample.mean(base, prompts) - 1;
  }

  private static double[] values(Map<String, Double> byPrompt, List<String> prompts) {
    return prompts.stream().mapToDouble(byPrompt::get).toArray();
  }
}

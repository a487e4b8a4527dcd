package azulejo.runtime.ledger;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * Where the randomness of one image came from, step by step, in nats.
 *
 * <p>What the path P is depends on the walk (Deconstructing Generative Diversity, arXiv 2512.01831, equations 4 to 8): the fixed order of an autoregressive
 * model, the sequence of masks of a masked one, the trajectory of grids before the last of a diffusion.
 *
 * @param walk the kind of walk
 * @param steps in order
 * @param settledAt [L] the step, from 0, after which each cell's token never changed again; -1 for a cell that never changed
 * @param settledEntropy [L] the entropy of the distribution that the token was taken from at that step, 0 where it was the argmax or there was none
 */
public record EntropyLedger(Kind walk, List<Step> steps, int[] settledAt, float[] settledEntropy) {
  public enum Kind { RASTER, MASKED, DENOISING }

  /**
   * One step. Entropies are sums over the cells drawn, of the distributions as they were before the draw.
   *
   * @param step from 0
   * @param drawn cells that a distribution was computed for
   * @param settled cells whose final token came from this step
   * @param random whether chance had a part in the tokens, or they were the argmax
   * @param guided of the softmax of the guided logits
   * @param subset within the codebook subset
   * @param tempered after the temperature
   * @param truncated after top-k and top-p, or a diffusion's truncation
   * @param kept mean probability of the codebook subset
   * @param surprisal of the tokens drawn, summed
   * @param settledSurprisal the part of {@code surprisal} that belongs to tokens that were kept
   * @param pathSurprisal of the path's choice: of the cells that a masked walk kept, given the tokens drawn; of the classes of a diffusion but in its last step
   * @param pathEntropy of the path's choice where it is known: in a diffusion
   * @param pathAtMost the largest entropy that the path's choice can have: the logarithm of the number of ways to choose as many cells in a masked walk
   * @param stayEntropy in a diffusion, the part of {@code pathEntropy} that lies in which cells keep their class
   * @param moved entropy and surprisal of the classes in the last step of a diffusion, where they are the execution
   */
  public record Step(int step, int drawn, int settled, boolean random, double guided, double subset, double tempered, double truncated, double kept,
      double surprisal, double settledSurprisal, double pathSurprisal, double pathEntropy, double pathAtMost, double stayEntropy, Moved moved) {}

  /** In nats. */
  public record Moved(double entropy, double surprisal) {
    static final Moved NONE = new Moved(0, 0);
  }

  public EntropyLedger {
    steps = List.copyOf(steps);
  }

  public int cells() {
    return settledAt.length;
  }

  /**
   * What the image says about the entropies of the paper's equation 3. For an autoregressive walk the entropies before each draw sum to H(Z|X) without bias,
   * and so do the surprisals, with more variance. So it is for a diffusion, whose trajectory is a chain of draws. A masked walk throws drawn tokens away: the
   * choice of cells is known given the tokens drawn alone, and what else is known only lowers an entropy, so its surprisals bound H(P|X) from below;
   * tokens that were kept are likelier than the distribution that they were drawn from, so their surprisals in it bound H(Z|P,X) from above.
   */
  public List<Estimate> estimates() {
    List<Estimate> all = new ArrayList<>();
    switch (walk) {
      case RASTER -> {
        double entropy = sum(s -> s.random ? s.truncated : 0);
        all.add(new Estimate("H(P|X)", "the order is fixed", Estimate.Kind.EXACT, 0));
        all.add(new Estimate("H(Z|P,X)", "entropy before each draw", Estimate.Kind.UNBIASED, entropy));
        all.add(new Estimate("H(Z|P,X)", "surprisal of each token", Estimate.Kind.UNBIASED, sum(Step::surprisal)));
        all.add(new Estimate("H(Z|X)", "entropy before each draw", Estimate.Kind.UNBIASED, entropy));
      }
      case MASKED -> {
        double atMost = sum(Step::pathAtMost);
        double kept = sum(Step::settledSurprisal);
        all.add(new Estimate("H(P|X)", "surprisal of the kept cells given the tokens drawn", Estimate.Kind.LOWER_BOUND, sum(Step::pathSurprisal)));
        all.add(new Estimate("H(P|X)", "every choice of cells alike", Estimate.Kind.UPPER_BOUND, atMost));
        all.add(new Estimate("H(Z|P,X)", "surprisal of the tokens kept", Estimate.Kind.UPPER_BOUND, kept));
        all.add(new Estimate("H(Z|X)", "both upper bounds", Estimate.Kind.UPPER_BOUND, atMost + kept));
      }
      case DENOISING -> {
        double path = sum(Step::pathEntropy);
        double execution = sum(s -> s.moved.entropy);
        all.add(new Estimate("H(P|X)", "entropy of each transition but the last", Estimate.Kind.UNBIASED, path));
        all.add(new Estimate("H(P|X)", "surprisal of each transition but the last", Estimate.Kind.UNBIASED, sum(Step::pathSurprisal)));
        all.add(new Estimate("H(Z|P,X)", "entropy of the last transition", Estimate.Kind.UNBIASED, execution));
        all.add(new Estimate("H(Z|P,X)", "surprisal of the last transition", Estimate.Kind.UNBIASED, sum(s -> s.moved.surprisal)));
        all.add(new Estimate("H(Z|X)", "the whole trajectory", Estimate.Kind.UPPER_BOUND, path + execution));
      }
    }
    return all;
  }

  /** The first estimate of a quantity, which has the least variance. */
  public Estimate estimate(String quantity) {
    return estimates().stream().filter(e -> e.quantity().equals(quantity)).findFirst().orElseThrow();
  }

  private double sum(ToDoubleFunction<Step> part) {
    return steps.stream().mapToDouble(part).sum();
  }
}

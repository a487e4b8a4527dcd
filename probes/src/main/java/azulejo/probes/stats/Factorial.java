package azulejo.probes.stats;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A full two-level design on the same prompts, with k factors and 2^k cells. Bit i of a cell's number says whether factor i is at its upper
 * level; levels are oriented as in the paper's appendix, from constrained to free: deterministic to stochastic, original to paraphrased,
 * subset to full codebook.
 *
 * @param factors names, of the upper levels' probes
 * @param effects of every non-empty group of factors, single factors first
 */
public record Factorial(List<String> factors, List<Effect> effects, Waterfall waterfall) {

  /**
   * @param factors bit i is set when factor i belongs to the group
   * @param size for one factor: mean over the cells at the upper level minus mean over those at the lower one. For two: half of how much
   *     the effect of one grows from the lower to the upper level of the other. For three: half of how much that interaction grows with the
   *     third.
   */
  public record Effect(int factors, Estimate size) {
    public int order() {
      return Integer.bitCount(factors);
    }
  }

  /**
   * The paper's figures 8 to 10: from the cell where everything is constrained, main effect by main effect, to the additive prediction, and
   * what the cell where everything is free really has. With main effects averaged over the other factors all two-way interactions cancel
   * from the gap: for three factors it is the three-way interaction, for two factors it is 0 whatever the data.
   *
   * @param steps main effects, in the order of the factors
   * @param gap {@code actual - additive}, exactly 0 for two factors
   */
  public record Waterfall(Estimate start, List<Estimate> steps, Estimate additive, Estimate actual, Estimate gap) {}

  /**
   * @param cells {@code [2^k][n]} one value for each cell and prompt
   * @throws IllegalArgumentException when the cells do not match the factors or each other
   */
  public static Factorial of(List<String> factors, double[][] cells, Bootstrap bootstrap) {
    int n = cells[0].length;
    if (cells.length != 1 << factors.size() || IntStream.range(0, cells.length).anyMatch(c -> cells[c].length != n)) {
      throw new IllegalArgumentException(factors.size() + " factors need " + (1 << factors.size()) + " cells of as many prompts each");
    }
    List<Effect> effects = IntStream.range(1, cells.length).boxed()
        .sorted((a, b) -> Integer.bitCount(a) != Integer.bitCount(b) ? Integer.bitCount(a) - Integer.bitCount(b) : a - b)
        .map(group -> new Effect(group, bootstrap.mean(contrast(cells, group))))
        .toList();
    double[] start = cells[0];
    double[] actual = cells[cells.length - 1];
    double[] additive = start.clone();
    List<Estimate> steps = new ArrayList<>();
    for (int i = 0; i < factors.size(); i++) {
      double[] step = contrast(cells, 1 << i);
      steps.add(bootstrap.mean(step));
      for (int p = 0; p < n; p++) {
        additive[p] += step[p];
      }
    }
    double[] gap = new double[n];
    for (int group = 1; group < cells.length; group++) {
      if (Integer.bitCount(group) >= 3
          && Integer.bitCount(group) % 2 == 1) { // of all other groups the last cell and the first one have the same share
        double[] interaction = contrast(cells, group);
        for (int p = 0; p < n; p++) {
          gap[p] += interaction[p];
        }
      }
    }
    return new Factorial(List.copyOf(factors), effects,
        new Waterfall(bootstrap.mean(start), steps, bootstrap.mean(additive), bootstrap.mean(actual), bootstrap.mean(gap)));
  }

  /** An effect's name, for example {@code sampling x codebook}. */
  public String name(Effect effect) {
    return String.join(" \u00d7 ",
        IntStream.range(0, factors.size()).filter(i -> (effect.factors >> i & 1) == 1).mapToObj(factors::get).toList());
  }

  /**
   * A group's effect for each prompt: the sum of all cells, those with an odd number of the group's factors at the lower level
   * subtracted, by 2^(k-1).
   */
  private static double[] contrast(double[][] cells, int group) {
    double[] sums = new double[cells[0].length];
    for (int c = 0; c < cells.length; c++) {
      int sign = Integer.bitCount(group & ~c) % 2 == 0 ? 1 : -1;
      for (int p = 0; p < sums.length; p++) {
        sums[p] += sign * cells[c][p] * 2 / cells.length;
      }
    }
    return sums;
  }
}

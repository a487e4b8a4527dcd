package azulejo.probes.report;

import azulejo.probes.stats.Estimate;
import java.util.List;
import java.util.Optional;

/** What arXiv 2512.01831 prints as numbers: the captions of its figures 8 to 10, LPIPS diversity of the published full-size models. */
final class Paper {
  private Paper() {}

  /**
   * @param start NaN where the caption does not give it; {@code steps} is empty then
   * @param steps sampling, prompt, codebook; without sampling for LlamaGen
   */
  record Waterfall(int figure, String model, double start, List<Double> steps, double additive, double actual, double gap) {

    boolean hasSteps() {
      return !steps.isEmpty();
    }
  }

  static Optional<Waterfall> waterfall(String family) {
    return switch (family) {
      case "amused" -> Optional.of(new Waterfall(8, "aMUSEd", Double.NaN, List.of(), 0.633, 0.634, 0.001));
      case "vqdiffusion" -> Optional.of(new Waterfall(9, "VQ-Diffusion", 0.755, List.of(0.005, -0.003, 0.080), 0.837, 0.837, 0));
      case "llamagen" -> Optional.of(new Waterfall(10, "LlamaGen", 0.577, List.of(0.080, 0.025), 0.681, 0.681, 0));
      default -> Optional.empty();
    };
  }

  static Estimate exactly(double value) {
    return Estimate.withoutInterval(value, 0);
  }
}

package azulejo.models;

import azulejo.runtime.sampling.Intervention;
import java.util.List;
import java.util.OptionalLong;

/**
 * How a generation is edited and observed: what the probes of Deconstructing Generative Diversity (arXiv 2512.01831, section 3.4) need beyond a request.
 *
 * @param picks the images to make, in the order of the results; empty for all of {@link GenerationRequest#imagesPerPrompt} of each prompt
 * @param interventions edits of every draw, in their order
 * @param pathSeed freezes the path: all images take its random choices from this seed and no number of their own
 * @param drawSeed freezes the execution likewise
 * @param ledger whether each image comes with its entropy ledger
 */
public record Probe(List<Pick> picks, List<Intervention> interventions, OptionalLong pathSeed, OptionalLong drawSeed, boolean ledger) {
  public static final Probe NONE = new Probe(List.of(), List.of(), OptionalLong.empty(), OptionalLong.empty(), false);

  /**
   * One image.
   *
   * @param prompt the number of its prompt or class in the request, from 0
   * @param index its number within the seed: with Philox an image depends on its prompt, seed and index alone
   */
  public record Pick(int prompt, int index) {}

  public Probe {
    picks = List.copyOf(picks);
    interventions = List.copyOf(interventions);
  }
}

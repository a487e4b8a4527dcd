package azulejo.tests;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.kernels.Backend;
import azulejo.kernels.Backends;
import azulejo.kernels.WeightFormat;
import azulejo.models.ImageGenerator;
import azulejo.models.Models;
import azulejo.probes.Results;
import azulejo.probes.Results.Quantity;
import azulejo.probes.Results.Standing;
import azulejo.probes.experiment.ExperimentFile;
import azulejo.probes.run.Executor;
import azulejo.probes.run.ModelWorkshop;
import azulejo.probes.run.RunFolder;
import azulejo.probes.run.RunListener;
import azulejo.probes.run.RunResults;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The known structure of the three paradigms comes out of a run on the demo's models: what the paper's framework says must hold, holds. */
class ProbeTruthTest {
  private static final String EXPERIMENT = """
      seed: 1
      images: 3
      prompts: {file: demo/prompts.json, first: 8}
      models:
        masked: {folder: demo/masked, guidance: 3, steps: 12}
        autoregressive: {folder: demo/autoregressive, guidance: 3}
      conditions:
        baseline:
        argmax: {argmax: all, models: [autoregressive]}
        few-codes: {codebook: keep-top:0.05, models: [autoregressive]}
        frozen-path: {frozen: path, models: [masked]}
      metrics:
        use: [lpips:alex-0.1, cosine:raw, hamming:tokens, clip-score:torchmetrics]
        lpips: demo/lpips
        clip: demo/clip
      """;

  @TempDir
  static Path dir;

  private static Results results;

  @BeforeAll
  static void run() {
    RunListener listener = new RunListener() {};
    ModelWorkshop workshop = new ModelWorkshop(new ModelWorkshop.Opener() {
      @Override
      public Backend backend(int threads) {
        return Backends.open(Backends.DEFAULT, threads);
      }

      @Override
      public ImageGenerator open(Path folder, Backend backend, WeightFormat format) {
        return Models.open(folder, backend, format);
      }
    }, listener);
    try (RunFolder run = RunFolder.open(dir.resolve("run"), Optional.of(ExperimentFile.parse("truth", EXPERIMENT, Path.of("..")::resolve)), () -> false)) {
      new Executor(run, workshop, 24, listener).run();
      results = RunResults.of(run);
    }
  }

  private static Map<String, Double> values(String model, String condition, String metric) {
    String profile = results.metrics().stream().map(Results.Metric::profile).filter(name -> name.startsWith(metric)).findFirst().orElseThrow();
    Map<String, Double> values = results.byPrompt(model, condition, profile);
    assertThat(values).hasSize(8);
    return values;
  }

  private static double mean(String model, String condition, String metric) {
    return values(model, condition, metric).values().stream().mapToDouble(v -> v).average().orElseThrow();
  }

  /** Its only randomness is in the draws, so without it all images of a prompt are one: not nearly zero, but zero. */
  @Test
  void argmaxLeavesNoDiversityToAnAutoregressiveModel() {
    for (String metric : new String[] {"lpips", "cosine", "hamming"}) {
      assertThat(values("autoregressive", "argmax", metric).values()).as(metric).allMatch(value -> value == 0);
      assertThat(values("autoregressive", "baseline", metric).values()).as(metric).allMatch(value -> value > 0.01);
    }
  }

  /** Its order is fixed: H(P|X) = 0, exactly. The masked model's is not. */
  @Test
  void anAutoregressivePathHasNoEntropy() {
    Predicate<Results.Total> path = total -> total.quantity() == Quantity.PATH;
    assertThat(results.totals().stream().filter(path.and(total -> total.model().equals("autoregressive")))).hasSize(3 * 8)
        .allMatch(total -> total.nats() == 0 && total.standing() == Standing.EXACT);
    assertThat(results.totals().stream().filter(path.and(total -> total.model().equals("masked")))).isNotEmpty().allMatch(total -> total.nats() > 1);
  }

  /** With these seeds 0.572 of the tokens differ, and 0.487 once the path is frozen; fewer in each of the eight prompts. */
  @Test
  void aFrozenPathLowersTheDiversityOfAMaskedModel() {
    assertThat(mean("masked", "frozen-path", "hamming")).isLessThan(mean("masked", "baseline", "hamming") - 0.03);
  }

  /** With these seeds the CLIP score falls from 61.1 to 36.5. */
  @Test
  void aTwentiethOfTheCodesHurtsQuality() {
    assertThat(mean("autoregressive", "few-codes", "clip-score")).isLessThan(mean("autoregressive", "baseline", "clip-score") - 10);
  }
}

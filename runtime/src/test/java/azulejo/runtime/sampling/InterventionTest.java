package azulejo.runtime.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.Backend;
import azulejo.kernels.Backends;
import azulejo.kernels.Draw;
import azulejo.kernels.Draw.Pick;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.runtime.OptionException;
import azulejo.runtime.Tap;
import azulejo.runtime.walk.DenoisingWalk;
import azulejo.runtime.walk.DiffusionSchedule;
import azulejo.runtime.walk.DiffusionSchedule.Line;
import azulejo.runtime.walk.MaskSchedule;
import azulejo.runtime.walk.MaskedWalk;
import azulejo.runtime.walk.RasterWalk;
import azulejo.runtime.walk.TinyModel;
import azulejo.runtime.walk.Walk;
import azulejo.runtime.walk.WalkNoise;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The probes in whole walks of a model that looks at its grid, on both CPU backends. */
class InterventionTest {
  private static final int CODES = 29;
  private static final int CELLS = 36;
  private static final int MASK = 31;
  private static final DiffusionSchedule SCHEDULE = new DiffusionSchedule(CODES, 12, new Line(0.99999, 0.000009), new Line(0.000009, 0.99999));
  private static final Usage USAGE = new Usage(LongStream.range(0, CODES).map(code -> code * 7 % 11).toArray(), "a test");

  private enum Kind {
    RASTER, MASKED, DENOISING;

    Walk walk(Backend b, int batch) {
      TinyModel model = new TinyModel(b, CODES, 3);
      return switch (this) {
        case RASTER -> new RasterWalk(b, model, new Draw(1, 0.9f, 20, 0.95f), RasterWalk.ALWAYS, batch, CELLS);
        case MASKED -> new MaskedWalk(b, model, new MaskSchedule(MaskSchedule.Curve.COSINE, 6, 2, 0), 1, MASK, batch, CELLS);
        case DENOISING -> new DenoisingWalk(b, model, SCHEDULE, 12, 1, 0.98f, batch, CELLS);
      };
    }
  }

  /** Seeds of the path and of the draws, for each image. */
  private record Seeds(long[] path, long[] draw) {
    static Seeds of(long... both) {
      return new Seeds(both, both);
    }
  }

  private static int[][] run(String backend, Kind kind, Seeds seeds, Intervention... interventions) {
    return run(backend, 1, kind, seeds, interventions);
  }

  private static int[][] run(String backend, int threads, Kind kind, Seeds seeds, Intervention... interventions) {
    try (Backend b = Backends.open(backend, threads)) {
      int batch = seeds.path.length;
      Walk walk = kind.walk(b, batch);
      for (Intervention intervention : interventions) {
        walk.intervene(intervention);
      }
      walk.run(WalkNoise.philox(keys(b, seeds.draw), keys(b, seeds.path)), Tap.NONE, (_, _) -> {});
      int[] flat = b.download(walk.grid()).toInts();
      return IntStream.range(0, batch).mapToObj(i -> Arrays.copyOfRange(flat, i * CELLS, (i + 1) * CELLS)).toArray(int[][]::new);
    }
  }

  private static Tensor keys(Backend b, long[] seeds) {
    return b.tensor(HostTensor.of("keys", Arrays.stream(seeds).flatMap(seed -> LongStream.of(seed, 0)).toArray(), seeds.length, 2));
  }

  // ---- codebook -----------------------------------------------------------------------------------------------------------

  private static List<CodebookSubset> subsets() {
    List<CodebookSubset> subsets = new ArrayList<>();
    for (double kept : new double[] {1, 0.7, 0.2, 1.0 / CODES}) {
      subsets.add(CodebookSubset.keepTop(USAGE, kept));
      subsets.add(CodebookSubset.dropTop(USAGE, 1 - kept));
      subsets.add(CodebookSubset.dropRandom(1 - kept, 9));
    }
    subsets.add(CodebookSubset.mask(List.of(3, 17), "a test"));
    return subsets;
  }

  @ParameterizedTest
  @MethodSource("subsets")
  void noOtherCodeEverAppears(CodebookSubset subset) {
    boolean[] allowed = subset.allowed(CODES);
    long[] seeds = LongStream.range(0, 12).toArray();
    for (String backend : List.of("reference", "vector")) {
      for (Kind kind : Kind.values()) {
        assertThat(Arrays.stream(run(backend, kind, Seeds.of(seeds), subset)).flatMapToInt(Arrays::stream).boxed())
            .as("%s, %s, %s", backend, kind, subset.setting()).allMatch(code -> allowed[code]);
      }
    }
  }

  /** Also not between the steps of a diffusion, where the noise of the transition puts codes into the grid. */
  @Test
  void notEvenForAWhile() {
    CodebookSubset subset = CodebookSubset.mask(List.of(0, 28), "a test");
    try (Backend b = Backends.open("vector", 1)) {
      Walk walk = Kind.DENOISING.walk(b, 8);
      walk.intervene(subset);
      Tensor keys = keys(b, LongStream.range(0, 8).toArray());
      walk.run(WalkNoise.philox(keys, keys), Tap.NONE, (step, grid) ->
          assertThat(Arrays.stream(b.download(grid).toInts()).boxed()).as("after step %d", step).allMatch(code -> code == 0 || code == 28 || code == CODES));
    }
  }

  @Test
  void subsetsCompose() {
    boolean[] first = CodebookSubset.dropRandom(0.5, 1).allowed(CODES);
    boolean[] second = CodebookSubset.dropRandom(0.5, 2).allowed(CODES);
    int[][] grids = run("vector", Kind.MASKED, Seeds.of(1, 2, 3), CodebookSubset.dropRandom(0.5, 1), CodebookSubset.dropRandom(0.5, 2));
    assertThat(Arrays.stream(grids).flatMapToInt(Arrays::stream).boxed()).allMatch(code -> first[code] && second[code]);
  }

  @Test
  void theWholeCodebookChangesNothing() {
    for (Kind kind : Kind.values()) {
      assertThat(run("vector", kind, Seeds.of(4, 5), CodebookSubset.keepTop(USAGE, 1))).as("%s", kind).isDeepEqualTo(run("vector", kind, Seeds.of(4, 5)));
    }
  }

  /** Counts 0, 7, 3, 10, 6, 2, 9, 5, 1, 8, 4 and again: first come those of 10 (3, 14, 25), then of 9 (6, 17, 28); last of 1 (8, 19), then of 0 (0, 11, 22). */
  @Test
  void ranksByFrequencyThenByCode() {
    assertThat(codes(CodebookSubset.keepTop(USAGE, 4.0 / CODES))).containsExactly(3, 6, 14, 25);
    assertThat(codes(CodebookSubset.dropTop(USAGE, 25.0 / CODES))).containsExactly(0, 11, 19, 22);
    assertThat(codes(CodebookSubset.dropRandom(0.3, 5))).hasSize(20).isEqualTo(codes(CodebookSubset.dropRandom(0.3, 5)))
        .isNotEqualTo(codes(CodebookSubset.dropRandom(0.3, 6)));
  }

  private static List<Integer> codes(CodebookSubset subset) {
    boolean[] allowed = subset.allowed(CODES);
    return IntStream.range(0, CODES).filter(code -> allowed[code]).boxed().toList();
  }

  @Test
  void anEmptySubsetIsRefused() {
    for (CodebookSubset subset : List.of(CodebookSubset.keepTop(USAGE, 0), CodebookSubset.dropTop(USAGE, 1), CodebookSubset.dropRandom(1, 3),
        CodebookSubset.mask(List.of(), "a test"))) {
      assertThatThrownBy(() -> subset.check(CODES)).isInstanceOf(OptionException.class).hasMessageContaining("leaves none of the 29 codes");
    }
    assertThatThrownBy(() -> CodebookSubset.keepTop(USAGE, 0.5).check(30)).hasMessageContaining("is of 29 codes, but this model has 30");
    assertThatThrownBy(() -> CodebookSubset.mask(List.of(29), "m.txt").check(CODES)).hasMessageContaining("m.txt names code 29");
  }

  @Test
  void readsRules() {
    assertThat(CodebookSubset.of("keep-top:0.5", () -> USAGE)).isEqualTo(CodebookSubset.keepTop(USAGE, 0.5));
    assertThat(CodebookSubset.of("drop-top:.2", () -> USAGE)).isEqualTo(CodebookSubset.dropTop(USAGE, 0.2));
    assertThat(CodebookSubset.of("drop-random:0.3@7", null)).isEqualTo(CodebookSubset.dropRandom(0.3, 7));
    assertThat(CodebookSubset.of("drop-random:0.3", null)).isEqualTo(CodebookSubset.dropRandom(0.3, 0));
    for (String wrong : List.of("", "keep-top", "keep-top:", "keep-top:x", "keep-top:0.5@3", "keep-bottom:0.5", "drop-random:0.3@", "mask:")) {
      assertThatThrownBy(() -> CodebookSubset.of(wrong, () -> USAGE)).as(wrong).isInstanceOf(OptionException.class).hasMessageContaining("a codebook subset is");
    }
    assertThatThrownBy(() -> CodebookSubset.of("keep-top:1.5", () -> USAGE)).isInstanceOf(OptionException.class).hasMessageContaining("between 0 and 1");
    assertThatThrownBy(() -> CodebookSubset.of("mask:/no/such", null)).isInstanceOf(OptionException.class).hasMessageContaining("/no/such");
  }

  // ---- argmax -------------------------------------------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(strings = {"reference", "vector"})
  void argmaxEverywhereLeavesTheRandomnessOfThePath(String backend) {
    Seeds seeds = new Seeds(new long[] {1, 1, 2, 3}, new long[] {7, 8, 7, 7});
    ArgmaxWindow all = ArgmaxWindow.of("all", Pick.ARGMAX);

    int[][] raster = run(backend, Kind.RASTER, seeds, all);
    assertThat(raster[1]).as("an autoregressive model has no path: no diversity is left").isEqualTo(raster[0]);
    assertThat(raster[2]).isEqualTo(raster[0]);

    int[][] masked = run(backend, Kind.MASKED, seeds, all);
    assertThat(masked[1]).as("the same path, whatever the seed of the draws").isEqualTo(masked[0]);
    assertThat(masked[2]).as("another path").isNotEqualTo(masked[0]);

    int[][] denoising = run(backend, Kind.DENOISING, seeds, all);
    assertThat(denoising[2]).as("another path").isNotEqualTo(denoising[0]);

    int[][] hard = run(backend, Kind.DENOISING, seeds, ArgmaxWindow.of("all", Pick.ARGMAX_TRANSITION));
    assertThat(List.of(hard)).as("nothing is left to chance").allSatisfy(grid -> assertThat(grid).isEqualTo(hard[0]));
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void argmaxInAWindowIsArgmaxThereAlone(Kind kind) {
    int[][] plain = run("vector", kind, Seeds.of(1, 2));
    int[][] early = run("vector", kind, Seeds.of(1, 2), ArgmaxWindow.of("early", Pick.ARGMAX));
    int[][] all = run("vector", kind, Seeds.of(1, 2), ArgmaxWindow.of("all", Pick.ARGMAX));
    int[][] parts = run("vector", kind, Seeds.of(1, 2), ArgmaxWindow.of("early", Pick.ARGMAX), ArgmaxWindow.of("middle", Pick.ARGMAX),
        ArgmaxWindow.of("late", Pick.ARGMAX));
    assertThat(Arrays.deepEquals(early, plain)).isFalse();
    assertThat(Arrays.deepEquals(early, all)).isFalse();
    assertThat(parts).as("the thirds leave no gap").isDeepEqualTo(all);
    if (kind == Kind.RASTER) {
      assertThat(Arrays.copyOf(early[0], 12)).isEqualTo(Arrays.copyOf(all[0], 12));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7, 12, 100, 576})
  void theThirdsShareTheSteps(int steps) {
    List<ArgmaxWindow> thirds = List.of(ArgmaxWindow.of("early", Pick.ARGMAX), ArgmaxWindow.of("middle", Pick.ARGMAX), ArgmaxWindow.of("late", Pick.ARGMAX));
    for (int step = 0; step < steps; step++) {
      int at = step;
      assertThat(thirds.stream().filter(third -> third.covers(at, steps))).as("step %d of %d", step, steps).hasSize(1);
      assertThat(ArgmaxWindow.of("all", Pick.ARGMAX).covers(at, steps)).isTrue();
    }
    assertThat(IntStream.range(0, steps).filter(step -> ArgmaxWindow.of("0.25-0.5", Pick.ARGMAX).covers(step, steps)).count())
        .isBetween((long) Math.floor(steps / 4.0), (long) Math.ceil(steps / 4.0));
  }

  @Test
  void refusesImpossibleWindows() {
    for (String wrong : List.of("", "sometimes", "0.5", "0.5-0.5", "0.6-0.5", "-0.1-0.5", "0-1.1")) {
      assertThatThrownBy(() -> ArgmaxWindow.of(wrong, Pick.ARGMAX)).as(wrong).isInstanceOf(OptionException.class).hasMessageContaining("an argmax window");
    }
  }

  // ---- frozen streams -----------------------------------------------------------------------------------------------------

  @ParameterizedTest
  @EnumSource(Kind.class)
  void bothStreamsFrozenGiveTheSameGridBitForBit(Kind kind) {
    int[][] grids = run("vector", kind, new Seeds(new long[] {3, 3, 3, 4}, new long[] {5, 5, 6, 5}));
    assertThat(grids[1]).isEqualTo(grids[0]);
    assertThat(grids[2]).as("another execution of one path").isNotEqualTo(grids[0]);
    if (kind == Kind.RASTER) {
      assertThat(grids[3]).as("the path has no randomness").isEqualTo(grids[0]);
    } else {
      assertThat(grids[3]).as("another path of one stream of draws").isNotEqualTo(grids[0]);
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void aGridDoesNotDependOnItsBatchNorOnThreads(Kind kind) {
    CodebookSubset subset = CodebookSubset.keepTop(USAGE, 0.6);
    int[][] together = run("vector", 2, kind, Seeds.of(1, 2, 3, 4, 5), subset);
    int[][] reversed = run("vector", 1, kind, Seeds.of(5, 4, 3, 2, 1), subset);
    for (int i = 0; i < 5; i++) {
      assertThat(reversed[4 - i]).isEqualTo(together[i]);
      assertThat(run("vector", 1, kind, Seeds.of(i + 1), subset)[0]).isEqualTo(together[i]);
    }
  }

  /** Logits differ by nothing and variates by no bit; scores of f32 and double may tie once in millions of draws. */
  @ParameterizedTest
  @EnumSource(Kind.class)
  void theBackendsDrawTheSame(Kind kind) {
    Intervention[] probes = {CodebookSubset.dropTop(USAGE, 0.3), ArgmaxWindow.of("middle", Pick.ARGMAX)};
    assertThat(run("vector", kind, Seeds.of(1, 2, 3), probes)).isDeepEqualTo(run("reference", kind, Seeds.of(1, 2, 3), probes));
  }
}

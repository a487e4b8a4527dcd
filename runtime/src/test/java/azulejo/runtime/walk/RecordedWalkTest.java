package azulejo.runtime.walk;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.kernels.Backend;
import azulejo.kernels.Backends;
import azulejo.kernels.DType;
import azulejo.kernels.Draw;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.runtime.Tap;
import azulejo.runtime.sampling.ArgmaxWindow;
import azulejo.runtime.sampling.CodebookSubset;
import azulejo.runtime.sampling.Intervention;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Walks of models that are ops alone give the same tokens whether their steps are replayed or not, on both CPU backends. */
class RecordedWalkTest {
  private static final int CODES = 23;
  private static final int BATCH = 3;
  private static final int CELLS = 16;

  /** Each token's row of a table, and each position's of another. */
  private static final class Bigrams implements NextToken {
    private final Backend b;
    private final boolean recordable;
    private final Tensor afterToken;
    private final Tensor atCell;
    private final Tensor cell;
    int calls;

    Bigrams(Backend b, boolean recordable) {
      this.b = b;
      this.recordable = recordable;
      afterToken = table(b, 1, CODES);
      atCell = table(b, 2, CELLS);
      cell = b.alloc(DType.I32, 1);
    }

    @Override
    public int codes() {
      return CODES;
    }

    @Override
    public int branches() {
      return 2;
    }

    @Override
    public boolean recordable() {
      return recordable;
    }

    @Override
    public void first(Tensor logits) {
      b.upload(HostTensor.of("cell", new int[1], 1), cell);
      try (Backend.Scope _ = b.scope()) {
        next(b.tensor(HostTensor.of("tokens", new int[BATCH], BATCH, 1)), logits);
      }
    }

    @Override
    public void next(Tensor tokens, Tensor logits) {
      calls++;
      try (Backend.Scope _ = b.scope()) {
        Tensor row = b.alloc(DType.F32, 1, CODES);
        b.gather(atCell, cell, row);
        for (long branch = 0; branch < logits.dim(0); branch++) {
          Tensor own = logits.slice(0, branch, 1).reshape(BATCH, 1, CODES);
          b.gather(afterToken, tokens, own);
          if (branch == logits.dim(0) - 1) {
            b.add(own, row, own);
          }
        }
      }
      b.increment(cell);
    }
  }

  private static Tensor table(Backend b, int seed, int rows) {
    Random random = new Random(seed);
    float[] values = new float[rows * CODES];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return b.tensor(HostTensor.of("table", values, rows, CODES));
  }

  private static WalkNoise philox(Backend b, long seed) {
    Tensor keys = b.tensor(HostTensor.of("keys", new long[] {seed, 0, seed, 1, seed + 1, 0}, BATCH, 2));
    return WalkNoise.philox(keys, keys);
  }

  /** The grids after each step. */
  private static int[][] raster(String backend, boolean recordable, int interval, int recordings, Intervention... interventions) {
    try (Backend b = Backends.open(backend, 1)) {
      Bigrams model = new Bigrams(b, recordable);
      RasterWalk walk = new RasterWalk(b, model, new Draw(2, 0.9f, 20, 0.95f), interval, BATCH, CELLS);
      for (Intervention intervention : interventions) {
        walk.intervene(intervention);
      }
      List<int[]> grids = new ArrayList<>();
      walk.run(philox(b, 7), Tap.NONE, (_, grid) -> grids.add(b.download(grid).toInts()));
      assertThat(walk.recordings()).isEqualTo(recordable ? recordings : 0);
      return grids.toArray(int[][]::new);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "vector"})
  void inRasterOrder(String backend) {
    assertThat(raster(backend, true, RasterWalk.ALWAYS, 1)).isDeepEqualTo(raster(backend, false, RasterWalk.ALWAYS, 1));
  }

  /** One recording for each way of drawing. */
  @ParameterizedTest
  @ValueSource(strings = {"reference", "vector"})
  void withTheEndOfGuidanceAndAnArgmaxWindow(String backend) {
    Intervention[] interventions = {new ArgmaxWindow(0.25, 0.75, Draw.Pick.ARGMAX), CodebookSubset.dropRandom(0.3, 5), CodebookSubset.dropRandom(0.3, 6)};
    int[][] grids = raster(backend, true, 5, 4, interventions);
    assertThat(grids).isDeepEqualTo(raster(backend, false, 5, 4, interventions));
    assertThat(Arrays.stream(grids[CELLS - 1])).allMatch(code -> code >= 0 && code < CODES);
  }
}

package azulejo.runtime.walk;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.kernels.Backend;
import azulejo.kernels.Backends;
import azulejo.kernels.DType;
import azulejo.kernels.Draw;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.runtime.Tap;
import azulejo.runtime.ledger.LedgerTape;
import azulejo.runtime.sampling.ArgmaxWindow;
import azulejo.runtime.sampling.CodebookSubset;
import azulejo.runtime.sampling.Intervention;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Walks of models that are ops alone give the same tokens whether their steps are replayed or not, on every backend that runs here. */
class RecordedWalkTest {
  private static final int CODES = 23;
  private static final int BATCH = 3;
  private static final int CELLS = 16;

  private static Stream<String> backends() {
    return Backends.survey().stream().filter(Backends.Status::available).map(Backends.Status::name);
  }

  private static Stream<Arguments> backendsAndKinds() {
    return backends().flatMap(backend -> Stream.of(Kind.values()).map(kind -> Arguments.of(backend, kind)));
  }

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

  /** Each cell's row of a table, to which the token of the first cell adds one of another, and the condition a third in the last branch. */
  private record Tables(Backend b, boolean recordable, Tensor atCell, Tensor byFirst, Tensor condition) implements Denoiser {
    Tables(Backend b, boolean recordable) {
      this(b, recordable, table(b, 3, CELLS), table(b, 4, CODES + 1), table(b, 5, 1));
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
    public void logits(int step, Tensor grid, Tensor open, Tensor logits) {
      try (Backend.Scope _ = b.scope()) {
        Tensor first = b.alloc(DType.F32, BATCH, 1, CODES);
        b.gather(byFirst, grid.slice(1, 0, 1), first);
        for (int branch = 0; branch < 2; branch++) {
          Tensor own = logits.slice(0, branch, 1).reshape(BATCH, open.dim(1), CODES);
          b.gather(atCell, open, own);
          for (int image = 0; image < BATCH; image++) {
            Tensor rows = own.slice(0, image, 1).reshape(open.dim(1), CODES);
            b.add(rows, first.slice(0, image, 1).reshape(CODES), rows);
            if (branch == 1) {
              b.add(rows, condition.reshape(CODES), rows);
            }
          }
        }
      }
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
    try (Backend b = Backends.open(backend)) {
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
  @MethodSource("backends")
  void inRasterOrder(String backend) {
    assertThat(raster(backend, true, RasterWalk.ALWAYS, 1)).isDeepEqualTo(raster(backend, false, RasterWalk.ALWAYS, 1));
  }

  /** One recording for each way of drawing. */
  @ParameterizedTest
  @MethodSource("backends")
  void withTheEndOfGuidanceAndAnArgmaxWindow(String backend) {
    Intervention[] interventions = {new ArgmaxWindow(0.25, 0.75, Draw.Pick.ARGMAX), CodebookSubset.dropRandom(0.3, 5), CodebookSubset.dropRandom(0.3, 6)};
    int[][] grids = raster(backend, true, 5, 4, interventions);
    assertThat(grids).isDeepEqualTo(raster(backend, false, 5, 4, interventions));
    assertThat(Arrays.stream(grids[CELLS - 1])).allMatch(code -> code >= 0 && code < CODES);
  }

  // ---- again --------------------------------------------------------------------------------------------------------------

  /** A walk, and the tensor of its model that a condition would fill. */
  private record Subject(Walk walk, Tensor condition) {}

  private enum Kind {
    RASTER, MASKED, DENOISING;

    Subject on(Backend b, boolean recordable) {
      if (this == RASTER) {
        Bigrams model = new Bigrams(b, recordable);
        return new Subject(new RasterWalk(b, model, new Draw(2, 0.9f, 20, 0.95f), 5, BATCH, CELLS), model.atCell.slice(0, 0, 1));
      }
      Tables model = new Tables(b, recordable);
      return new Subject(this == MASKED
          ? new MaskedWalk(b, model, new MaskSchedule(MaskSchedule.Curve.COSINE, 5, 2, 0.5f), 3, CODES, BATCH, CELLS)
          : new DenoisingWalk(b, model, SCHEDULE, 6, 3, 0.97f, BATCH, CELLS), model.condition);
    }
  }

  private static final DiffusionSchedule SCHEDULE = new DiffusionSchedule(CODES, 6, new DiffusionSchedule.Line(0.99999, 0.000009),
      new DiffusionSchedule.Line(0.000009, 0.99999));

  private static void condition(Backend b, Tensor condition, int run) {
    float[] values = new float[CODES];
    values[run] = run;
    b.upload(HostTensor.of("condition", values, 1, CODES), condition);
  }

  /** Four runs of one walk, whose steps are plain, recorded, and twice replayed, are those of four walks that nobody records: tokens and ledgers. */
  @ParameterizedTest
  @MethodSource("backendsAndKinds")
  void aWalkThatIsRunAgain(String backend, Kind kind) {
    for (boolean ledger : new boolean[] {false, true}) {
      try (Backend b = Backends.open(backend)) {
        Subject again = kind.on(b, true);
        again.walk.intervene(new ArgmaxWindow(0.5, 0.75, Draw.Pick.ARGMAX));
        LedgerTape tape = ledger ? again.walk.keepLedger() : null;
        Tensor keys = b.alloc(DType.I64, BATCH, 2);
        WalkNoise noise = WalkNoise.philox(keys, keys);
        List<int[]> grids = new ArrayList<>();
        for (int run = 0; run < 4; run++) {
          b.upload(HostTensor.of("keys", new long[] {run, 0, run, 1, run, 2}, BATCH, 2), keys);
          condition(b, again.condition, run);
          if (run > 0) {
            again.walk.restart();
          }
          again.walk.run(noise, Tap.NONE, (_, _) -> {});
          grids.add(b.download(again.walk.grid()).toInts());

          Subject once = kind.on(b, false);
          once.walk.intervene(new ArgmaxWindow(0.5, 0.75, Draw.Pick.ARGMAX));
          LedgerTape own = ledger ? once.walk.keepLedger() : null;
          condition(b, once.condition, run);
          once.walk.run(WalkNoise.philox(keys, keys), Tap.NONE, (_, _) -> {});
          assertThat(grids.getLast()).as("run %d", run).isEqualTo(b.download(once.walk.grid()).toInts());
          if (ledger) {
            assertThat(tape.read()).usingRecursiveComparison().isEqualTo(own.read());
            assertThat(b.download(tape.usage()).toInts()).isEqualTo(b.download(own.usage()).toInts());
          }
          assertThat(once.walk.recordings()).isZero();
        }
        assertThat(grids).doesNotHaveDuplicates();
        assertThat(again.walk.recordings()).isEqualTo(kind != Kind.RASTER ? again.walk.steps() : ledger ? 0 : 3);
      }
    }
  }
}

package azulejo.runtime.walk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.Backend;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Noise;
import azulejo.kernels.Tensor;
import azulejo.kernels.reference.ReferenceBackend;
import azulejo.runtime.GenerationException;
import azulejo.runtime.Tap;
import azulejo.runtime.random.TorchGenerator;
import azulejo.runtime.walk.DiffusionSchedule.Line;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DenoisingWalkTest {
  private static final int CODES = 11;
  private static final int CELLS = 40;
  private static final DiffusionSchedule SCHEDULE = new DiffusionSchedule(CODES, 20, new Line(0.99999, 0.000009),
      new Line(0.000009, 0.99999));

  private final Backend b = new ReferenceBackend();

  @AfterEach
  void close() {
    b.close();
  }

  /** Believes in code {@code cell % CODES} by that many nats, whatever the grid; remembers the steps that it was asked for. */
  private final class Toy implements Denoiser {
    private final float certainty;
    private final List<Integer> steps = new ArrayList<>();

    Toy(float certainty) {
      this.certainty = certainty;
    }

    @Override
    public int codes() {
      return CODES;
    }

    @Override
    public int branches() {
      return 1;
    }

    @Override
    public void logits(int step, Tensor grid, Tensor open, Tensor logits) {
      steps.add(step);
      int[] cells = b.download(open).toInts();
      float[] out = new float[cells.length * CODES];
      for (int i = 0; i < cells.length; i++) {
        out[i * CODES + cells[i] % CODES] = certainty;
      }
      b.upload(HostTensor.of("logits", out, logits.shape().toArray()), logits);
    }
  }

  private WalkNoise philox(long... images) {
    long[] keys = Arrays.stream(images).flatMap(image -> LongStream.of(3, image)).toArray();
    Tensor tensor = b.tensor(HostTensor.of("keys", keys, images.length, 2));
    return WalkNoise.philox(tensor, tensor);
  }

  private DenoisingWalk walk(Denoiser denoiser, int steps, float truncation, int batch) {
    return new DenoisingWalk(b, denoiser, SCHEDULE, steps, 1, truncation, batch, CELLS);
  }

  private static long masked(int[] grid) {
    return Arrays.stream(grid).filter(c -> c == CODES).count();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 20})
  void endsWithACodeInEveryCell(int steps) {
    Toy toy = new Toy(1);
    DenoisingWalk walk = walk(toy, steps, 1, 1);
    List<Integer> seen = new ArrayList<>();
    walk.run(philox(0), Tap.NONE, (step, grid) -> seen.add(step));
    assertThat(Arrays.stream(b.download(walk.grid()).toInts()).boxed()).hasSize(CELLS).allMatch(code -> code >= 0 && code < CODES);
    assertThat(toy.steps).isEqualTo(seen).isEqualTo(IntStream.range(0, steps).boxed().toList());
  }

  /**
   * After k of T steps from T, a fraction of about k / T is revealed: 1 - gamma falls along a line. Four deviations of a binomial are
   * allowed.
   */
  @Test
  void revealsCellsAlongTheSchedulesLine() {
    int batch = 25;
    DenoisingWalk walk = walk(new Toy(1), 20, 1, batch);
    List<Long> left = new ArrayList<>();
    walk.run(philox(LongStream.range(0, batch).toArray()), Tap.NONE, (step, grid) -> left.add(masked(b.download(grid).toInts())));
    double cells = batch * CELLS;
    for (int step = 0; step < 19; step++) {
      double open = Math.exp(SCHEDULE.transition(18 - step).cumulative().c());
      assertThat(Math.abs(left.get(step) / cells - open)).as("after step %d", step)
          .isLessThan(4 * Math.sqrt(open * (1 - open) / cells) + 1e-4);
    }
    assertThat(left.getLast()).isZero();
  }

  @Test
  void aCertainDenoiserHasItsWay() {
    DenoisingWalk walk = walk(new Toy(60), 20, 1, 1);
    walk.run(philox(0), Tap.NONE, (step, grid) -> {});
    assertThat(b.download(walk.grid()).toInts()).isEqualTo(IntStream.range(0, CELLS).map(cell -> cell % CODES).toArray());
  }

  @Test
  void truncationToNothingLeavesTheLikeliestCode() {
    DenoisingWalk walk = walk(new Toy(0.1f), 20, 0, 1);
    walk.run(philox(0), Tap.NONE, (step, grid) -> {});
    assertThat(b.download(walk.grid()).toInts()).isEqualTo(IntStream.range(0, CELLS).map(cell -> cell % CODES).toArray());
  }

  @Test
  void anImageDoesNotDependOnItsBatch() {
    DenoisingWalk three = walk(new Toy(1), 20, 1, 3);
    three.run(philox(0, 1, 2), Tap.NONE, (step, grid) -> {});
    DenoisingWalk alone = walk(new Toy(1), 20, 1, 1);
    alone.run(philox(1), Tap.NONE, (step, grid) -> {});
    int[] all = b.download(three.grid()).toInts();
    assertThat(Arrays.copyOfRange(all, CELLS, 2 * CELLS)).isEqualTo(b.download(alone.grid()).toInts())
        .isNotEqualTo(Arrays.copyOf(all, CELLS));
  }

  @Test
  void startsFromAGivenGrid() {
    int[] start = IntStream.range(0, CELLS).map(cell -> cell % 2 == 0 ? CODES : 3).toArray();
    DenoisingWalk walk = new DenoisingWalk(b, new Toy(1), SCHEDULE, 2, 1, 1, HostTensor.of("start", start, 1, CELLS));
    assertThat(b.download(walk.grid()).toInts()).isEqualTo(start);
    walk.step(0, philox(0), Tap.NONE);
    // At timestep 1 of 20 nineteen in twenty of the settled cells are right, so most keep their code.
    int[] after = b.download(walk.grid()).toInts();
    assertThat(IntStream.range(0, CELLS).filter(cell -> cell % 2 == 1 && after[cell] == 3).count()).isGreaterThan(CELLS / 4);
  }

  @Test
  void saysInWhichStepLogitsWereNotFinite() {
    Denoiser broken = new Denoiser() {
      private final Toy toy = new Toy(1);

      @Override
      public int codes() {
        return CODES;
      }

      @Override
      public int branches() {
        return 1;
      }

      @Override
      public void logits(int step, Tensor grid, Tensor open, Tensor logits) {
        toy.logits(step, grid, open, logits);
        if (step == 1) {
          float[] values = b.download(logits).toFloats();
          values[5] = Float.NaN;
          b.upload(HostTensor.of("logits", values, logits.shape().toArray()), logits);
        }
      }
    };
    DenoisingWalk walk = walk(broken, 4, 1, 1);
    assertThatThrownBy(() -> walk.run(philox(0), Tap.NONE, (step, grid) -> {})).isInstanceOf(GenerationException.class)
        .hasMessageStartingWith("step 2 of 4");
  }

  /** torch.rand of shape [B, classes, L], where the last step has no class for the mask. */
  @Test
  void torchsNoiseComesClassByClass() {
    int batch = 2;
    WalkNoise noise = WalkNoise.torchDenoising(b, new TorchGenerator(7), batch, CELLS, CODES, 2);
    TorchGenerator generator = new TorchGenerator(7);
    for (int step = 0; step < 2; step++) {
      int classes = step == 0 ? CODES + 1 : CODES;
      float[] drawn = new float[batch * classes * CELLS];
      generator.rand(drawn);
      HostTensor given = b.download(((Noise.Given) noise.draw(step)).values());
      assertThat(given.shape().toArray()).containsExactly(batch, CELLS, classes);
      for (int image = 0; image < batch; image++) {
        for (int code = 0; code < classes; code++) {
          for (int cell = 0; cell < CELLS; cell++) {
            assertThat(given.floatAt((long) (image * CELLS + cell) * classes + code))
                .isEqualTo(drawn[(image * classes + code) * CELLS + cell]);
          }
        }
      }
    }
    assertThat(noise.path(0)).as("the draw alone decides").isNull();
  }
}

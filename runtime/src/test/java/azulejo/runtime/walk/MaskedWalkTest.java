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
import azulejo.runtime.walk.MaskSchedule.Curve;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MaskedWalkTest {
  private static final int CODES = 19;
  private static final int MASK = 23;

  private final Backend b = new ReferenceBackend();

  @AfterEach
  void close() {
    b.close();
  }

  /** Logits that depend on the cell, the code and how many cells are settled: a model that looks at its grid, with fixed weights. */
  private final class Toy implements Denoiser {
    private final int branches;
    private final float[] table;

    Toy(int branches, int cells) {
      this.branches = branches;
      Random random = new Random(1);
      table = new float[cells * CODES];
      for (int i = 0; i < table.length; i++) {
        table[i] = (float) random.nextGaussian();
      }
    }

    @Override
    public int codes() {
      return CODES;
    }

    @Override
    public int branches() {
      return branches;
    }

    @Override
    public void logits(int step, Tensor grid, Tensor open, Tensor logits) {
      int[] cells = b.download(grid).toInts();
      int[] at = b.download(open).toInts();
      int batch = grid.size(0);
      int length = grid.size(1);
      int positions = open.size(1);
      float[] out = new float[branches * batch * positions * CODES];
      for (int i = 0; i < out.length; i++) {
        int code = i % CODES;
        int position = i / CODES % positions;
        int image = i / CODES / positions % batch;
        int branch = i / CODES / positions / batch;
        int cell = at[image * positions + position];
        long settled = Arrays.stream(cells, image * length, (image + 1) * length).filter(c -> c != MASK).count();
        out[i] = cell < 0 ? 0 : table[cell * CODES + code] * (1 + settled * 0.1f) * (branch + 1);
      }
      b.upload(HostTensor.of("logits", out, branches, batch, positions, CODES), logits);
    }
  }

  private WalkNoise philox(long seed, long... images) {
    long[] keys = Arrays.stream(images).flatMap(image -> LongStream.of(seed, image)).toArray();
    Tensor tensor = b.tensor(HostTensor.of("keys", keys, images.length, 2));
    return WalkNoise.philox(tensor, tensor);
  }

  private int[][] run(MaskSchedule schedule, int cells, WalkNoise noise, int batch, Tap tap) {
    MaskedWalk walk = new MaskedWalk(b, new Toy(2, cells), schedule, 3, MASK, batch, cells);
    walk.run(noise, tap, (step, grid) -> {});
    int[] flat = b.download(walk.grid()).toInts();
    return IntStream.range(0, batch).mapToObj(i -> Arrays.copyOfRange(flat, i * cells, (i + 1) * cells)).toArray(int[][]::new);
  }

  @ParameterizedTest
  @CsvSource({"1, 30", "2, 30", "7, 30", "12, 64", "40, 30", "3, 2"})
  void settlesEveryCellOnSchedule(int steps, int cells) {
    MaskSchedule schedule = new MaskSchedule(Curve.COSINE, steps, 2, 0);
    List<Integer> listed = new ArrayList<>();
    List<int[]> grids = new ArrayList<>();
    Tap tap = (name, value) -> {
      if (name.endsWith(".open")) {
        listed.add(value.size(1));
      } else if (name.endsWith(".prev_sample")) {
        grids.add(b.download(value).toInts());
      }
    };
    int[][] end = run(schedule, cells, philox(5, 0), 1, tap);

    assertThat(Arrays.stream(end[0]).boxed()).allMatch(token -> token >= 0 && token < CODES);
    int before = cells;
    for (int i = 0; i < steps; i++) {
      assertThat(listed.get(i)).as("logits are computed for the cells that are open at step %s, no more", i).isEqualTo(Math.max(1, before));
      int open = (int) Arrays.stream(grids.get(i)).filter(token -> token == MASK).count();
      int expected = i == steps - 1 ? 0 : Math.max(1, Math.min(before - 1, schedule.maskLength(i, cells, 1)));
      assertThat(open).as("cells left open after step %s", i).isEqualTo(expected);
      before = open;
    }
  }

  @Test
  void anImageDoesNotDependOnItsBatch() {
    MaskSchedule schedule = new MaskSchedule(Curve.COSINE, 6, 2, 0);
    int[][] together = run(schedule, 30, philox(7, 0, 1, 2), 3, Tap.NONE);
    for (int image = 0; image < 3; image++) {
      assertThat(run(schedule, 30, philox(7, image), 1, Tap.NONE)[0]).isEqualTo(together[image]);
    }
    assertThat(together[0]).isNotEqualTo(together[1]);
    assertThat(run(schedule, 30, philox(8, 0), 1, Tap.NONE)[0]).isNotEqualTo(together[0]);
  }

  @Test
  void aStreamThatIsFrozenKeepsItsPart() {
    // With argmax-like logits every token is certain, so the grid after a step shows the path alone.
    MaskSchedule schedule = new MaskSchedule(Curve.COSINE, 4, 2, 0);
    Tensor one = b.tensor(HostTensor.of("keys", new long[] {1, 0}, 1, 2));
    Tensor two = b.tensor(HostTensor.of("keys", new long[] {2, 0}, 1, 2));
    assertThat(openAfterFirst(schedule, WalkNoise.philox(two, one))).isEqualTo(openAfterFirst(schedule, WalkNoise.philox(one, one)));
    assertThat(openAfterFirst(schedule, WalkNoise.philox(one, two))).isNotEqualTo(openAfterFirst(schedule, WalkNoise.philox(one, one)));
  }

  private List<Boolean> openAfterFirst(MaskSchedule schedule, WalkNoise noise) {
    Denoiser certain = denoiser((cell, code) -> code == cell % CODES ? 100 : 0);
    MaskedWalk walk = new MaskedWalk(b, certain, schedule, 1, MASK, 1, 30);
    walk.step(0, noise, Tap.NONE);
    return Arrays.stream(b.download(walk.grid()).toInts()).mapToObj(token -> token == MASK).toList();
  }

  private interface Logit {
    float of(int cell, int code);
  }

  private Denoiser denoiser(Logit logit) {
    return new Denoiser() {
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
        int[] at = b.download(open).toInts();
        float[] out = new float[at.length * CODES];
        for (int i = 0; i < out.length; i++) {
          out[i] = logit.of(at[i / CODES], i % CODES);
        }
        b.upload(HostTensor.of("logits", out, logits.shape().toArray()), logits);
      }
    };
  }

  @Test
  void keepsTheKnownCellsOfAStart() {
    int[] start = IntStream.range(0, 30).map(i -> i % 3 == 0 ? MASK : i % CODES).toArray();
    MaskedWalk walk = new MaskedWalk(b, new Toy(1, 30), new MaskSchedule(Curve.COSINE, 2, 0, 0), 1, MASK, HostTensor.of("start", start, 1, 30), 1 / 3f);
    walk.run(philox(1, 0), Tap.NONE, (step, grid) -> {});
    int[] end = b.download(walk.grid()).toInts();
    for (int i = 0; i < start.length; i++) {
      if (start[i] != MASK) {
        assertThat(end[i]).isEqualTo(start[i]);
      }
    }
    assertThat(end).doesNotContain(MASK);
  }

  @Test
  void saysAtWhichStepALogitWasNotFinite() {
    Denoiser failing = denoiser((cell, code) -> Float.NaN);
    MaskedWalk walk = new MaskedWalk(b, failing, new MaskSchedule(Curve.COSINE, 5, 2, 0), 1, MASK, 1, 30);
    assertThatThrownBy(() -> walk.run(philox(1, 0), Tap.NONE, (step, grid) -> {})).isInstanceOf(GenerationException.class)
        .hasMessageStartingWith("step 1 of 5 gave logits that are NaN or infinite").hasMessageNotContaining("guidance");
  }

  @Test
  void anObserverEndsTheWalk() {
    MaskedWalk walk = new MaskedWalk(b, new Toy(1, 30), new MaskSchedule(Curve.COSINE, 5, 2, 0), 1, MASK, 1, 30);
    List<Integer> steps = new ArrayList<>();
    assertThatThrownBy(() -> walk.run(philox(1, 0), Tap.NONE, (step, grid) -> {
      steps.add(step);
      if (step == 2) {
        throw new IllegalStateException("enough");
      }
    })).hasMessage("enough");
    assertThat(steps).containsExactly(0, 1, 2);
  }

  @Test
  void takesPyTorchsStreamInTheOrderOfTheOfficialPipeline() {
    // multinomial draws for all cells of the batch, then one uniform a cell, step by step.
    TorchGenerator expected = new TorchGenerator(42);
    WalkNoise noise = WalkNoise.torch(b, new TorchGenerator(42), 2, 3, CODES);
    for (int step = 0; step < 2; step++) {
      float[] exponential = new float[2 * 3 * CODES];
      expected.exponential(exponential);
      float[] uniform = new float[2 * 3];
      expected.rand(uniform);
      assertThat(values(noise.draw(step))).isEqualTo(exponential);
      assertThat(values(noise.path(step))).isEqualTo(uniform);
    }
  }

  private float[] values(Noise noise) {
    return b.download(((Noise.Given) noise).values()).toFloats();
  }
}

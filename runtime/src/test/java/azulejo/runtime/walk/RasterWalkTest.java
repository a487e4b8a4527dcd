package azulejo.runtime.walk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.Backend;
import azulejo.kernels.Draw;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Noise;
import azulejo.kernels.Tensor;
import azulejo.kernels.reference.ReferenceBackend;
import azulejo.runtime.GenerationException;
import azulejo.runtime.Tap;
import azulejo.runtime.random.TorchGenerator;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RasterWalkTest {
  private static final int CODES = 11;
  private static final Draw GREEDY = new Draw(3, 1, 0, 1).argmax();

  private final Backend b = new ReferenceBackend();

  @AfterEach
  void close() {
    b.close();
  }

  /** Prefers the code (cell + image + sum of the tokens so far) modulo the codes in the conditional branch, and the next one in the other. */
  private final class Toy implements NextToken {
    final List<Integer> branchesAsked = new ArrayList<>();
    float best = 4;
    private int cell;
    private int[] sums;

    @Override
    public int codes() {
      return CODES;
    }

    @Override
    public int branches() {
      return 2;
    }

    @Override
    public void first(Tensor logits) {
      cell = 0;
      sums = new int[logits.size(1)];
      predict(logits);
    }

    @Override
    public void next(Tensor tokens, Tensor logits) {
      cell++;
      int[] last = b.download(tokens).toInts();
      Arrays.setAll(sums, image -> sums[image] + last[image]);
      predict(logits);
    }

    private void predict(Tensor logits) {
      int branches = logits.size(0);
      int batch = sums.length;
      branchesAsked.add(branches);
      float[] out = new float[branches * batch * CODES];
      for (int row = 0; row < branches * batch; row++) {
        int image = row % batch;
        boolean conditional = row / batch == branches - 1;
        out[row * CODES + (cell + image + sums[image] + (conditional ? 0 : 1)) % CODES] = best;
      }
      b.upload(HostTensor.of("logits", out, branches, batch, 1, CODES), logits);
    }
  }

  private WalkNoise philox(long... images) {
    long[] keys = Arrays.stream(images).flatMap(image -> LongStream.of(5, image)).toArray();
    Tensor tensor = b.tensor(HostTensor.of("keys", keys, images.length, 2));
    return WalkNoise.philox(tensor, tensor);
  }

  private int[][] run(NextToken model, Draw draw, int interval, int batch, int cells, WalkNoise noise, Walk.Observer observer) {
    RasterWalk walk = new RasterWalk(b, model, draw, interval, batch, cells);
    walk.run(noise, Tap.NONE, observer);
    int[] flat = b.download(walk.grid()).toInts();
    return IntStream.range(0, batch).mapToObj(i -> Arrays.copyOfRange(flat, i * cells, (i + 1) * cells)).toArray(int[][]::new);
  }

  @Test
  void settlesOneCellAStepInOrderFromTheTokensBefore() {
    Toy toy = new Toy();
    List<int[]> seen = new ArrayList<>();
    int[][] grids = run(toy, GREEDY, RasterWalk.ALWAYS, 2, 5, philox(0, 1), (_, grid) -> seen.add(b.download(grid).toInts()));
    for (int image = 0; image < 2; image++) {
      for (int cell = 0, sum = 0; cell < 5; sum += grids[image][cell++]) {
        assertThat(grids[image][cell]).isEqualTo((cell + image + sum) % CODES);
      }
    }
    for (int step = 0; step < 5; step++) {
      int settled = step;
      assertThat(IntStream.range(0, 10).filter(i -> seen.get(settled)[i] != RasterWalk.OPEN)).as("settled").allMatch(i -> i % 5 <= settled);
      assertThat(Arrays.stream(seen.get(step)).filter(token -> token == RasterWalk.OPEN).count()).as("open after it").isEqualTo(2 * (4 - step));
    }
  }

  /** generate.py: prefill is guided, and decode step i, which gives token i + 1, while i is at most the interval. */
  @ParameterizedTest
  @CsvSource({"-1, 6", "0, 2", "2, 4", "9, 6"})
  void guidesWithinTheInterval(int interval, int guided) {
    Toy toy = new Toy();
    run(toy, GREEDY, interval, 1, 6, philox(0), (_, _) -> {});
    assertThat(toy.branchesAsked).containsExactlyElementsOf(IntStream.range(0, 6).mapToObj(step -> step < guided ? 2 : 1).toList());
  }

  @Test
  void theNoiseOfAnImageIsItsOwn() {
    Draw draw = Draw.guided(1);
    Toy toy = new Toy();
    toy.best = 0.5f;
    int[][] both = run(toy, draw, RasterWalk.ALWAYS, 2, 12, philox(3, 0), (_, _) -> {});
    assertThat(run(toy, draw, RasterWalk.ALWAYS, 1, 12, philox(3), (_, _) -> {})[0]).isEqualTo(both[0]);
    assertThat(both[0]).isNotEqualTo(both[1]);
  }

  /** torch.multinomial takes one exponential variate for each row and code of a step, and nothing for other cells. */
  @Test
  void torchsNoiseIsDealtStepByStep() {
    WalkNoise noise = WalkNoise.torchRaster(b, new TorchGenerator(7), 2, 3, CODES);
    float[] wanted = new float[3 * 2 * CODES];
    new TorchGenerator(7).exponential(wanted);
    for (int step = 0; step < 3; step++) {
      Tensor values = ((Noise.Given) noise.draw(step)).values();
      for (int image = 0; image < 2; image++) {
        Tensor cell = values.slice(0, image, 1).slice(1, step, 1);
        int from = (step * 2 + image) * CODES;
        assertThat(b.download(cell).toFloats()).isEqualTo(Arrays.copyOfRange(wanted, from, from + CODES));
      }
    }
    assertThatThrownBy(() -> noise.path(0)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void saysAtWhichStepTheNumbersBroke() {
    NextToken broken = new NextToken() {
      private int step;

      @Override
      public int codes() {
        return CODES;
      }

      @Override
      public int branches() {
        return 1;
      }

      @Override
      public void first(Tensor logits) {
        float[] values = new float[CODES];
        values[4] = step++ == 2 ? Float.NaN : 0;
        b.upload(HostTensor.of("logits", values, 1, 1, 1, CODES), logits);
      }

      @Override
      public void next(Tensor tokens, Tensor logits) {
        first(logits);
      }
    };
    assertThatThrownBy(() -> run(broken, Draw.guided(1), RasterWalk.ALWAYS, 1, 5, philox(0), (_, _) -> {})).isInstanceOf(GenerationException.class)
        .hasMessageStartingWith("step 3 of 5 gave logits that are NaN or infinite");
  }
}

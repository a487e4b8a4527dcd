package azulejo.runtime.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import azulejo.kernels.Backend;
import azulejo.kernels.Draw;
import azulejo.kernels.HostTensor;
import azulejo.kernels.PathSurprisal;
import azulejo.kernels.Tensor;
import azulejo.kernels.Transition;
import azulejo.kernels.reference.ReferenceBackend;
import azulejo.runtime.Tap;
import azulejo.runtime.walk.DenoisingWalk;
import azulejo.runtime.walk.DiffusionSchedule;
import azulejo.runtime.walk.MaskSchedule;
import azulejo.runtime.walk.MaskedWalk;
import azulejo.runtime.walk.RasterWalk;
import azulejo.runtime.walk.TinyModel;
import azulejo.runtime.walk.Walk;
import azulejo.runtime.walk.WalkNoise;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * Grids of 2 x 2 cells and 3 codes are few enough to sum over: H(P|X), H(Z|P,X), H(Z|X) and H(P|Z,X) of each kind of walk by the definition of entropy, from
 * distributions that the test computes in double by itself, against what ledgers of actual walks estimate. Means may miss by five standard errors.
 */
class EnumerationTest {
  private static final int CELLS = 4;
  private static final int CODES = 3;
  private static final int IMAGES = 6000;

  private final Backend b = new ReferenceBackend();
  private final TinyModel model = new TinyModel(b, CODES, 1.5f);

  @AfterEach
  void close() {
    b.close();
  }

  // ---- exact --------------------------------------------------------------------------------------------------------------

  /** The joint distribution of path and grid: for each path the probabilities of the 81 grids, read as numbers to base 3. */
  private static final class Joint {
    private final Map<String, double[]> p = new HashMap<>();

    void add(String path, int[] grid, double probability) {
      p.computeIfAbsent(path, _ -> new double[81])[Arrays.stream(grid).reduce(0, (number, code) -> 3 * number + code)] += probability;
    }

    double path() {
      return entropy(p.values().stream().mapToDouble(grids -> Arrays.stream(grids).sum()));
    }

    double grid() {
      return entropy(IntStream.range(0, 81).mapToDouble(grid -> p.values().stream().mapToDouble(grids -> grids[grid]).sum()));
    }

    double joint() {
      return entropy(p.values().stream().flatMapToDouble(Arrays::stream));
    }

    double gridGivenPath() {
      return joint() - path();
    }

    double pathGivenGrid() {
      return joint() - grid();
    }

    private static double entropy(DoubleStream probabilities) {
      double[] all = probabilities.toArray();
      assertThat(Arrays.stream(all).sum()).isCloseTo(1, within(1e-9));
      return Arrays.stream(all).map(q -> q == 0 ? 0 : -q * Math.log(q)).sum();
    }

    /** Equation 3. */
    void requireEquationThree() {
      assertThat(grid()).isCloseTo(path() + gridGivenPath() - pathGivenGrid(), within(1e-9));
    }
  }

  // ---- estimated ----------------------------------------------------------------------------------------------------------

  private record Outcome(List<EntropyLedger> ledgers, int[][] grids) {
    /** Mean and standard error. */
    double[] mean(ToDoubleFunction<EntropyLedger> value) {
      double[] values = ledgers.stream().mapToDouble(value).toArray();
      double mean = Arrays.stream(values).average().orElseThrow();
      double variance = Arrays.stream(values).map(v -> (v - mean) * (v - mean)).sum() / (values.length - 1);
      return new double[] {mean, Math.sqrt(variance / values.length)};
    }

    void assertMean(String what, ToDoubleFunction<EntropyLedger> value, double exact) {
      double[] mean = mean(value);
      assertThat(mean[0]).as("%s: mean of %d images, standard error %.2g", what, ledgers.size(), mean[1])
          .isCloseTo(exact, within(5 * mean[1] + 1e-4));
    }
  }

  private static ToDoubleFunction<EntropyLedger> estimate(String quantity, String estimator) {
    return ledger -> ledger.estimates().stream().filter(e -> e.quantity().equals(quantity) && e.estimator().startsWith(estimator)).findFirst().orElseThrow()
        .nats();
  }

  private Outcome run(Walk walk) {
    long[] keys = LongStream.range(0, IMAGES).flatMap(image -> LongStream.of(11, image)).toArray();
    Tensor tensor = b.tensor(HostTensor.of("keys", keys, IMAGES, 2));
    LedgerTape tape = walk.keepLedger();
    walk.run(WalkNoise.philox(tensor, tensor), Tap.NONE, (_, _) -> {});
    int[] flat = b.download(walk.grid()).toInts();
    return new Outcome(tape.read(), IntStream.range(0, IMAGES).mapToObj(i -> Arrays.copyOfRange(flat, i * CELLS, (i + 1) * CELLS)).toArray(int[][]::new));
  }

  /**
   * The plug-in entropy of what came out, with Miller and Madow's correction, misses the exact one by the deviation of a mean of surprisals; the correction
   * itself is good to about the number of outcomes over that of images, squared.
   */
  private static void assertFrequencies(String what, List<String> outcomes, double exact) {
    Map<String, Integer> counts = new HashMap<>();
    outcomes.forEach(outcome -> counts.merge(outcome, 1, Integer::sum));
    double n = outcomes.size();
    double plugIn = counts.values().stream().mapToDouble(c -> -c / n * Math.log(c / n)).sum();
    double second = counts.values().stream().mapToDouble(c -> c / n * Math.pow(Math.log(c / n), 2)).sum();
    double error = Math.sqrt((second - plugIn * plugIn) / n);
    double corrected = plugIn + (counts.size() - 1) / (2 * n);
    assertThat(corrected).as("%s by the frequencies of %d outcomes, standard error %.2g", what, counts.size(), error)
        .isCloseTo(exact, within(5 * error + Math.pow(counts.size() / n, 2) + counts.size() / (4 * n)));
  }

  // ---- autoregressive -----------------------------------------------------------------------------------------------------

  @Test
  void autoregressive() {
    Joint exact = new Joint();
    int[] open = new int[CELLS];
    Arrays.fill(open, RasterWalk.OPEN);
    raster(open, 0, 1, exact);
    exact.requireEquationThree();
    assertThat(exact.path()).isCloseTo(0, within(1e-12));

    Outcome found = run(new RasterWalk(b, model, Draw.guided(1), RasterWalk.ALWAYS, IMAGES, CELLS));
    assertThat(found.mean(estimate("H(P|X)", ""))).containsExactly(0, 0);
    found.assertMean("H(Z|P,X)", estimate("H(Z|P,X)", "entropy"), exact.gridGivenPath());
    found.assertMean("H(Z|P,X)", estimate("H(Z|P,X)", "surprisal"), exact.gridGivenPath());
    found.assertMean("H(Z|X)", estimate("H(Z|X)", ""), exact.grid());
    assertFrequencies("H(Z|X)", Arrays.stream(found.grids).map(Arrays::toString).toList(), exact.grid());
  }

  private void raster(int[] grid, int cell, double probability, Joint joint) {
    if (cell == CELLS) {
      joint.add("", grid, probability);
      return;
    }
    double[] p = model.probabilities(Arrays.copyOf(grid, cell), cell);
    for (int code = 0; code < CODES; code++) {
      int[] next = grid.clone();
      next[cell] = code;
      raster(next, cell + 1, probability * p[code], joint);
    }
  }

  // ---- masked -------------------------------------------------------------------------------------------------------------

  private static final int MASK = 7;
  private static final MaskSchedule SCHEDULE = new MaskSchedule(MaskSchedule.Curve.COSINE, 3, 1.5f, 0.5f);

  /** What the ledger of a masked walk sums, in expectation. */
  private double pathGivenDraws;
  private double keptTokens;

  @Test
  void masked() {
    Joint exact = new Joint();
    int[] open = new int[CELLS];
    Arrays.fill(open, MASK);
    masked(open, 0, "", 1, exact);
    exact.requireEquationThree();

    List<String> paths = new ArrayList<>(IntStream.range(0, IMAGES).mapToObj(_ -> "").toList());
    MaskedWalk walk = new MaskedWalk(b, model, SCHEDULE, 1, MASK, IMAGES, CELLS);
    LedgerTape tape = walk.keepLedger();
    long[] keys = LongStream.range(0, IMAGES).flatMap(image -> LongStream.of(5, image)).toArray();
    Tensor tensor = b.tensor(HostTensor.of("keys", keys, IMAGES, 2));
    walk.run(WalkNoise.philox(tensor, tensor), Tap.NONE, (_, grid) -> {
      int[] cells = b.download(grid).toInts();
      for (int i = 0; i < IMAGES; i++) {
        paths.set(i, paths.get(i) + masks(Arrays.copyOfRange(cells, i * CELLS, (i + 1) * CELLS)));
      }
    });
    int[] flat = b.download(walk.grid()).toInts();
    List<String> grids = IntStream.range(0, IMAGES).mapToObj(i -> Arrays.toString(Arrays.copyOfRange(flat, i * CELLS, (i + 1) * CELLS))).toList();
    Outcome found = new Outcome(tape.read(), null);

    found.assertMean("the path's surprisal", estimate("H(P|X)", "surprisal"), pathGivenDraws);
    found.assertMean("the kept tokens' surprisal", estimate("H(Z|P,X)", "surprisal"), keptTokens);
    assertThat(pathGivenDraws).as("a lower bound").isLessThan(exact.path());
    assertThat(keptTokens).as("an upper bound").isGreaterThan(exact.gridGivenPath());
    assertThat(found.mean(estimate("H(P|X)", "every"))[0]).as("an upper bound").isGreaterThan(exact.path());
    assertThat(found.mean(estimate("H(Z|X)", ""))[0]).as("an upper bound").isGreaterThan(exact.grid());

    assertFrequencies("H(P|X)", paths, exact.path());
    assertFrequencies("H(Z|X)", grids, exact.grid());
    assertFrequencies("H(P,Z|X)", IntStream.range(0, IMAGES).mapToObj(i -> paths.get(i) + grids.get(i)).toList(), exact.joint());
  }

  private static String masks(int[] grid) {
    StringBuilder text = new StringBuilder("/");
    for (int cell : grid) {
      text.append(cell == MASK ? '?' : '.');
    }
    return text.toString();
  }

  /** All ways on from a grid at a step: every draw of its open cells, then every choice of cells that stay. */
  private void masked(int[] grid, int step, String path, double probability, Joint joint) {
    int[] open = IntStream.range(0, CELLS).filter(cell -> grid[cell] == MASK).toArray();
    double[][] p = Arrays.stream(open).mapToObj(cell -> model.probabilities(grid, cell)).toArray(double[][]::new);
    boolean last = step == SCHEDULE.steps() - 1;
    int stayMasked = last ? 0 : Math.max(1, Math.min(open.length - 1, SCHEDULE.maskLength(step, CELLS, 1)));
    Map<String, int[]> states = new HashMap<>();
    Map<String, Double> weights = new HashMap<>();
    for (int draw = 0; draw < Math.pow(CODES, open.length); draw++) {
      int[] tokens = new int[open.length];
      double drawn = probability;
      for (int i = 0, rest = draw; i < open.length; i++, rest /= CODES) {
        tokens[i] = rest % CODES;
        drawn *= p[i][tokens[i]];
      }
      double[] logRates = new double[open.length];
      for (int i = 0; i < open.length && !last; i++) {
        logRates[i] = Math.log(p[i][tokens[i]]) / SCHEDULE.temperature(step);
      }
      for (int set = 0; set < 1 << open.length; set++) {
        if (Integer.bitCount(set) != open.length - stayMasked) {
          continue;
        }
        double chosen = last ? 1 : firstOf(logRates, set, 0);
        int[] next = grid.clone();
        for (int i = 0; i < open.length; i++) {
          if ((set >> i & 1) == 1) {
            next[open[i]] = tokens[i];
            keptTokens -= drawn * chosen * Math.log(p[i][tokens[i]]);
          }
        }
        pathGivenDraws -= drawn * chosen * Math.log(chosen);
        states.put(Arrays.toString(next), next);
        weights.merge(Arrays.toString(next), drawn * chosen, Double::sum);
      }
    }
    states.forEach((name, next) -> {
      if (last) {
        joint.add(path + masks(next), next, weights.get(name));
      } else {
        masked(next, step + 1, path + masks(next), weights.get(name), joint);
      }
    });
  }

  /** The probability that the members of {@code set} are the first to arrive, by enumeration over their orders. */
  private static double firstOf(double[] logRates, int set, int arrived) {
    if (arrived == set) {
      return 1;
    }
    double all = 0;
    for (int i = 0; i < logRates.length; i++) {
      all += (arrived >> i & 1) == 1 ? 0 : Math.exp(logRates[i]);
    }
    double sum = 0;
    for (int i = 0; i < logRates.length; i++) {
      if ((set >> i & 1) == 1 && (arrived >> i & 1) == 0) {
        sum += Math.exp(logRates[i]) / all * firstOf(logRates, set, arrived | 1 << i);
      }
    }
    return sum;
  }

  /** The integral of the ledger is that probability. */
  @Test
  void theIntegralEqualsTheSumOverOrders() {
    double[] logRates = {0.3, -1.2, 2, -0.4, -30};
    for (int set = 1; set < 31; set++) {
      boolean[] kept = new boolean[5];
      for (int i = 0; i < 5; i++) {
        kept[i] = (set >> i & 1) == 1;
      }
      double exact = -Math.log(firstOf(logRates, set, 0));
      assertThat(PathSurprisal.of(logRates, kept)).as("set %s", Integer.toBinaryString(set)).isCloseTo(exact, within(1e-8 * Math.max(1, exact)));
    }
  }

  // ---- diffusion ----------------------------------------------------------------------------------------------------------

  private static final DiffusionSchedule DIFFUSION = new DiffusionSchedule(CODES, 3, new DiffusionSchedule.Line(0.9, 0.05),
      new DiffusionSchedule.Line(0.05, 0.9));
  private static final int GRIDS = 256;

  private static int[] grid(int number) {
    return IntStream.range(0, CELLS).map(cell -> number >> 2 * cell & 3).toArray();
  }

  @Test
  void diffusion() {
    int start = GRIDS - 1;
    double[][][] transitions = IntStream.range(0, 3).mapToObj(step -> IntStream.range(0, GRIDS).mapToObj(from -> transition(grid(from), step))
        .toArray(double[][]::new)).toArray(double[][][]::new);
    Joint exact = new Joint();
    for (int second = 0; second < GRIDS; second++) {
      for (int first = 0; first < GRIDS; first++) {
        double path = transitions[0][start][second] * transitions[1][second][first];
        for (int end = 0; end < GRIDS && path > 0; end++) {
          double p = path * transitions[2][first][end];
          if (p > 0) {
            exact.add(second + " " + first, grid(end), p);
          }
        }
      }
    }
    exact.requireEquationThree();

    Outcome found = run(new DenoisingWalk(b, model, DIFFUSION, 3, 1, 1, IMAGES, CELLS));
    found.assertMean("H(P|X)", estimate("H(P|X)", "entropy"), exact.path());
    found.assertMean("H(P|X)", estimate("H(P|X)", "surprisal"), exact.path());
    found.assertMean("H(Z|P,X)", estimate("H(Z|P,X)", "entropy"), exact.gridGivenPath());
    found.assertMean("H(Z|P,X)", estimate("H(Z|P,X)", "surprisal"), exact.gridGivenPath());
    assertThat(found.mean(estimate("H(Z|X)", ""))[0]).as("an upper bound").isGreaterThan(exact.grid());
    assertFrequencies("H(Z|X)", Arrays.stream(found.grids).map(Arrays::toString).toList(), exact.grid());
  }

  /** To each grid: cells move independently, each by Bayes' rule from its own prediction of the clean grid. */
  private double[] transition(int[] from, int step) {
    Transition t = DIFFUSION.transition(DiffusionSchedule.timestep(step, 3));
    double[][] cells = new double[CELLS][];
    for (int cell = 0; cell < CELLS; cell++) {
      double[] start = model.probabilities(from, cell);
      double[] to = new double[CODES + 1];
      if (t.last()) {
        System.arraycopy(start, 0, to, 0, CODES);
      } else {
        for (int x0 = 0; x0 < CODES; x0++) {
          for (int k = 0; k <= CODES; k++) {
            to[k] += start[x0] * reach(t.step(), k, from[cell]) * reach(t.cumulativeBefore(), x0, k) / reach(t.cumulative(), x0, from[cell]);
          }
        }
      }
      assertThat(Arrays.stream(to).sum()).isCloseTo(1, within(1e-5));
      cells[cell] = to;
    }
    double[] all = new double[GRIDS];
    for (int number = 0; number < GRIDS; number++) {
      int[] grid = grid(number);
      all[number] = IntStream.range(0, CELLS).mapToDouble(cell -> cells[cell][grid[cell]]).reduce(1, (a, c) -> a * c);
    }
    double total = Arrays.stream(all).sum();
    return Arrays.stream(all).map(p -> p / total).toArray();
  }

  /** The probability of class {@code to} from class {@code from}; a masked cell stays masked. */
  private static double reach(Transition.Logs logs, int from, int to) {
    if (from == CODES) {
      return to == CODES ? 1 : 0;
    }
    return to == CODES ? Math.exp(logs.c()) : Math.exp(logs.b()) + (to == from ? Math.exp(logs.a()) : 0);
  }
}

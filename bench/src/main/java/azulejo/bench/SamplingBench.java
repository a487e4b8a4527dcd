package azulejo.bench;

import azulejo.kernels.DType;
import azulejo.kernels.Draw;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Ledger;
import azulejo.kernels.Noise;
import azulejo.kernels.Stream;
import azulejo.kernels.Tensor;
import azulejo.kernels.Transition;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/** The sampling ops over a whole grid. The bytes are those of the logits and beliefs; the variates are made as they are needed. */
public class SamplingBench extends OpBench {
  private static final Transition.Logs LOGS = new Transition.Logs(-0.1f, -8f, -3f);

  /** B x L x V. */
  @Param({"1x256x8192", "1x1024x2886"})
  String shape;

  private int[] sizes;
  private Tensor logits;
  private Tensor open;
  private Tensor count;
  private Tensor keys;
  private Tensor step;
  private Tensor tokens;
  private Tensor probability;
  private Tensor fault;
  private Tensor masked;
  private Tensor grid;
  private Tensor confidence;
  private Tensor logStart;
  private Tensor surprisal;
  private Tensor drawn;
  private Tensor moved;

  @Override
  protected void prepare() {
    sizes = sizes(shape);
    int batch = sizes[0];
    int cells = sizes[1];
    int codes = sizes[2];
    logits = input(2, batch, cells, codes);
    int[] positions = new int[batch * cells];
    int[] masks = new int[batch * cells];
    for (int i = 0; i < positions.length; i++) {
      positions[i] = i % cells;
      masks[i] = codes;
    }
    open = ints(positions, batch, cells);
    masked = ints(masks, batch, cells);
    grid = ints(masks, batch, cells);
    count = ops.alloc(DType.I32, batch);
    keys = ops.tensor(HostTensor.of("keys", new long[2 * batch], batch, 2));
    step = ints(new int[1], 1);
    fault = ints(new int[1], 1);
    tokens = ops.alloc(DType.I32, batch, cells);
    probability = output(batch, cells);
    confidence = output(batch, cells);
    logStart = output(batch, cells, codes);
    surprisal = output(batch);
    drawn = output(batch, cells, Ledger.Drawn.COLUMNS);
    moved = output(batch, cells, Ledger.Moved.COLUMNS);
    ops.openCells(masked, codes, open, count);
    draw(Draw.guided(3));
    ops.startDistribution(logits, new Draw(5, 1, 0, 0.9f), step, logStart, null, fault);
  }

  private Tensor ints(int[] values, long... dims) {
    return ops.tensor(HostTensor.of("ints", values, dims));
  }

  private void draw(Draw draw) {
    ops.draw(logits, draw, open, new Noise.Counter(keys, Stream.DRAW), step, tokens, probability, fault);
  }

  @Benchmark
  public void drawGuided(Rate rate) {
    draw(Draw.guided(3));
    count(rate, 2);
  }

  @Benchmark
  public void drawTopKTopP(Rate rate) {
    draw(new Draw(3, 0.9f, 1000, 0.9f));
    count(rate, 2);
  }

  @Benchmark
  public void remask(Rate rate) {
    unmask(null);
    count(rate, 0);
  }

  @Benchmark
  public void remaskSurprisal(Rate rate) {
    unmask(surprisal);
    count(rate, 0);
  }

  private void unmask(Tensor surprisal) {
    ops.copy(masked, grid);
    ops.reveal(grid, open, tokens);
    ops.remask(grid, open, count, probability, sizes[1] / 2, 1, sizes[2], new Noise.Counter(keys, Stream.PATH), step, confidence, surprisal);
  }

  @Benchmark
  public void startDistribution(Rate rate) {
    ops.startDistribution(logits, new Draw(5, 1, 0, 0.9f), step, logStart, null, fault);
    count(rate, 3);
  }

  @Benchmark
  public void startDistributionLedger(Rate rate) {
    ops.startDistribution(logits, new Draw(5, 1, 0, 0.9f), step, logStart, drawn, fault);
    count(rate, 3);
  }

  @Benchmark
  public void diffuse(Rate rate) {
    diffuse(null, null);
    count(rate, 1);
  }

  @Benchmark
  public void diffusePathLedger(Rate rate) {
    diffuse(new Noise.Counter(keys, Stream.PATH), moved);
    count(rate, 1);
  }

  private void diffuse(Noise path, Tensor ledger) {
    ops.copy(masked, grid);
    ops.diffuse(logStart, new Transition(LOGS, LOGS, LOGS, false), false, grid, new Noise.Counter(keys, Stream.DRAW), path, step, null, ledger);
  }

  private void count(Rate rate, int tensors) {
    count(rate, 0, 4.0 * tensors * sizes[0] * sizes[1] * sizes[2]);
  }
}

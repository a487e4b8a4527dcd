package azulejo.bench;

import azulejo.kernels.DType;
import azulejo.kernels.Draw;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Ledger;
import azulejo.kernels.Noise;
import azulejo.kernels.Stream;
import azulejo.kernels.Tensor;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.List;
import java.util.Random;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/**
 * What interventions and the ledger add to a draw: each call draws 256 cells with guidance twice, first without the flags that are asked about, then with them.
 * The counters are the processor time of the calling thread in both, so their quotient is the flags' cost whatever else the machine does. Run with
 * {@code -p threads=1 -p backend=vector}.
 */
public class FlagsBench extends OpBench {
  private static final int CELLS = 256;

  @Param({"512", "8192", "16384"})
  int codes;

  /** After a colon, what is asked about; before it, what both draws have: a temperature of 0.9, top-k of an eighth of the codes, top-p 0.9. */
  @Param({":codebook", ":argmax", ":ledger", ":usage", ":codebook+ledger+usage", ":temperature", "temperature:codebook", "temperature:ledger",
      "temperature:codebook+ledger+usage", "temperature+top-k:codebook+ledger+usage", "temperature+top-p:codebook+ledger+usage",
      "temperature+top-k+top-p:codebook+ledger+usage", "temperature+top-k+top-p:codebook+argmax+ledger+usage"})
  String flags;

  /** Share of the codes that the codebook leaves, at random. */
  @Param("0.5")
  double allowed;

  private final ThreadMXBean time = ManagementFactory.getThreadMXBean();
  private Tensor logits;
  private Tensor open;
  private Tensor keys;
  private Tensor step;
  private Tensor fault;
  private Tensor tokens;
  private Tensor probability;
  private Tensor codebook;
  private Tensor ledger;
  private Tensor usage;
  private List<String> plain;
  private List<String> flagged;

  /** Seconds of processor time; JMH divides them by the seconds of an iteration. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Cost {
    public double plain;
    public double flagged;
  }

  @Override
  protected void prepare() {
    Random random = new Random(2);
    float[] values = new float[2 * CELLS * codes];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (2 * random.nextGaussian());
    }
    float[] rule = new float[codes];
    for (int v = 1; v < codes; v++) {
      rule[v] = random.nextDouble() < allowed ? 0 : Float.NEGATIVE_INFINITY;
    }
    int[] positions = new int[CELLS];
    for (int i = 0; i < CELLS; i++) {
      positions[i] = i;
    }
    logits = ops.tensor(HostTensor.of("logits", values, 2, 1, CELLS, codes));
    codebook = ops.tensor(HostTensor.of("codebook", rule, codes));
    open = ops.tensor(HostTensor.of("open", positions, 1, CELLS));
    keys = ops.tensor(HostTensor.of("keys", new long[2], 1, 2));
    step = ops.tensor(HostTensor.of("step", new int[1], 1));
    fault = ops.tensor(HostTensor.of("fault", new int[1], 1));
    usage = ops.tensor(HostTensor.of("usage", new int[codes], codes));
    tokens = ops.alloc(DType.I32, 1, CELLS);
    probability = ops.alloc(DType.F32, 1, CELLS);
    ledger = ops.alloc(DType.F32, 1, CELLS, Ledger.Drawn.COLUMNS);
    String[] parts = flags.split(":");
    plain = List.of(parts[0].split("\\+"));
    flagged = List.of((parts[0] + "+" + parts[1]).split("\\+"));
  }

  @Benchmark
  public void draw(Cost cost) {
    cost.plain += draw(plain);
    cost.flagged += draw(flagged);
  }

  private double draw(List<String> flags) {
    Draw draw = new Draw(3, flags.contains("temperature") ? 0.9f : 1, flags.contains("top-k") ? codes / 8 : 0, flags.contains("top-p") ? 0.9f : 1,
        flags.contains("argmax") ? Draw.Pick.ARGMAX : Draw.Pick.RANDOM, flags.contains("codebook") ? codebook : null);
    long start = time.getCurrentThreadCpuTime();
    ops.draw(logits, draw, open, new Noise.Counter(keys, Stream.DRAW), step, tokens, probability, flags.contains("ledger") ? ledger : null,
        flags.contains("usage") ? usage : null, fault);
    return 1e-9 * (time.getCurrentThreadCpuTime() - start);
  }
}

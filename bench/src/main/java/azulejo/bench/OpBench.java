package azulejo.bench;

import azulejo.kernels.Backend;
import azulejo.kernels.Backends;
import azulejo.kernels.Ceiling;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What the benchmarks of all ops share: a backend, operands, and counters that say which share of the machine's ceiling the op reaches. The ceiling
 * is measured before each iteration, in the same JVM.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(value = 1, jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-Xmx2g"})
public abstract class OpBench {
  @Param({"reference", "vector"})
  String backend;

  /** 0: all processors. */
  @Param("0")
  int threads;

  protected Backend ops;
  private Ceiling ceiling;
  private final Random random = new Random(1);

  /** Sums over the ops of an iteration; JMH divides them by its seconds. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Rate {
    /** 10^9 floating-point operations. */
    public double gflop;

    /** 10^9 bytes read and written. */
    public double gbyte;

    /** Seconds that the arithmetic would take at the ceiling: so, a second, the share of it that is reached. */
    public double ofPeakFlops;

    /** The same for the bytes and the ceiling of reading. */
    public double ofReadRate;
  }

  @Setup(Level.Trial)
  public void open() {
    ops = Backends.open(backend, backend.equals("reference") ? 0 : threads);
    prepare();
  }

  /** Makes the operands. */
  protected abstract void prepare();

  @Setup(Level.Iteration)
  public void measureCeiling() {
    ceiling = Ceiling.measure(threads == 0 ? Runtime.getRuntime().availableProcessors() : threads);
  }

  @TearDown(Level.Trial)
  public void close() {
    ops.close();
  }

  /** Counts one op. */
  protected final void count(Rate rate, double flops, double bytes) {
    rate.gflop += flops * 1e-9;
    rate.gbyte += bytes * 1e-9;
    rate.ofPeakFlops += flops / ceiling.flops();
    rate.ofReadRate += bytes / ceiling.bytes();
  }

  /** Uniform in [-1, 1). */
  protected final HostTensor random(long... dims) {
    long n = 1;
    for (long d : dims) {
      n *= d;
    }
    float[] values = new float[Math.toIntExact(n)];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextFloat() * 2 - 1;
    }
    return HostTensor.of("random", values, dims);
  }

  protected final Tensor input(long... dims) {
    return ops.tensor(random(dims));
  }

  protected final Tensor output(long... dims) {
    return ops.alloc(DType.F32, dims);
  }

  /** The numbers of a shape such as "512x1024x1024". */
  protected static int[] sizes(String shape) {
    String[] parts = shape.split("x");
    int[] sizes = new int[parts.length];
    for (int i = 0; i < sizes.length; i++) {
      sizes[i] = Integer.parseInt(parts[i]);
    }
    return sizes;
  }
}

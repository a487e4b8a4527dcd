package azulejo.kernels.vector;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.kernels.Activation;
import azulejo.kernels.AttentionMask;
import azulejo.kernels.DType;
import azulejo.kernels.Draw;
import azulejo.kernels.Filter;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Ledger;
import azulejo.kernels.Matrix;
import azulejo.kernels.Noise;
import azulejo.kernels.Norm;
import azulejo.kernels.Padding;
import azulejo.kernels.Pooling;
import azulejo.kernels.Shape;
import azulejo.kernels.Stream;
import azulejo.kernels.Tensor;
import azulejo.kernels.Transition;
import azulejo.kernels.WeightFormat;
import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A compiled kernel makes no garbage. Where the JIT does not inline what takes or gives a vector, it boxes the vector, and the kernel is slower by a
 * factor of ten with results that are right: only this shows it.
 */
class AllocationTest {
  /** An op here has 32 768 elements or more (attention of one query 4 096 scores): their vectors in boxes take four bytes an element and more. */
  private static final long ALLOWED = 50_000;

  /** The draws have a JVM of their own: what else a JVM has compiled before changes how the JIT compiles them (bench/NOTES.md, "Boxes"). */
  @ParameterizedTest
  @CsvSource({"128, draw", "256, draw", "512, draw", "128, other", "256, other", "512, other"})
  void aCompiledKernelMakesNoGarbage(int bits, String group) throws Exception {
    // -Xbatch: a call waits for the compiler, so the warm-up reaches the last one however busy the machine is
    Process process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "--add-modules", "jdk.incubator.vector",
        "--enable-native-access=ALL-UNNAMED", "-Xbatch", "-Dazulejo.vector.bits=" + bits, "-cp", System.getProperty("java.class.path"),
        AllocationTest.class.getName(), group).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    assertThat(output.lines().filter(line -> line.contains("\t"))).hasSizeGreaterThan(group.equals("draw") ? 5 : 15).allSatisfy(line ->
        assertThat(Long.parseLong(line.substring(line.indexOf('\t') + 1))).as(line).isLessThan(ALLOWED));
  }

  /** The JVM that is started: prints the bytes that a call of each op allocates. */
  public static void main(String[] args) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (VectorBackend backend = new VectorBackend(1)) {
      Map<String, Runnable> ops = ops(backend);
      ops.keySet().removeIf(name -> name.startsWith("draw") != args[0].equals("draw"));
      ops.forEach((name, op) -> {
        for (int i = 0; i < 300; i++) {
          op.run();
        }
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < 10; i++) {
          op.run();
        }
        System.out.println(name + "\t" + (threads.getCurrentThreadAllocatedBytes() - before) / 10);
      });
    }
  }

  private static Map<String, Runnable> ops(VectorBackend b) {
    Map<String, Runnable> ops = new LinkedHashMap<>();
    Tensor x = floats(b, 2, 64, 256);
    Tensor image = floats(b, 2, 16, 16, 128);
    Tensor out = b.alloc(DType.F32, 2, 64, 256);
    Tensor imageOut = b.alloc(DType.F32, 2, 16, 16, 128);
    Tensor channels = floats(b, 256);
    Tensor scaleShift = floats(b, 2, 512);
    ops.put("add", () -> b.add(x, channels, out));
    for (Activation activation : Activation.values()) {
      ops.put("activate " + activation, () -> b.activate(x, activation, out));
    }
    ops.put("gate", () -> b.gate(x, Activation.GELU, out.reshape(4, 64, 128).slice(0, 0, 2)));
    ops.put("modulate", () -> b.modulate(x, scaleShift, out));
    for (Norm norm : Norm.values()) {
      ops.put("norm " + norm, () -> b.norm(norm, x, channels, channels, 1e-6f, scaleShift, out));
    }
    ops.put("groupNorm", () -> b.groupNorm(image, 32, channels.slice(0, 0, 128), null, 1e-6f, Activation.SILU, imageOut));
    ops.put("globalResponseNorm", () -> b.globalResponseNorm(x, channels, channels, out));
    ops.put("depthwiseConv2d", weights(b.tensor(random(128, 1, 3, 3)), w -> b.depthwiseConv2d(image, w, null, imageOut)));
    ops.put("attention", () -> b.attention(x, x, x, 4, 0.1f, AttentionMask.CAUSAL, out));
    ops.put("attention with bias", weights(floats(b, 1, 4, 64, 64), w -> b.attention(x, x, x, 4, 0.1f, AttentionMask.NONE, w, out)));
    ops.put("attention of one query", () -> b.attention(x.slice(1, 0, 1), x, x, 4, 0.1f, AttentionMask.NONE, out.slice(1, 0, 1)));
    Matrix matrix = b.matrix(random(256, 256));
    ops.put("linear", () -> b.linear(x, matrix, channels, Activation.GELU, x, out));
    for (WeightFormat format : new WeightFormat[] {WeightFormat.BF16, WeightFormat.INT8}) {
      Matrix narrow = b.matrix(random(256, 256), format);
      ops.put("linear " + format, () -> b.linear(x, narrow, null, Activation.NONE, null, out));
    }
    ops.put("rotary", weights(floats(b, 64, 32, 2), w -> b.rotary(x, w, 4, out)));
    Filter filter = b.filter(random(128, 128, 3, 3));
    ops.put("conv2d", () -> b.conv2d(image, filter, null, 1, Padding.same(1), null, imageOut));
    ops.put("pool2d", () -> b.pool2d(Pooling.MEAN, image, 3, 3, 1, Padding.same(1), imageOut));
    Tensor logits = floats(b, 2, 1, 8, 4096);
    Tensor open = b.tensor(HostTensor.of("open", new int[] {0, 1, 2, 3, 4, 5, 6, 7}, 1, 8));
    Tensor step = b.tensor(HostTensor.of("step", new int[1], 1));
    Tensor fault = b.tensor(HostTensor.of("fault", new int[1], 1));
    Tensor tokens = b.alloc(DType.I32, 1, 8);
    Tensor probability = b.alloc(DType.F32, 1, 8);
    Noise noise = new Noise.Counter(b.tensor(HostTensor.of("keys", new long[2], 1, 2)), Stream.DRAW);
    ops.put("draw", () -> b.draw(logits, Draw.guided(3), open, noise, step, tokens, probability, fault));
    ops.put("draw from the likely", () -> b.draw(logits, new Draw(3, 0.9f, 500, 0.9f), open, noise, step, tokens, probability, fault));
    float[] rule = new float[4096];
    Arrays.fill(rule, 1000, 2000, Float.NEGATIVE_INFINITY);
    Tensor codebook = b.tensor(HostTensor.of("codebook", rule, 4096));
    Tensor ledger = b.alloc(DType.F32, 1, 8, Ledger.Drawn.COLUMNS);
    Tensor usage = b.tensor(HostTensor.of("usage", new int[4096], 4096));
    ops.put("draw within the codebook", () -> b.draw(logits, Draw.guided(3).codebook(codebook), open, noise, step, tokens, probability, fault));
    ops.put("draw with a ledger", () -> b.draw(logits, Draw.guided(3).codebook(codebook), open, noise, step, tokens, probability, ledger, usage, fault));
    ops.put("draw from the likely with a ledger", () ->
        b.draw(logits, new Draw(3, 0.9f, 500, 0.9f).codebook(codebook), open, noise, step, tokens, probability, ledger, usage, fault));
    ops.put("draw the likeliest", () ->
        b.draw(logits, new Draw(3, 0.9f, 500, 0.9f).argmax().codebook(codebook), open, noise, step, tokens, probability, ledger, usage, fault));
    Tensor logStart = b.alloc(DType.F32, 1, 8, 4096);
    ops.put("startDistribution with a ledger", () ->
        b.startDistribution(logits, new Draw(5, 1, 0, 0.9f).argmax().codebook(codebook), step, logStart, ledger, fault));
    ops.put("startDistribution", () -> b.startDistribution(logits, new Draw(5, 1, 0, 0.9f), step, logStart, null, fault));
    Transition.Logs logs = new Transition.Logs(-0.1f, -8, -3);
    Tensor grid = b.tensor(HostTensor.of("grid", new int[] {4096, 4096, 4096, 4096, 0, 1, 2, 3}, 1, 8));
    ops.put("diffuse", () -> b.diffuse(logStart, new Transition(logs, logs, logs, false), false, grid, noise, null, step, null, null));
    Tensor moves = b.alloc(DType.F32, 1, 8, Ledger.Moved.COLUMNS);
    Noise path = new Noise.Counter(b.tensor(HostTensor.of("keys", new long[] {1, 0}, 1, 2)), Stream.PATH);
    ops.put("diffuse by a path with a ledger", () -> b.diffuse(logStart, new Transition(logs, logs, logs, false), false, grid, noise, path, step, null, moves));
    return ops;
  }

  private interface WithWeights {
    void run(Tensor weights);
  }

  private static Runnable weights(Tensor weights, WithWeights op) {
    return () -> op.run(weights);
  }

  private static Tensor floats(VectorBackend b, long... dims) {
    return b.tensor(random(dims));
  }

  private static HostTensor random(long... dims) {
    Random random = new Random(7);
    float[] values = new float[Math.toIntExact(Shape.of(dims).elements())];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    return HostTensor.of("random", values, dims);
  }
}

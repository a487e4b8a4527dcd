package azulejo.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.kernels.OpRun.Layout;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Results are bit-identical whether the interpreter, the first or the last compiler runs a kernel, on one thread or several: a sampled token must
 * not depend on how warm the JVM is. Each JVM started here prints a line for each kernel; one interprets it once on one thread, the other calls it
 * until it has been compiled, checking each call against its first, on three threads.
 */
class HotColdTest {
  private static final String INTERPRET = "interpret";
  private static final String COMPILE = "compile";

  @ParameterizedTest
  @CsvSource({"reference, 128", "vector, 128", "vector, 256", "vector, 512"})
  void compiledAndInterpretedKernelsGiveTheSameBits(String backend, int bits, @TempDir Path dir) throws Exception {
    Path log = dir.resolve("compilation.log");
    // -Xbatch: a call waits for the compiler, so 200 of them reach the last one however busy the machine is
    Process hot = start(backend, bits, COMPILE, "-XX:ActiveProcessorCount=3", "-Xbatch", "-XX:+PrintCompilation", "-XX:+UnlockDiagnosticVMOptions",
        "-XX:+LogVMOutput", "-XX:-DisplayVMOutput", "-XX:LogFile=" + log);
    Process cold = start(backend, bits, INTERPRET, "-XX:ActiveProcessorCount=1", "-Xint");
    assertThat(lines(hot)).isEqualTo(lines(cold)).hasSize(OpCases.computing().size());

    // A method with too many vector operations the first compiler skips ("out of virtual registers"), and then the JVM never gives it to the last one.
    assertThat(Files.readAllLines(log)).anyMatch(line -> line.contains("azulejo."))
        .noneMatch(line -> line.contains("azulejo.") && line.contains("COMPILE SKIPPED"));
  }

  private static Process start(String backend, int bits, String mode, String... flags) throws IOException {
    List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "--add-modules",
        "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-Dazulejo.vector.bits=" + bits, "-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(flags));
    command.addAll(List.of(HotColdTest.class.getName(), backend, mode));
    return new ProcessBuilder(command).redirectErrorStream(true).start();
  }

  private static Map<String, String> lines(Process process) throws Exception {
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    Map<String, String> hashes = new TreeMap<>();
    for (String line : output.split("\n")) {
      String[] parts = line.split("\t");
      if (parts.length == 2) {
        hashes.put(parts[0], parts[1]);
      }
    }
    return hashes;
  }

  /** The JVM that is started. */
  public static void main(String[] args) {
    boolean compile = args[1].equals(COMPILE);
    for (OpCases.Case c : OpCases.computing()) {
      try (Backend backend = named(args[0])) {
        List<HostTensor> first = OpRun.outputs(backend, Layout.DENSE, c.body());
        for (int call = 1; compile && call <= 200; call++) {
          requireSame(c, call, first, OpRun.outputs(backend, Layout.DENSE, c.body()));
        }
        System.out.println(c.op() + " " + c.arguments() + "\t" + hash(first));
      }
    }
  }

  private static Backend named(String name) {
    for (Supplier<Backend> factory : ConformanceTest.CPU) {
      Backend backend = factory.get();
      if (backend.name().equals(name)) {
        return backend;
      }
      backend.close();
    }
    throw new IllegalArgumentException("no backend " + name);
  }

  private static void requireSame(OpCases.Case c, int call, List<HostTensor> first, List<HostTensor> now) {
    for (int i = 0; i < first.size(); i++) {
      if (first.get(i).data().mismatch(now.get(i).data()) != -1) {
        throw new AssertionError(c.op() + " " + c.arguments() + ": call " + call + " differs from the first");
      }
    }
  }

  private static String hash(List<HostTensor> outputs) {
    long hash = 0;
    for (HostTensor t : outputs) {
      for (long i = 0; i < t.shape().elements(); i++) {
        hash = hash * 0x9E3779B97F4A7C15L + (t.dtype().isFloat() ? Float.floatToRawIntBits(t.floatAt(i)) : t.longAt(i));
      }
    }
    return Long.toHexString(hash);
  }
}

package azulejo.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import azulejo.kernels.OpRun.Layout;
import azulejo.kernels.reference.ReferenceBackend;
import azulejo.kernels.vector.VectorBackend;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Op x backend x shape x layout x dtype: every backend gives what the reference backend gives for contiguous arguments. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class BackendConformance {
  abstract List<Supplier<Backend>> backends();

  /** What a backend may err by beyond the case's tolerance, because it says that it rounds more than the weight. */
  double allowance(OpCases.Case c) {
    return 0;
  }

  /** Whether the backend keeps weights as the case wants them. */
  private static boolean keeps(Backend backend, OpCases.Case c) {
    return c.product() == null || c.product().format() != WeightFormat.F16 || !(backend instanceof VectorBackend);
  }

  @TestFactory
  List<DynamicTest> everyOpAgreesWithTheReference() {
    Map<String, List<OpCases.Case>> byOp = OpCases.all().stream().collect(Collectors.groupingBy(OpCases.Case::op, LinkedHashMap::new, Collectors.toList()));
    List<DynamicTest> tests = new ArrayList<>();
    for (Supplier<Backend> factory : backends()) {
      byOp.forEach((op, cases) -> tests.add(DynamicTest.dynamicTest(nameOf(factory) + " " + op, () -> {
        try (Backend backend = factory.get(); Backend reference = new ReferenceBackend()) {
          cases.stream().filter(c -> keeps(backend, c)).forEach(c -> compare(c, backend, reference));
        }
      })));
    }
    return tests;
  }

  private static String nameOf(Supplier<Backend> factory) {
    try (Backend backend = factory.get()) {
      return backend.name();
    }
  }

  private void compare(OpCases.Case c, Backend backend, Backend reference) {
    List<HostTensor> expected = OpRun.outputs(reference, Layout.DENSE, c.body());
    for (Layout layout : Layout.values()) {
      String what = c.op() + " " + c.arguments() + ", " + layout;
      try {
        List<HostTensor> actual = OpRun.outputs(backend, layout, c.body());
        for (int o = 0; actual != null && o < expected.size(); o++) {
          compare(what + ", output " + o, c, expected.get(o), actual.get(o));
        }
      } catch (RuntimeException | AssertionError e) {
        throw new AssertionError(what + ": " + e, e);
      }
    }
  }

  private void compare(String what, OpCases.Case c, HostTensor expected, HostTensor actual) {
    assertThat(actual.shape()).isEqualTo(expected.shape());
    for (long i = 0; i < expected.shape().elements(); i++) {
      if (!expected.dtype().isFloat()) {
        assertThat(actual.longAt(i)).as("%s, element %d", what, i).isEqualTo(expected.longAt(i));
        continue;
      }
      float e = expected.floatAt(i);
      float a = actual.floatAt(i);
      boolean same = Float.floatToRawIntBits(e) == Float.floatToRawIntBits(a);
      double tolerance = c.absolute() + allowance(c) + c.relative() * Math.abs(e);
      if (!same && !(Math.abs((double) a - e) <= tolerance)) {
        throw new AssertionError("element " + i + " of output " + actual.shape() + " is " + a + ", should be " + e + " within " + tolerance);
      }
    }
  }

  @Test
  void theMatrixCoversEveryOp() {
    Set<String> memory = Set.of("name", "description", "scope", "alloc", "weight", "matrix", "filter", "upload", "download", "tensor", "record", "launches", "choices", "deviceMemory", "rehearsal", "close");
    Set<String> ops = new TreeSet<>();
    for (Method method : Backend.class.getMethods()) {
      if (!memory.contains(method.getName())) {
        ops.add(method.getName());
      }
    }
    Set<String> covered = new TreeSet<>();
    OpCases.all().forEach(c -> covered.add(c.op()));
    assertThat(covered).isEqualTo(ops);
  }

  /** NaN and both infinities, in the first, a middle and the last code, of either guidance half. */
  @ParameterizedTest
  @MethodSource("backends")
  void aLogitThatIsNotFiniteLeavesItsStepAsFault(Supplier<Backend> factory) {
    int codes = 37;
    try (Backend backend = factory.get()) {
      for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
        for (int guidances = 1; guidances <= 2; guidances++) {
          for (int at : new int[] {0, 17, codes - 1}) {
            for (int half = 0; half < guidances; half++) {
              float[] logits = new float[guidances * 2 * codes];
              logits[half * 2 * codes + codes + at] = bad;
              String what = bad + " at " + at + " of half " + half;
              assertThat(fault(backend, logits, guidances, codes, 0)).as(what).isEqualTo(12);
              assertThat(fault(backend, logits, guidances, codes, 3)).as(what).isEqualTo(3);
            }
          }
        }
      }
      assertThat(fault(backend, new float[2 * codes], 1, codes, 0)).isZero();
    }
  }

  private static int fault(Backend backend, float[] logits, int guidances, int codes, int before) {
    try (Backend.Scope _ = backend.scope()) {
      Tensor tokens = backend.alloc(DType.I32, 1, 2);
      Tensor fault = backend.tensor(HostTensor.of("fault", new int[] {before}, 1));
      backend.draw(backend.tensor(HostTensor.of("logits", logits, guidances, 1, 2, codes)), Draw.guided(3), backend.tensor(HostTensor.of("open", new int[] {0, 1}, 1, 2)),
          new Noise.Counter(backend.tensor(HostTensor.of("keys", new long[] {1, 0}, 1, 2)), Stream.DRAW),
          backend.tensor(HostTensor.of("step", new int[] {11}, 1)), tokens, backend.alloc(DType.F32, 1, 2), fault);
      for (int token : backend.download(tokens).toInts()) {
        assertThat(token).isBetween(0, codes - 1);
      }
      return backend.download(fault).toInts()[0];
    }
  }

  /** What is drawn for an image does not depend on the images beside it, nor on which other cells are open. */
  @ParameterizedTest
  @MethodSource("backends")
  void aDrawDependsOnItsImageAndCellAlone(Supplier<Backend> factory) {
    int codes = 100;
    float[] logits = new float[2 * 3 * codes];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) Math.sin(i);
    }
    try (Backend backend = factory.get()) {
      Tensor all = backend.tensor(HostTensor.of("logits", logits, 1, 2, 3, codes));
      int[] together = tokens(backend, all, new int[] {2, 5, 8, 2, 5, 8}, new long[] {7, 0, 7, 1});
      int[] alone = tokens(backend, all.slice(1, 1, 1).slice(2, 2, 1), new int[] {8}, new long[] {7, 1});
      assertThat(alone[0]).isEqualTo(together[5]);
    }
  }

  private static int[] tokens(Backend backend, Tensor logits, int[] open, long[] keys) {
    long batch = logits.dim(1);
    Tensor tokens = backend.alloc(DType.I32, batch, logits.dim(2));
    backend.draw(logits, Draw.guided(1), backend.tensor(HostTensor.of("open", open, batch, logits.dim(2))),
        new Noise.Counter(backend.tensor(HostTensor.of("keys", keys, batch, 2)), Stream.DRAW),
        backend.tensor(HostTensor.of("step", new int[] {0}, 1)), tokens, backend.alloc(DType.F32, batch, logits.dim(2)),
        backend.tensor(HostTensor.of("fault", new int[] {0}, 1)));
    return backend.download(tokens).toInts();
  }

  @ParameterizedTest
  @MethodSource("backends")
  void argumentsThatDoNotFitAreRefused(Supplier<Backend> factory) {
    try (Backend b = factory.get()) {
      Tensor x = b.alloc(DType.F32, 2, 3, 4);
      Tensor image = b.alloc(DType.F32, 1, 4, 4, 4);
      Tensor ids = b.alloc(DType.I32, 2, 3);
      Tensor one = b.alloc(DType.I32, 1);
      Tensor c = b.alloc(DType.F32, 4);
      Tensor odd = b.alloc(DType.F32, 2, 3, 5);
      Noise noise = new Noise.Counter(b.alloc(DType.I64, 1, 2), Stream.DRAW);
      Tensor logits = b.alloc(DType.F32, 1, 2, 3, 5);
      Tensor tokens = b.alloc(DType.I32, 2, 3);
      Tensor drawn = b.alloc(DType.F32, 2, 3);
      Tensor fault = b.alloc(DType.I32, 1);
      Tensor count = b.alloc(DType.I32, 2);
      Tensor ledger = b.alloc(DType.F32, 2, 3, Ledger.Drawn.COLUMNS);
      Noise keys = new Noise.Counter(b.alloc(DType.I64, 2, 2), Stream.DRAW);
      Transition lastStep = new Transition(null, null, null, true);
      List<ThrowingCallable> calls = new ArrayList<>(List.of(
          () -> b.copy(x, odd),
          () -> b.gather(x, ids, x),
          () -> b.place(x, one, odd),
          () -> b.place(x, ids, b.alloc(DType.F32, 2, 5, 4)),
          () -> b.place(x, one, b.alloc(DType.F32, 2, 2, 4)),
          () -> b.place(x.slice(1, 0, 1), one, x),
          () -> b.increment(x),
          () -> b.add(x, odd, b.alloc(DType.F32, 2, 3, 4)),
          () -> b.activate(x, Activation.SILU, odd),
          () -> b.activate(x.slice(2, 0, 2), Activation.SILU, x.slice(2, 1, 2)),
          () -> b.gate(odd, Activation.GELU, x),
          () -> b.modulate(x, b.alloc(DType.F32, 2, 4), x),
          () -> b.linear(x, b.matrix(HostTensor.of("w", new float[15], 3, 5)), null, Activation.NONE, null, b.alloc(DType.F32, 2, 3, 3)),
          () -> b.linear(x, b.matrix(HostTensor.of("w", new float[16], 4, 4)), null, Activation.NONE, null, x),
          () -> b.attention(x, x, x, 3, 1, AttentionMask.NONE, b.alloc(DType.F32, 2, 3, 4)),
          () -> b.attention(x, x, x, 2, 1, AttentionMask.NONE, b.alloc(DType.F32, 2, 2, 3, 4), b.alloc(DType.F32, 2, 3, 4)),
          () -> b.attention(x, x, x, 2, 1, AttentionMask.NONE, null, count, b.alloc(DType.F32, 2, 3, 4)),
          () -> b.attention(x, x, x, 2, 1, AttentionMask.NONE, null, drawn.slice(0, 0, 1).slice(1, 0, 1).reshape(1), b.alloc(DType.F32, 2, 3, 4)),
          () -> b.attention(x, x, x, 2, 1, AttentionMask.CAUSAL, null, one, b.alloc(DType.F32, 2, 3, 4)),
          () -> b.rotary(x, b.alloc(DType.F32, 3, 2, 2), 2, x),
          () -> b.norm(Norm.RMS, x, odd, null, 0, null, x),
          () -> b.groupNorm(image, 3, c, c, 0, Activation.NONE, image),
          () -> b.globalResponseNorm(x, null, c, x),
          () -> b.conv2d(image, b.filter(HostTensor.of("w", new float[36], 1, 4, 3, 3)), null, 1, Padding.NONE, null, b.alloc(DType.F32, 1, 4, 4, 1)),
          () -> b.depthwiseConv2d(image, b.alloc(DType.F32, 4, 1, 2, 2), null, b.alloc(DType.F32, 1, 4, 4, 4)),
          () -> b.pool2d(Pooling.MAX, image, 3, 3, 2, Padding.NONE, b.alloc(DType.F32, 1, 2, 2, 4)),
          () -> b.pool2d(Pooling.MEAN, image, 2, 2, 2, Padding.same(2), b.alloc(DType.F32, 1, 4, 4, 4)),
          () -> b.pool2d(Pooling.MEAN, image, 2, 2, 2, new Padding(0, 0, 2, 0), b.alloc(DType.F32, 1, 3, 2, 4)),
          () -> b.upsample(image, b.alloc(DType.F32, 1, 8, 8, 1)),
          () -> b.depthToSpace(image, b.alloc(DType.F32, 1, 8, 8, 4)),
          () -> b.openCells(ids, 0, b.alloc(DType.I32, 2, 3), b.alloc(DType.I32, 3)),
          () -> b.draw(image, Draw.guided(1), ids, noise, one, ids, b.alloc(DType.F32, 2, 3), one),
          () -> b.reveal(ids, ids, ids),
          () -> b.remask(ids, ids, one, x, 1, 1, 0, noise, one, x, null),
          () -> b.startDistribution(image, new Draw(5, 2, 0, 1), one, b.alloc(DType.F32, 4, 4, 4), null, one),
          () -> b.startDistribution(image, Draw.guided(5), one, b.alloc(DType.F32, 4, 4, 3), null, one),
          () -> b.diffuse(x, new Transition(null, null, null, false), false, ids, new Noise.Given(b.alloc(DType.F32, 2, 3, 4)), null, one, null, null),
          () -> b.diffuse(x, new Transition(null, null, null, true), false, ids, noise, null, one, b.alloc(DType.F32, 2, 3, 5), null),
          // what restricts a draw and what it writes down
          () -> b.draw(logits, Draw.guided(1).codebook(odd), ids, keys, one, tokens, drawn, fault),
          () -> b.draw(logits, Draw.guided(1).codebook(b.alloc(DType.F32, 4)), ids, keys, one, tokens, drawn, fault),
          () -> b.draw(logits, Draw.guided(1).codebook(b.alloc(DType.I32, 5)), ids, keys, one, tokens, drawn, fault),
          () -> b.draw(logits, Draw.guided(1).codebook(ledger.slice(2, 0, 5).slice(0, 0, 1).slice(1, 0, 1).reshape(5)), ids, keys, one, tokens, drawn, ledger, null, fault),
          () -> b.draw(logits, Draw.guided(1), ids, keys, one, tokens, drawn, b.alloc(DType.F32, 2, 3, 5), null, fault),
          () -> b.draw(logits, Draw.guided(1), ids, keys, one, tokens, drawn, logits.reshape(2, 3, 5).slice(2, 0, 1), null, fault),
          () -> b.draw(logits, Draw.guided(1), ids, keys, one, tokens, drawn, null, b.alloc(DType.I32, 4), fault),
          () -> b.draw(logits, Draw.guided(1), ids, keys, one, tokens, drawn, null, b.alloc(DType.F32, 5), fault),
          () -> b.remask(tokens, ids, count, drawn, 1, 1, 0, keys, one, b.alloc(DType.F32, 2, 3), b.alloc(DType.F32, 3)),
          () -> b.startDistribution(logits, new Draw(5, 1, 7, 1), one, odd, null, fault),
          () -> b.startDistribution(logits, Draw.guided(5).codebook(c), one, odd, null, fault),
          () -> b.startDistribution(logits, Draw.guided(5), one, odd, b.alloc(DType.F32, 2, 3, Ledger.Moved.COLUMNS), fault),
          () -> b.diffuse(odd, lastStep, false, tokens, keys, new Noise.Given(b.alloc(DType.F32, 2, 4)), one, null, null),
          () -> b.diffuse(odd, lastStep, false, tokens, keys, null, one, null, ledger),
          () -> b.matrix(HostTensor.of("w", new int[4], 2, 2)),
          () -> b.filter(HostTensor.of("w", new float[4], 2, 2))));
      for (int i = 0; i < calls.size(); i++) {
        assertThatIllegalArgumentException().as("call %d", i).isThrownBy(calls.get(i));
      }
    }
  }
}

package azulejo.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Ops that are recorded once and replayed. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RecordingTest {
  /** Another backend's subclass says which. */
  List<Supplier<Backend>> backends() {
    return ConformanceTest.CPU;
  }

  private static Tensor ints(Backend b, int... values) {
    return b.tensor(HostTensor.of("ints", values, values.length));
  }

  private static Tensor floats(Backend b, float... values) {
    return b.tensor(HostTensor.of("floats", values, 1, values.length, 1));
  }

  @ParameterizedTest
  @MethodSource("backends")
  void replaysWhatWasNotDoneWhenRecorded(Supplier<Backend> factory) {
    try (Backend b = factory.get()) {
      Tensor counter = ints(b, 3, -1);
      Backend.Recording recording = b.record(() -> b.increment(counter));
      assertThat(b.download(counter).toInts()).containsExactly(3, -1);
      recording.replay();
      recording.replay();
      assertThat(b.download(counter).toInts()).containsExactly(5, 1);
      b.increment(counter);
      recording.replay();
      assertThat(b.download(counter).toInts()).as("between other ops").containsExactly(7, 3);
    }
  }

  /** A running sum is written to the next row at each replay: only what the tensors hold differs. */
  @ParameterizedTest
  @MethodSource("backends")
  void readsItsTensorsWhenReplayed(Supplier<Backend> factory) {
    try (Backend b = factory.get()) {
      Tensor position = ints(b, 0);
      Tensor sum = floats(b, 0);
      Tensor summand = floats(b, 1);
      Tensor rows = floats(b, 0, 0, 0, 0);
      Backend.Recording recording = b.record(() -> {
        try (Backend.Scope _ = b.scope()) {
          Tensor scratch = b.alloc(DType.F32, 1, 1, 1);
          b.add(sum, summand, scratch);
          b.copy(scratch, sum);
          b.place(scratch, position, rows);
        }
        b.increment(position);
      });
      recording.replay();
      recording.replay();
      b.upload(HostTensor.of("summand", new float[] {10}, 1, 1, 1), summand);
      recording.replay();
      assertThat(b.download(rows).toFloats()).containsExactly(1, 2, 12, 0);
      b.upload(HostTensor.of("position", new int[1], 1), position);
      recording.replay();
      assertThat(b.download(rows).toFloats()).containsExactly(22, 2, 12, 0);
    }
  }

  /** Tensors that are allocated after a recording was made are not written by it, and two recordings do not disturb each other. */
  @ParameterizedTest
  @MethodSource("backends")
  void itsScratchIsItsOwn(Supplier<Backend> factory) {
    int size = 1000;
    try (Backend b = factory.get(); Backend.Scope _ = b.scope()) {
      Tensor one = b.tensor(HostTensor.of("one", filled(size, 1), size));
      Tensor x = b.tensor(HostTensor.of("x", filled(size, 0), size));
      Tensor y = b.tensor(HostTensor.of("y", filled(size, 0), size));
      Backend.Recording first = b.record(() -> addOne(b, x, one));
      Backend.Recording second = b.record(() -> addOne(b, y, one));
      Tensor later = b.tensor(HostTensor.of("later", filled(size, 7), size));
      first.replay();
      second.replay();
      try (Backend.Scope _ = b.scope()) {
        Tensor inner = b.tensor(HostTensor.of("inner", filled(size, 8), size));
        first.replay();
        assertThat(b.download(inner).toFloats()).containsOnly(8);
      }
      assertThat(b.download(x).toFloats()).containsOnly(2);
      assertThat(b.download(y).toFloats()).containsOnly(1);
      assertThat(b.download(later).toFloats()).containsOnly(7);
    }
  }

  private static float[] filled(int n, float value) {
    float[] values = new float[n];
    Arrays.fill(values, value);
    return values;
  }

  private static void addOne(Backend b, Tensor x, Tensor one) {
    Tensor scratch = b.alloc(DType.F32, x.shape().toArray());
    b.add(x, one, scratch);
    b.copy(scratch, x);
  }

  @ParameterizedTest
  @MethodSource("backends")
  void endsWhenItIsClosedOrItsScopeIs(Supplier<Backend> factory) {
    try (Backend b = factory.get()) {
      Tensor counter = ints(b, 0);
      Backend.Recording closed = b.record(() -> b.increment(counter));
      closed.close();
      closed.close();
      assertThatIllegalStateException().isThrownBy(closed::replay);
      Backend.Recording left;
      try (Backend.Scope _ = b.scope()) {
        left = b.record(() -> b.increment(counter));
        left.replay();
      }
      assertThatIllegalStateException().isThrownBy(left::replay);
      left.close();
      assertThat(b.download(counter).toInts()).containsExactly(1);
    }
  }

  @ParameterizedTest
  @MethodSource("backends")
  void refusesWhatTheHostTakesPartIn(Supplier<Backend> factory) {
    try (Backend b = factory.get()) {
      Tensor counter = ints(b, 0);
      Backend.Recording other = b.record(() -> b.increment(counter));
      List<Runnable> refused = List.of(
          () -> b.upload(HostTensor.of("number", new int[1], 1), counter),
          () -> b.download(counter),
          () -> b.weight(HostTensor.of("weight", new float[1], 1)),
          () -> b.matrix(HostTensor.of("weight", new float[1], 1, 1)),
          () -> b.filter(HostTensor.of("weight", new float[1], 1, 1, 1, 1)),
          () -> b.record(() -> {}),
          other::replay);
      for (Runnable ops : refused) {
        assertThatIllegalStateException().isThrownBy(() -> b.record(ops).replay());
      }
      other.replay();
      assertThat(b.download(counter).toInts()).as("the backend goes on").containsExactly(1);
    }
  }

  @ParameterizedTest
  @MethodSource("backends")
  void passesOnWhatItsOpsThrow(Supplier<Backend> factory) {
    try (Backend b = factory.get()) {
      Tensor counter = ints(b, 0);
      assertThatIllegalStateException().isThrownBy(() -> b.record(() -> {
        try (Backend.Scope _ = b.scope()) {
          b.alloc(DType.F32, 10);
          throw new IllegalStateException("stop");
        }
      }).replay()).withMessage("stop");
      b.increment(counter);
      assertThat(b.download(counter).toInts()).as("the backend goes on").containsExactly(1);
    }
  }
}

package azulejo.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.kernels.cuda.CudaBackends;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Recordings as CUDA graphs, on the emulation of a device. */
class CudaRecordingTest extends RecordingTest {
  private static final int KEYS = 200;
  private static final int SIZE = 8;

  @Override
  List<Supplier<Backend>> backends() {
    return List.of(CudaBackends::emulated);
  }

  /** A step whose ops have scratch of their own and start several kernels each: attention over split keys, and the norm of a group that goes to several blocks. */
  private static final class Step {
    final Backend backend;
    final Tensor x;
    final Tensor image;
    final Tensor cache;
    final Tensor length;
    final Tensor mixed;
    final Tensor normed;

    Step(Backend backend) {
      this.backend = backend;
      x = random(backend, 1, 1, 1, SIZE);
      image = random(backend, 2, 1, 100, 100, 4);
      cache = random(backend, 3, 1, KEYS, SIZE);
      length = backend.tensor(HostTensor.of("length", new int[] {70}, 1));
      mixed = backend.alloc(DType.F32, 1, 1, SIZE);
      normed = backend.alloc(DType.F32, 1, 100, 100, 4);
    }

    private static Tensor random(Backend backend, int seed, long... dims) {
      Random random = new Random(seed);
      float[] values = new float[Math.toIntExact(Shape.of(dims).elements())];
      for (int i = 0; i < values.length; i++) {
        values[i] = random.nextFloat() - 0.5f;
      }
      return backend.tensor(HostTensor.of("random", values, dims));
    }

    void ops() {
      try (Backend.Scope _ = backend.scope()) {
        Tensor query = backend.alloc(DType.F32, 1, 1, SIZE);
        backend.norm(Norm.RMS, x, null, null, 1e-5f, null, query);
        backend.attention(query, cache, cache, 1, 1, AttentionMask.NONE, null, length, mixed);
      }
      backend.groupNorm(image, 1, null, null, 1e-5f, Activation.SILU, normed);
      backend.place(mixed, length, cache);
      backend.increment(length);
      backend.copy(mixed, x);
    }

    /** What a plain call or a replay leaves. */
    List<float[]> results() {
      return List.of(backend.download(mixed).toFloats(), backend.download(normed).toFloats(), backend.download(cache).toFloats());
    }
  }

  /** Recording is the backend's first work here: it compiles and loads kernels and takes memory, which a device refuses to do while it captures. */
  @ParameterizedTest
  @MethodSource("backends")
  void replaysGiveWhatPlainCallsGive(Supplier<Backend> factory) {
    try (Backend plain = factory.get(); Backend recorded = factory.get()) {
      Step expected = new Step(plain);
      Step actual = new Step(recorded);
      Backend.Recording recording = recorded.record(actual::ops);
      for (int step = 0; step < 3; step++) {
        expected.ops();
        disturbScratch(recorded, 1 << 22);
        recording.replay();
        for (int i = 0; i < 3; i++) {
          assertThat(actual.results().get(i)).as("result %d of step %d", i, step).isEqualTo(expected.results().get(i));
        }
      }
      // its inputs change from outside too
      for (Step step : List.of(expected, actual)) {
        step.backend.upload(HostTensor.of("length", new int[] {1}, 1), step.length);
      }
      expected.ops();
      recording.replay();
      assertThat(actual.results().getFirst()).isEqualTo(expected.results().getFirst());
    }
  }

  /** Writes over all scratch that is free. */
  private static void disturbScratch(Backend backend, int floats) {
    float[] nan = new float[floats];
    Arrays.fill(nan, Float.NaN);
    try (Backend.Scope _ = backend.scope()) {
      backend.tensor(HostTensor.of("nan", nan, floats));
    }
  }

  /** What is allocated after a recording and before its replay keeps its values: the scratch of recorded ops is not handed out again while the recording lives. */
  @ParameterizedTest
  @MethodSource("backends")
  void scratchOfOpsIsNotHandedOutAgain(Supplier<Backend> factory) {
    try (Backend b = factory.get()) {
      Step step = new Step(b);
      try (Backend.Scope _ = b.scope()) {
        Backend.Recording recording = b.record(step::ops);
        float[] sevens = new float[1 << 18];
        Arrays.fill(sevens, 7);
        Tensor later = b.tensor(HostTensor.of("sevens", sevens, sevens.length));
        recording.replay();
        assertThat(b.download(later).toFloats()).containsOnly(7);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("backends")
  void recordingsShareTheirScratch(Supplier<Backend> factory) {
    int floats = 8 << 20;
    try (Backend b = factory.get()) {
      Tensor x = b.tensor(HostTensor.of("x", new float[] {1}, 1));
      List<Backend.Recording> recordings = IntStream.range(0, 20).mapToObj(_ -> b.record(() -> {
        try (Backend.Scope _ = b.scope()) {
          Tensor first = b.alloc(DType.F32, floats).slice(0, floats - 1, 1);
          b.add(x, x, first);
          b.copy(first, x);
        }
      })).toList();
      recordings.forEach(Backend.Recording::replay);
      assertThat(b.download(x).toFloats()).containsExactly(1 << 20);
      assertThat(b.deviceMemory().orElseThrow().working()).as("of 20 recordings with 32 MiB each").isLessThan(3L * Float.BYTES * floats);
    }
  }

  /** RMS norm 1, attention over split keys 2, norm of a large group 3, place 1, increment 1, copy 1. */
  @ParameterizedTest
  @MethodSource("backends")
  void countsItsLaunches(Supplier<Backend> factory) {
    try (Backend b = factory.get()) {
      Step step = new Step(b);
      assertThat(b.record(step::ops).launches()).isEqualTo(9);
      assertThat(b.record(() -> {}).launches()).isZero();
      b.record(() -> {}).replay();
    }
  }
}

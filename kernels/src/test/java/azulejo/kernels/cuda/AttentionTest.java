package azulejo.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.kernels.AttentionMask;
import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.kernels.Tensor;
import azulejo.kernels.reference.ReferenceBackend;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Each kernel that many queries can go to, of which the backend takes one. */
class AttentionTest extends EmulatedDeviceTest {
  private static final int BATCH = 2;
  private static final int HEADS = 2;
  private static final int QUERIES = 70;
  private static final int KEYS = 130;

  private DeviceMemory memory;
  private Launch launch;

  @BeforeEach
  void open() {
    memory = new DeviceMemory(device.driver());
    launch = new Launch(device.driver());
  }

  @AfterEach
  void close() {
    if (memory != null) {
      memory.close();
      launch.close();
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyVariantGivesWhatTheReferenceGives(Attention.Variant variant) {
    for (int size : new int[] {4, 12, 48, 64, 100, 128, 132, 384}) {
      check(variant, size, AttentionMask.NONE, false, 0, 1);
    }
    check(variant, 80, AttentionMask.CAUSAL, false, 0, 1);
    check(variant, 16, AttentionMask.NONE, true, 0, 1);
    check(variant, 8, AttentionMask.CAUSAL, true, 0, 1);
    check(variant, 24, AttentionMask.NONE, true, 67, 1);
    check(variant, 32, AttentionMask.NONE, false, 0, 300);
  }

  /** @param length of the keys, 0 for all; what is past it is NaN */
  private void check(Attention.Variant variant, int size, AttentionMask mask, boolean biased, int length, float spread) {
    Random random = new Random(size);
    HostTensor q = uniform(random, BATCH, QUERIES, HEADS * size);
    HostTensor k = uniform(random, BATCH, KEYS, HEADS * size);
    HostTensor v = uniform(random, BATCH, KEYS, HEADS * size);
    HostTensor bias = biased ? hiding(uniform(random, 1, HEADS, QUERIES, KEYS)) : null;
    float scale = spread / (float) Math.sqrt(size);
    float[] expected;
    try (Backend reference = new ReferenceBackend()) {
      Tensor out = reference.alloc(DType.F32, BATCH, QUERIES, HEADS * size);
      reference.attention(reference.tensor(q), reference.tensor(k), reference.tensor(v), HEADS, scale, mask, biased ? reference.tensor(bias) : null,
          length == 0 ? null : reference.tensor(HostTensor.of("length", new int[] {length}, 1)), out);
      expected = reference.download(out).toFloats();
    }
    for (HostTensor x : new HostTensor[] {k, v}) {
      for (int b = 0; b < BATCH && length > 0; b++) {
        x.data().asSlice((b * KEYS + length) * HEADS * size * 4L, (KEYS - length) * HEADS * size * 4L).fill((byte) -1);
      }
    }
    float[] actual = new float[expected.length];
    try (Backend.Scope _ = memory.scope()) {
      Tensor out = Tensor.dense(memory.alloc(actual.length * 4L), DType.F32, Shape.of(BATCH, QUERIES, (long) HEADS * size));
      Attention.attention(variant, launch, memory, device(q), device(k), device(v), HEADS, scale, mask, biased ? device(bias) : null,
          length == 0 ? null : device(HostTensor.of("length", new int[] {length}, 1)), out);
      MemorySegment downloaded = Arena.ofAuto().allocate(actual.length * 4L, 4);
      device.driver().download(DeviceBuffer.address(out), downloaded);
      MemorySegment.copy(downloaded, ValueLayout.JAVA_FLOAT, 0, actual, 0, actual.length);
    }
    // as in OpCases; biases of up to 2 make the largest score 3
    double tolerance = 0x1p-24 * (8 + Math.sqrt(KEYS + size)) * (biased ? 3 : spread);
    for (int i = 0; i < actual.length; i++) {
      assertThat(Math.abs((double) actual[i] - expected[i])).as("%s D=%d %s element %d: %s, should be %s", variant, size, mask, i, actual[i], expected[i])
          .isLessThanOrEqualTo(tolerance);
    }
  }

  private static HostTensor uniform(Random random, long... dims) {
    float[] values = new float[Math.toIntExact(Shape.of(dims).elements())];
    for (int i = 0; i < values.length; i++) {
      values[i] = 2 * random.nextFloat() - 1;
    }
    return HostTensor.of("uniform", values, dims);
  }

  /** Each query sees the key of its number, and of the first tile of keys none else. */
  private static HostTensor hiding(HostTensor bias) {
    float[] values = bias.toFloats();
    for (int i = 0; i < values.length; i++) {
      values[i] = i % KEYS != i / KEYS % QUERIES && i % KEYS < 65 ? Float.NEGATIVE_INFINITY : 2 * values[i];
    }
    return HostTensor.of("bias", values, bias.shape().toArray());
  }

  private Tensor device(HostTensor host) {
    Tensor x = Tensor.dense(memory.alloc(host.data().byteSize()), host.dtype(), host.shape());
    device.driver().upload(host.data(), DeviceBuffer.address(x));
    return x;
  }
}

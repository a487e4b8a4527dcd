package azulejo.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Shape;
import azulejo.kernels.Tensor;
import azulejo.kernels.reference.ReferenceBackend;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the CPU backends share, seen through one of them. */
class CpuBackendTest {
  private final Backend backend = new ReferenceBackend();

  @AfterEach
  void close() {
    backend.close();
  }

  @Test
  void uploadAndDownloadKeepValuesThroughStrides() {
    Tensor wide = backend.tensor(HostTensor.of("wide", new float[2 * 3 * 5], 2, 3, 5));
    HostTensor host = HostTensor.of("x", new float[] {1, 2, 3, 4, 5, 6, 7, 8}, 2, 2, 2);
    Tensor part = wide.slice(1, 1, 2).slice(2, 2, 2);
    backend.upload(host, part);
    assertThat(backend.download(part).toFloats()).containsExactly(host.toFloats());
    assertThat(backend.download(wide).toFloats())
        .containsExactly(0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 5, 6, 0, 0, 0, 7, 8, 0);
  }

  @Test
  void copyTakesAnyStridesOnBothSides() {
    Tensor x = backend.tensor(HostTensor.of("x", new float[] {1, 2, 3, 4, 5, 6}, 3, 2)).slice(1, 1, 1);
    Tensor out = backend.tensor(HostTensor.of("out", new float[9], 3, 3));
    backend.copy(x, out.slice(1, 2, 1));
    assertThat(backend.download(out).toFloats()).containsExactly(0, 0, 2, 0, 0, 4, 0, 0, 6);
  }

  /** 1.5 and -0.25 are exact in every float type. */
  @Test
  void floatTypesWidenToF32() {
    short[] half = {Float.floatToFloat16(1.5f), Float.floatToFloat16(-0.25f)};
    short[] brain = {(short) (Float.floatToIntBits(1.5f) >>> 16), (short) (Float.floatToIntBits(-0.25f) >>> 16)};
    HostTensor[] hosts = {
      new HostTensor("f16", DType.F16, Shape.of(2), MemorySegment.ofArray(half)),
      new HostTensor("bf16", DType.BF16, Shape.of(2), MemorySegment.ofArray(brain)),
      new HostTensor("f64", DType.F64, Shape.of(2), MemorySegment.ofArray(new double[] {1.5, -0.25})),
    };
    for (HostTensor host : hosts) {
      for (Tensor t : new Tensor[] {backend.weight(host), backend.tensor(host)}) {
        assertThat(t.dtype()).isEqualTo(DType.F32);
        assertThat(backend.download(t).toFloats()).containsExactly(1.5f, -0.25f);
      }
    }
  }

  @Test
  void integersConvertToTheTensorsTypeIfTheyFit() {
    Tensor out = backend.alloc(DType.I32, 2);
    backend.upload(HostTensor.of("ids", new long[] {-1, Integer.MAX_VALUE}, 2), out);
    assertThat(backend.download(out).toInts()).containsExactly(-1, Integer.MAX_VALUE);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> backend.upload(HostTensor.of("ids", new long[] {1, 1L << 31}, 2), out))
        .withMessage("ids: 2147483648 does not fit I32");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> backend.upload(HostTensor.of("x", new float[2], 2), out))
        .withMessage("upload: x (F32 [2]) does not fit I32 [2]");
  }

  @Test
  void anAlignedMappedWeightIsNotCopied(@TempDir Path dir) throws IOException {
    Tensor aligned;
    Tensor odd;
    try (Arena arena = Arena.ofShared(); FileChannel channel = newFile(dir)) {
      MemorySegment map = channel.map(FileChannel.MapMode.READ_WRITE, 0, 16, arena);
      aligned = backend.weight(new HostTensor("aligned", DType.F32, Shape.of(2), map.asSlice(4, 8)));
      odd = backend.weight(new HostTensor("odd", DType.F32, Shape.of(2), map.asSlice(5, 8)));
      map.set(ValueLayout.JAVA_FLOAT, 4, 3.5f);
      assertThat(backend.download(aligned).toFloats()).containsExactly(3.5f, 0);
      assertThat(backend.download(odd).toFloats()).containsExactly(0, 0);
    }
    assertThatIllegalStateException().isThrownBy(() -> backend.download(aligned)).withMessageContaining("closed");
    assertThat(backend.download(odd).toFloats()).containsExactly(0, 0);
  }

  @Test
  void nothingWorksAfterClose() {
    Tensor scratch = backend.alloc(DType.F32, 2);
    Tensor weight = backend.weight(HostTensor.of("w", new float[2], 2));
    backend.close();
    backend.close();
    assertThatIllegalStateException().isThrownBy(() -> backend.alloc(DType.F32, 2));
    assertThatIllegalStateException().isThrownBy(() -> backend.download(scratch));
    assertThatIllegalStateException().isThrownBy(() -> backend.download(weight));
    assertThatIllegalStateException().isThrownBy(() -> backend.weight(HostTensor.of("w", new float[2], 2)));
  }

  /** A sparse file: only the pages at its two ends exist. */
  @Test
  void aTensorMayBeLargerThanTwoGigabytes(@TempDir Path dir) throws IOException {
    long elements = 3L << 28;
    try (Arena arena = Arena.ofShared(); FileChannel channel = newFile(dir)) {
      MemorySegment map = channel.map(FileChannel.MapMode.READ_WRITE, 0, elements * Float.BYTES, arena);
      map.setAtIndex(ValueLayout.JAVA_FLOAT, elements - 1, 7);
      Tensor weight = backend.weight(new HostTensor("huge", DType.F32, Shape.of(3 << 18, 1 << 10), map));
      Tensor out = backend.alloc(DType.F32, 2, 1 << 10);
      backend.gather(weight, backend.tensor(HostTensor.of("index", new int[] {0, (3 << 18) - 1}, 2)), out);
      assertThat(backend.download(out.slice(1, (1 << 10) - 1, 1)).toFloats()).containsExactly(0, 7);
    }
  }

  private static FileChannel newFile(Path dir) throws IOException {
    return FileChannel.open(dir.resolve("weights"), StandardOpenOption.CREATE_NEW, StandardOpenOption.SPARSE, StandardOpenOption.READ,
        StandardOpenOption.WRITE);
  }
}

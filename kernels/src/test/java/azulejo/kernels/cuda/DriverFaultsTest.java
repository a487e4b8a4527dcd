package azulejo.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.DeviceException;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the host's side does when the driver refuses: the message names the call, and nothing stays allocated. */
class DriverFaultsTest extends EmulatedDeviceTest {
  private long before;

  @BeforeEach
  void open() {
    before = device.used();
  }

  private Backend backend() {
    return new CudaBackend("cuda-emulated", device.openDriver());
  }

  private static void work(Backend backend) {
    backend.weight(HostTensor.of("w", new float[100], 100));
    try (Backend.Scope _ = backend.scope()) {
      Tensor x = backend.tensor(HostTensor.of("x", new float[] {1, 2, 3, 4}, 2, 2));
      Tensor y = backend.alloc(DType.F32, 2, 2);
      backend.add(x, x, y);
      backend.copy(y, x);
      assertThat(backend.download(x).toFloats()).containsExactly(2, 4, 6, 8);
    }
  }

  @Test
  void closingGivesEverythingBack() {
    try (Backend backend = backend()) {
      work(backend);
      assertThat(device.used()).isGreaterThan(before);
    }
    assertThat(device.used()).isEqualTo(before);
  }

  @ParameterizedTest
  @ValueSource(strings = {"cuMemAlloc", "cuMemcpyHtoDAsync", "cuLaunchKernel", "cuMemcpyDtoDAsync", "cuMemcpyDtoHAsync", "cuStreamSynchronize", "cuModuleLoadData"})
  void aCallThatFailsIsNamedAndNothingIsLost(String call) {
    String symbol = call.startsWith("cuMem") ? call + "_v2" : call;
    try (Backend backend = backend()) {
      device.configure(8L << 30, 1, symbol, 0);
      assertThatThrownBy(() -> work(backend)).isInstanceOf(DeviceException.class).hasMessageContaining(call).hasMessageContaining("CUDA_ERROR_UNKNOWN");
    }
    assertThat(device.used()).isEqualTo(before);
  }

  @Test
  void aWeightThatDoesNotFitIsNamedWithTheRemedy() {
    try (Backend backend = backend()) {
      device.configure(before + (1 << 20), 1, null, 0);
      HostTensor large = HostTensor.of("decoder.conv_in.weight", new float[1 << 19], 1 << 19);
      assertThatThrownBy(() -> backend.weight(large)).isInstanceOf(DeviceException.class)
          .hasMessage("the weight decoder.conv_in.weight needs 2.0 MiB of the memory of this CPU, emulating a device by g++ (slow, for checking the kernels), which has 1.0 MiB free of "
              + "8.00 GiB: keep the weights narrower (--weights bf16 or int8), or end what else uses the device");
    }
    assertThat(device.used()).isEqualTo(before);
  }

  @Test
  void workingMemoryThatDoesNotFitSaysWhatWouldHelp() {
    try (Backend backend = backend()) {
      device.configure(before + (64 << 20), 1, null, 0);
      assertThatThrownBy(() -> backend.alloc(DType.F32, 1 << 26)).isInstanceOf(DeviceException.class)
          .hasMessageStartingWith("working memory needs 256.0 MiB").hasMessageEndingWith("generate fewer images at once (--count, --batch), keep the weights narrower (--weights bf16 or int8), "
              + "or end what else uses the device");
    }
    assertThat(device.used()).isEqualTo(before);
  }

  @Test
  void aTensorOutlivesNeitherItsScopeNorItsBackend() {
    try (Backend backend = backend()) {
      Tensor x;
      try (Backend.Scope _ = backend.scope()) {
        x = backend.alloc(DType.F32, 4);
      }
      assertThatThrownBy(() -> backend.download(x)).isInstanceOf(IllegalStateException.class).hasMessage("the tensor's scope is closed");
      Tensor w = backend.weight(HostTensor.of("w", new float[4], 4));
      backend.close();
      assertThatThrownBy(() -> backend.download(w)).isInstanceOf(IllegalStateException.class).hasMessage("the backend is closed");
    }
  }
}

package azulejo.kernels.cuda;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** A test on a fresh emulated device, skipped where the emulation cannot be built. */
abstract class EmulatedDeviceTest {
  EmulatedDevice device;

  @BeforeEach
  void openDevice() {
    assumeTrue(Emulator.canBuild(), "g++ builds the emulation");
    device = new EmulatedDevice();
  }

  @AfterEach
  void closeDevice() {
    if (device != null) {
      device.close();
    }
  }
}

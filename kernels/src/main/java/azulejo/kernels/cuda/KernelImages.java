package azulejo.kernels.cuda;

import azulejo.kernels.DeviceException;

/** Where the code of this package's kernels comes from. */
interface KernelImages {
  /**
   * The PTX of {@code file.cu} for a device.
   *
   * @throws DeviceException when there is none and none can be made
   */
  String image(String file, Driver.Device device);
}

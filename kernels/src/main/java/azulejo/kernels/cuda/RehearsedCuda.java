package azulejo.kernels.cuda;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A driver that only pretends: it answers questions about the device as the real one, gives addresses without memory, computes nothing, and downloads zeros. With it
 * the backend's own accounts tell what a generation would take before anything is allocated.
 */
final class RehearsedCuda implements CudaApi {
  private static final long FIRST_ADDRESS = 1L << 40;

  private final CudaApi real;
  private long next = FIRST_ADDRESS;

  RehearsedCuda(CudaApi real) {
    this.real = real;
  }

  /** Writes a handle or an address where the caller expects it. */
  private int give(long out, long bytes) {
    MemorySegment.ofAddress(out).reinterpret(Long.BYTES).set(ValueLayout.JAVA_LONG_UNALIGNED, 0, next);
    next += (bytes + DeviceMemory.ALIGNMENT) & -DeviceMemory.ALIGNMENT;
    return 0;
  }

  @Override
  public int cuInit(int flags) {
    return real.cuInit(flags);
  }

  @Override
  public int cuDriverGetVersion(long version) {
    return real.cuDriverGetVersion(version);
  }

  @Override
  public int cuDeviceGetCount(long count) {
    return real.cuDeviceGetCount(count);
  }

  @Override
  public int cuDeviceGet(long device, int ordinal) {
    return real.cuDeviceGet(device, ordinal);
  }

  @Override
  public int cuDeviceGetName(long name, int length, int device) {
    return real.cuDeviceGetName(name, length, device);
  }

  @Override
  public int cuDeviceTotalMem(long bytes, int device) {
    return real.cuDeviceTotalMem(bytes, device);
  }

  @Override
  public int cuDeviceGetAttribute(long value, int attribute, int device) {
    return real.cuDeviceGetAttribute(value, attribute, device);
  }

  @Override
  public int cuDevicePrimaryCtxRetain(long context, int device) {
    return give(context, 1);
  }

  @Override
  public int cuDevicePrimaryCtxRelease(int device) {
    return 0;
  }

  @Override
  public int cuCtxSetCurrent(long context) {
    return 0;
  }

  @Override
  public int cuMemGetInfo(long free, long total) {
    return real.cuMemGetInfo(free, total);
  }

  @Override
  public int cuMemAlloc(long address, long bytes) {
    return give(address, bytes);
  }

  @Override
  public int cuMemFree(long address) {
    return 0;
  }

  @Override
  public int cuMemcpyHtoDAsync(long to, long from, long bytes, long stream) {
    return 0;
  }

  @Override
  public int cuMemcpyDtoHAsync(long to, long from, long bytes, long stream) {
    MemorySegment.ofAddress(to).reinterpret(bytes).fill((byte) 0);
    return 0;
  }

  @Override
  public int cuMemcpyDtoDAsync(long to, long from, long bytes, long stream) {
    return 0;
  }

  @Override
  public int cuStreamCreate(long stream, int flags) {
    return give(stream, 1);
  }

  @Override
  public int cuStreamDestroy(long stream) {
    return 0;
  }

  @Override
  public int cuStreamSynchronize(long stream) {
    return 0;
  }

  @Override
  public int cuStreamBeginCapture(long stream, int mode) {
    return 0;
  }

  @Override
  public int cuStreamEndCapture(long stream, long graph) {
    return give(graph, 1);
  }

  @Override
  public int cuGraphInstantiate(long exec, long graph, long flags) {
    return give(exec, 1);
  }

  @Override
  public int cuGraphGetNodes(long graph, long nodes, long count) {
    MemorySegment.ofAddress(count).reinterpret(Long.BYTES).set(ValueLayout.JAVA_LONG_UNALIGNED, 0, 0);
    return 0;
  }

  @Override
  public int cuGraphDestroy(long graph) {
    return 0;
  }

  @Override
  public int cuGraphExecDestroy(long exec) {
    return 0;
  }

  @Override
  public int cuGraphLaunch(long exec, long stream) {
    return 0;
  }

  @Override
  public int cuModuleLoadData(long module, long image) {
    return give(module, 1);
  }

  @Override
  public int cuModuleUnload(long module) {
    return 0;
  }

  @Override
  public int cuModuleGetFunction(long function, long module, long name) {
    return give(function, 1);
  }

  @Override
  public int cuFuncSetAttribute(long function, int attribute, int value) {
    return 0;
  }

  @Override
  public int cuLaunchKernel(long function, int gridX, int gridY, int gridZ, int blockX, int blockY, int blockZ, int sharedMemory, long stream, long parameters, long extra) {
    return 0;
  }

  @Override
  public int cuEventCreate(long event, int flags) {
    return give(event, 1);
  }

  @Override
  public int cuEventDestroy(long event) {
    return 0;
  }

  @Override
  public int cuEventRecord(long event, long stream) {
    return 0;
  }

  @Override
  public int cuEventSynchronize(long event) {
    return 0;
  }

  @Override
  public int cuEventElapsedTime(long milliseconds, long from, long to) {
    MemorySegment.ofAddress(milliseconds).reinterpret(Float.BYTES).set(ValueLayout.JAVA_FLOAT_UNALIGNED, 0, 0);
    return 0;
  }

  @Override
  public int cuGetErrorName(int error, long name) {
    return real.cuGetErrorName(error, name);
  }

  @Override
  public int cuGetErrorString(int error, long text) {
    return real.cuGetErrorString(error, text);
  }
}

package azulejo.kernels.cuda;

import org.lwjgl.cuda.CU;

/** The driver through LWJGL, whose CUDA module ended with 3.3.6. */
final class LwjglCuda implements CudaApi {
  @Override
  public int cuInit(int flags) {
    return CU.cuInit(flags);
  }

  @Override
  public int cuDriverGetVersion(long version) {
    return CU.ncuDriverGetVersion(version);
  }

  @Override
  public int cuDeviceGetCount(long count) {
    return CU.ncuDeviceGetCount(count);
  }

  @Override
  public int cuDeviceGet(long device, int ordinal) {
    return CU.ncuDeviceGet(device, ordinal);
  }

  @Override
  public int cuDeviceGetName(long name, int length, int device) {
    return CU.ncuDeviceGetName(name, length, device);
  }

  @Override
  public int cuDeviceTotalMem(long bytes, int device) {
    return CU.ncuDeviceTotalMem(bytes, device);
  }

  @Override
  public int cuDeviceGetAttribute(long value, int attribute, int device) {
    return CU.ncuDeviceGetAttribute(value, attribute, device);
  }

  @Override
  public int cuDevicePrimaryCtxRetain(long context, int device) {
    return CU.ncuDevicePrimaryCtxRetain(context, device);
  }

  @Override
  public int cuDevicePrimaryCtxRelease(int device) {
    return CU.cuDevicePrimaryCtxRelease(device);
  }

  @Override
  public int cuCtxSetCurrent(long context) {
    return CU.cuCtxSetCurrent(context);
  }

  @Override
  public int cuMemGetInfo(long free, long total) {
    return CU.ncuMemGetInfo(free, total);
  }

  @Override
  public int cuMemAlloc(long address, long bytes) {
    return CU.ncuMemAlloc(address, bytes);
  }

  @Override
  public int cuMemFree(long address) {
    return CU.cuMemFree(address);
  }

  @Override
  public int cuMemcpyHtoDAsync(long to, long from, long bytes, long stream) {
    return CU.ncuMemcpyHtoDAsync(to, from, bytes, stream);
  }

  @Override
  public int cuMemcpyDtoHAsync(long to, long from, long bytes, long stream) {
    return CU.ncuMemcpyDtoHAsync(to, from, bytes, stream);
  }

  @Override
  public int cuMemcpyDtoDAsync(long to, long from, long bytes, long stream) {
    return CU.cuMemcpyDtoDAsync(to, from, bytes, stream);
  }

  @Override
  public int cuStreamCreate(long stream, int flags) {
    return CU.ncuStreamCreate(stream, flags);
  }

  @Override
  public int cuStreamDestroy(long stream) {
    return CU.cuStreamDestroy(stream);
  }

  @Override
  public int cuStreamSynchronize(long stream) {
    return CU.cuStreamSynchronize(stream);
  }

  @Override
  public int cuStreamBeginCapture(long stream, int mode) {
    return CU.cuStreamBeginCapture_v2(stream, mode);
  }

  @Override
  public int cuStreamEndCapture(long stream, long graph) {
    return CU.ncuStreamEndCapture(stream, graph);
  }

  @Override
  public int cuGraphInstantiate(long exec, long graph, long flags) {
    return CU.ncuGraphInstantiateWithFlags(exec, graph, flags);
  }

  @Override
  public int cuGraphGetNodes(long graph, long nodes, long count) {
    return CU.ncuGraphGetNodes(graph, nodes, count);
  }

  @Override
  public int cuGraphDestroy(long graph) {
    return CU.cuGraphDestroy(graph);
  }

  @Override
  public int cuGraphExecDestroy(long exec) {
    return CU.cuGraphExecDestroy(exec);
  }

  @Override
  public int cuGraphLaunch(long exec, long stream) {
    return CU.cuGraphLaunch(exec, stream);
  }

  @Override
  public int cuModuleLoadData(long module, long image) {
    return CU.ncuModuleLoadData(module, image);
  }

  @Override
  public int cuModuleUnload(long module) {
    return CU.cuModuleUnload(module);
  }

  @Override
  public int cuModuleGetFunction(long function, long module, long name) {
    return CU.ncuModuleGetFunction(function, module, name);
  }

  @Override
  public int cuFuncSetAttribute(long function, int attribute, int value) {
    return CU.cuFuncSetAttribute(function, attribute, value);
  }

  @Override
  public int cuLaunchKernel(long function, int gridX, int gridY, int gridZ, int blockX, int blockY, int blockZ, int sharedMemory, long stream, long parameters, long extra) {
    return CU.ncuLaunchKernel(function, gridX, gridY, gridZ, blockX, blockY, blockZ, sharedMemory, stream, parameters, extra);
  }

  @Override
  public int cuEventCreate(long event, int flags) {
    return CU.ncuEventCreate(event, flags);
  }

  @Override
  public int cuEventDestroy(long event) {
    return CU.cuEventDestroy(event);
  }

  @Override
  public int cuEventRecord(long event, long stream) {
    return CU.cuEventRecord(event, stream);
  }

  @Override
  public int cuEventSynchronize(long event) {
    return CU.cuEventSynchronize(event);
  }

  @Override
  public int cuEventElapsedTime(long milliseconds, long from, long to) {
    return CU.ncuEventElapsedTime(milliseconds, from, to);
  }

  @Override
  public int cuGetErrorName(int error, long name) {
    return CU.ncuGetErrorName(error, name);
  }

  @Override
  public int cuGetErrorString(int error, long text) {
    return CU.ncuGetErrorString(error, text);
  }
}

package azulejo.kernels.cuda;

/**
 * The functions of the CUDA driver that {@link Driver} calls, under the names of {@code cuda.h} (where there are versions of one: the second). Pointers, handles
 * and sizes are longs; what is returned is a CUresult.
 */
interface CudaApi {
  int cuInit(int flags);

  int cuDriverGetVersion(long version);

  int cuDeviceGetCount(long count);

  int cuDeviceGet(long device, int ordinal);

  int cuDeviceGetName(long name, int length, int device);

  int cuDeviceTotalMem(long bytes, int device);

  int cuDeviceGetAttribute(long value, int attribute, int device);

  int cuDevicePrimaryCtxRetain(long context, int device);

  int cuDevicePrimaryCtxRelease(int device);

  int cuCtxSetCurrent(long context);

  int cuMemGetInfo(long free, long total);

  int cuMemAlloc(long address, long bytes);

  int cuMemFree(long address);

  int cuMemcpyHtoDAsync(long to, long from, long bytes, long stream);

  int cuMemcpyDtoHAsync(long to, long from, long bytes, long stream);

  int cuMemcpyDtoDAsync(long to, long from, long bytes, long stream);

  int cuStreamCreate(long stream, int flags);

  int cuStreamDestroy(long stream);

  int cuStreamSynchronize(long stream);

  int cuStreamBeginCapture(long stream, int mode);

  int cuStreamEndCapture(long stream, long graph);

  int cuGraphInstantiate(long exec, long graph, long flags);

  int cuGraphGetNodes(long graph, long nodes, long count);

  int cuGraphDestroy(long graph);

  int cuGraphExecDestroy(long exec);

  int cuGraphLaunch(long exec, long stream);

  int cuModuleLoadData(long module, long image);

  int cuModuleUnload(long module);

  int cuModuleGetFunction(long function, long module, long name);

  int cuFuncSetAttribute(long function, int attribute, int value);

  int cuLaunchKernel(long function, int gridX, int gridY, int gridZ, int blockX, int blockY, int blockZ, int sharedMemory, long stream, long parameters, long extra);

  int cuEventCreate(long event, int flags);

  int cuEventDestroy(long event);

  int cuEventRecord(long event, long stream);

  int cuEventSynchronize(long event);

  int cuEventElapsedTime(long milliseconds, long from, long to);

  int cuGetErrorName(int error, long name);

  int cuGetErrorString(int error, long text);
}

package azulejo.kernels.cuda;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.invoke.MethodHandle;

/** The driver's library through the JDK's foreign functions. */
final class PanamaCuda implements CudaApi {
  private final MethodHandle cuInit;
  private final MethodHandle cuDriverGetVersion;
  private final MethodHandle cuDeviceGetCount;
  private final MethodHandle cuDeviceGet;
  private final MethodHandle cuDeviceGetName;
  private final MethodHandle cuDeviceTotalMem;
  private final MethodHandle cuDeviceGetAttribute;
  private final MethodHandle cuDevicePrimaryCtxRetain;
  private final MethodHandle cuDevicePrimaryCtxRelease;
  private final MethodHandle cuCtxSetCurrent;
  private final MethodHandle cuMemGetInfo;
  private final MethodHandle cuMemAlloc;
  private final MethodHandle cuMemFree;
  private final MethodHandle cuMemcpyHtoDAsync;
  private final MethodHandle cuMemcpyDtoHAsync;
  private final MethodHandle cuMemcpyDtoDAsync;
  private final MethodHandle cuStreamCreate;
  private final MethodHandle cuStreamDestroy;
  private final MethodHandle cuStreamSynchronize;
  private final MethodHandle cuStreamBeginCapture;
  private final MethodHandle cuStreamEndCapture;
  private final MethodHandle cuGraphInstantiate;
  private final MethodHandle cuGraphGetNodes;
  private final MethodHandle cuGraphDestroy;
  private final MethodHandle cuGraphExecDestroy;
  private final MethodHandle cuGraphLaunch;
  private final MethodHandle cuModuleLoadData;
  private final MethodHandle cuModuleUnload;
  private final MethodHandle cuModuleGetFunction;
  private final MethodHandle cuFuncSetAttribute;
  private final MethodHandle cuLaunchKernel;
  private final MethodHandle cuEventCreate;
  private final MethodHandle cuEventDestroy;
  private final MethodHandle cuEventRecord;
  private final MethodHandle cuEventSynchronize;
  private final MethodHandle cuEventElapsedTime;
  private final MethodHandle cuGetErrorName;
  private final MethodHandle cuGetErrorString;

  PanamaCuda(NativeLibrary library) {
    cuInit = library.function("cuInit", JAVA_INT);
    cuDriverGetVersion = library.function("cuDriverGetVersion", JAVA_LONG);
    cuDeviceGetCount = library.function("cuDeviceGetCount", JAVA_LONG);
    cuDeviceGet = library.function("cuDeviceGet", JAVA_LONG, JAVA_INT);
    cuDeviceGetName = library.function("cuDeviceGetName", JAVA_LONG, JAVA_INT, JAVA_INT);
    cuDeviceTotalMem = library.function("cuDeviceTotalMem_v2", JAVA_LONG, JAVA_INT);
    cuDeviceGetAttribute = library.function("cuDeviceGetAttribute", JAVA_LONG, JAVA_INT, JAVA_INT);
    cuDevicePrimaryCtxRetain = library.function("cuDevicePrimaryCtxRetain", JAVA_LONG, JAVA_INT);
    cuDevicePrimaryCtxRelease = library.function("cuDevicePrimaryCtxRelease_v2", JAVA_INT);
    cuCtxSetCurrent = library.function("cuCtxSetCurrent", JAVA_LONG);
    cuMemGetInfo = library.function("cuMemGetInfo_v2", JAVA_LONG, JAVA_LONG);
    cuMemAlloc = library.function("cuMemAlloc_v2", JAVA_LONG, JAVA_LONG);
    cuMemFree = library.function("cuMemFree_v2", JAVA_LONG);
    cuMemcpyHtoDAsync = library.function("cuMemcpyHtoDAsync_v2", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    cuMemcpyDtoHAsync = library.function("cuMemcpyDtoHAsync_v2", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    cuMemcpyDtoDAsync = library.function("cuMemcpyDtoDAsync_v2", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    cuStreamCreate = library.function("cuStreamCreate", JAVA_LONG, JAVA_INT);
    cuStreamDestroy = library.function("cuStreamDestroy_v2", JAVA_LONG);
    cuStreamSynchronize = library.function("cuStreamSynchronize", JAVA_LONG);
    cuStreamBeginCapture = library.function("cuStreamBeginCapture_v2", JAVA_LONG, JAVA_INT);
    cuStreamEndCapture = library.function("cuStreamEndCapture", JAVA_LONG, JAVA_LONG);
    cuGraphInstantiate = library.function("cuGraphInstantiateWithFlags", JAVA_LONG, JAVA_LONG, JAVA_LONG);
    cuGraphGetNodes = library.function("cuGraphGetNodes", JAVA_LONG, JAVA_LONG, JAVA_LONG);
    cuGraphDestroy = library.function("cuGraphDestroy", JAVA_LONG);
    cuGraphExecDestroy = library.function("cuGraphExecDestroy", JAVA_LONG);
    cuGraphLaunch = library.function("cuGraphLaunch", JAVA_LONG, JAVA_LONG);
    cuModuleLoadData = library.function("cuModuleLoadData", JAVA_LONG, JAVA_LONG);
    cuModuleUnload = library.function("cuModuleUnload", JAVA_LONG);
    cuModuleGetFunction = library.function("cuModuleGetFunction", JAVA_LONG, JAVA_LONG, JAVA_LONG);
    cuFuncSetAttribute = library.function("cuFuncSetAttribute", JAVA_LONG, JAVA_INT, JAVA_INT);
    cuLaunchKernel = library.function("cuLaunchKernel", JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    cuEventCreate = library.function("cuEventCreate", JAVA_LONG, JAVA_INT);
    cuEventDestroy = library.function("cuEventDestroy_v2", JAVA_LONG);
    cuEventRecord = library.function("cuEventRecord", JAVA_LONG, JAVA_LONG);
    cuEventSynchronize = library.function("cuEventSynchronize", JAVA_LONG);
    cuEventElapsedTime = library.function("cuEventElapsedTime", JAVA_LONG, JAVA_LONG, JAVA_LONG);
    cuGetErrorName = library.function("cuGetErrorName", JAVA_INT, JAVA_LONG);
    cuGetErrorString = library.function("cuGetErrorString", JAVA_INT, JAVA_LONG);
  }

  @Override
  public int cuInit(int flags) {
    return NativeLibrary.call(() -> (int) cuInit.invokeExact(flags));
  }

  @Override
  public int cuDriverGetVersion(long version) {
    return NativeLibrary.call(() -> (int) cuDriverGetVersion.invokeExact(version));
  }

  @Override
  public int cuDeviceGetCount(long count) {
    return NativeLibrary.call(() -> (int) cuDeviceGetCount.invokeExact(count));
  }

  @Override
  public int cuDeviceGet(long device, int ordinal) {
    return NativeLibrary.call(() -> (int) cuDeviceGet.invokeExact(device, ordinal));
  }

  @Override
  public int cuDeviceGetName(long name, int length, int device) {
    return NativeLibrary.call(() -> (int) cuDeviceGetName.invokeExact(name, length, device));
  }

  @Override
  public int cuDeviceTotalMem(long bytes, int device) {
    return NativeLibrary.call(() -> (int) cuDeviceTotalMem.invokeExact(bytes, device));
  }

  @Override
  public int cuDeviceGetAttribute(long value, int attribute, int device) {
    return NativeLibrary.call(() -> (int) cuDeviceGetAttribute.invokeExact(value, attribute, device));
  }

  @Override
  public int cuDevicePrimaryCtxRetain(long context, int device) {
    return NativeLibrary.call(() -> (int) cuDevicePrimaryCtxRetain.invokeExact(context, device));
  }

  @Override
  public int cuDevicePrimaryCtxRelease(int device) {
    return NativeLibrary.call(() -> (int) cuDevicePrimaryCtxRelease.invokeExact(device));
  }

  @Override
  public int cuCtxSetCurrent(long context) {
    return NativeLibrary.call(() -> (int) cuCtxSetCurrent.invokeExact(context));
  }

  @Override
  public int cuMemGetInfo(long free, long total) {
    return NativeLibrary.call(() -> (int) cuMemGetInfo.invokeExact(free, total));
  }

  @Override
  public int cuMemAlloc(long address, long bytes) {
    return NativeLibrary.call(() -> (int) cuMemAlloc.invokeExact(address, bytes));
  }

  @Override
  public int cuMemFree(long address) {
    return NativeLibrary.call(() -> (int) cuMemFree.invokeExact(address));
  }

  @Override
  public int cuMemcpyHtoDAsync(long to, long from, long bytes, long stream) {
    return NativeLibrary.call(() -> (int) cuMemcpyHtoDAsync.invokeExact(to, from, bytes, stream));
  }

  @Override
  public int cuMemcpyDtoHAsync(long to, long from, long bytes, long stream) {
    return NativeLibrary.call(() -> (int) cuMemcpyDtoHAsync.invokeExact(to, from, bytes, stream));
  }

  @Override
  public int cuMemcpyDtoDAsync(long to, long from, long bytes, long stream) {
    return NativeLibrary.call(() -> (int) cuMemcpyDtoDAsync.invokeExact(to, from, bytes, stream));
  }

  @Override
  public int cuStreamCreate(long stream, int flags) {
    return NativeLibrary.call(() -> (int) cuStreamCreate.invokeExact(stream, flags));
  }

  @Override
  public int cuStreamDestroy(long stream) {
    return NativeLibrary.call(() -> (int) cuStreamDestroy.invokeExact(stream));
  }

  @Override
  public int cuStreamSynchronize(long stream) {
    return NativeLibrary.call(() -> (int) cuStreamSynchronize.invokeExact(stream));
  }

  @Override
  public int cuStreamBeginCapture(long stream, int mode) {
    return NativeLibrary.call(() -> (int) cuStreamBeginCapture.invokeExact(stream, mode));
  }

  @Override
  public int cuStreamEndCapture(long stream, long graph) {
    return NativeLibrary.call(() -> (int) cuStreamEndCapture.invokeExact(stream, graph));
  }

  @Override
  public int cuGraphInstantiate(long exec, long graph, long flags) {
    return NativeLibrary.call(() -> (int) cuGraphInstantiate.invokeExact(exec, graph, flags));
  }

  @Override
  public int cuGraphGetNodes(long graph, long nodes, long count) {
    return NativeLibrary.call(() -> (int) cuGraphGetNodes.invokeExact(graph, nodes, count));
  }

  @Override
  public int cuGraphDestroy(long graph) {
    return NativeLibrary.call(() -> (int) cuGraphDestroy.invokeExact(graph));
  }

  @Override
  public int cuGraphExecDestroy(long exec) {
    return NativeLibrary.call(() -> (int) cuGraphExecDestroy.invokeExact(exec));
  }

  @Override
  public int cuGraphLaunch(long exec, long stream) {
    return NativeLibrary.call(() -> (int) cuGraphLaunch.invokeExact(exec, stream));
  }

  @Override
  public int cuModuleLoadData(long module, long image) {
    return NativeLibrary.call(() -> (int) cuModuleLoadData.invokeExact(module, image));
  }

  @Override
  public int cuModuleUnload(long module) {
    return NativeLibrary.call(() -> (int) cuModuleUnload.invokeExact(module));
  }

  @Override
  public int cuModuleGetFunction(long function, long module, long name) {
    return NativeLibrary.call(() -> (int) cuModuleGetFunction.invokeExact(function, module, name));
  }

  @Override
  public int cuFuncSetAttribute(long function, int attribute, int value) {
    return NativeLibrary.call(() -> (int) cuFuncSetAttribute.invokeExact(function, attribute, value));
  }

  @Override
  public int cuLaunchKernel(long function, int gridX, int gridY, int gridZ, int blockX, int blockY, int blockZ, int sharedMemory, long stream, long parameters, long extra) {
    return NativeLibrary.call(() -> (int) cuLaunchKernel.invokeExact(function, gridX, gridY, gridZ, blockX, blockY, blockZ, sharedMemory, stream, parameters, extra));
  }

  @Override
  public int cuEventCreate(long event, int flags) {
    return NativeLibrary.call(() -> (int) cuEventCreate.invokeExact(event, flags));
  }

  @Override
  public int cuEventDestroy(long event) {
    return NativeLibrary.call(() -> (int) cuEventDestroy.invokeExact(event));
  }

  @Override
  public int cuEventRecord(long event, long stream) {
    return NativeLibrary.call(() -> (int) cuEventRecord.invokeExact(event, stream));
  }

  @Override
  public int cuEventSynchronize(long event) {
    return NativeLibrary.call(() -> (int) cuEventSynchronize.invokeExact(event));
  }

  @Override
  public int cuEventElapsedTime(long milliseconds, long from, long to) {
    return NativeLibrary.call(() -> (int) cuEventElapsedTime.invokeExact(milliseconds, from, to));
  }

  @Override
  public int cuGetErrorName(int error, long name) {
    return NativeLibrary.call(() -> (int) cuGetErrorName.invokeExact(error, name));
  }

  @Override
  public int cuGetErrorString(int error, long text) {
    return NativeLibrary.call(() -> (int) cuGetErrorString.invokeExact(error, text));
  }
}

package azulejo.kernels.cuda;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.invoke.MethodHandle;

/** NVRTC's library through the JDK's foreign functions. */
final class PanamaNvrtc implements NvrtcApi {
  private final MethodHandle nvrtcVersion;
  private final MethodHandle nvrtcCreateProgram;
  private final MethodHandle nvrtcDestroyProgram;
  private final MethodHandle nvrtcCompileProgram;
  private final MethodHandle nvrtcGetPTXSize;
  private final MethodHandle nvrtcGetPTX;
  private final MethodHandle nvrtcGetProgramLogSize;
  private final MethodHandle nvrtcGetProgramLog;

  PanamaNvrtc(NativeLibrary library) {
    nvrtcVersion = library.function("nvrtcVersion", JAVA_LONG, JAVA_LONG);
    nvrtcCreateProgram = library.function("nvrtcCreateProgram", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG);
    nvrtcDestroyProgram = library.function("nvrtcDestroyProgram", JAVA_LONG);
    nvrtcCompileProgram = library.function("nvrtcCompileProgram", JAVA_LONG, JAVA_INT, JAVA_LONG);
    nvrtcGetPTXSize = library.function("nvrtcGetPTXSize", JAVA_LONG, JAVA_LONG);
    nvrtcGetPTX = library.function("nvrtcGetPTX", JAVA_LONG, JAVA_LONG);
    nvrtcGetProgramLogSize = library.function("nvrtcGetProgramLogSize", JAVA_LONG, JAVA_LONG);
    nvrtcGetProgramLog = library.function("nvrtcGetProgramLog", JAVA_LONG, JAVA_LONG);
  }

  @Override
  public int nvrtcVersion(long major, long minor) {
    return NativeLibrary.call(() -> (int) nvrtcVersion.invokeExact(major, minor));
  }

  @Override
  public int nvrtcCreateProgram(long program, long source, long name, int count, long headers, long names) {
    return NativeLibrary.call(() -> (int) nvrtcCreateProgram.invokeExact(program, source, name, count, headers, names));
  }

  @Override
  public int nvrtcDestroyProgram(long program) {
    return NativeLibrary.call(() -> (int) nvrtcDestroyProgram.invokeExact(program));
  }

  @Override
  public int nvrtcCompileProgram(long program, int count, long options) {
    return NativeLibrary.call(() -> (int) nvrtcCompileProgram.invokeExact(program, count, options));
  }

  @Override
  public int nvrtcGetPTXSize(long program, long size) {
    return NativeLibrary.call(() -> (int) nvrtcGetPTXSize.invokeExact(program, size));
  }

  @Override
  public int nvrtcGetPTX(long program, long ptx) {
    return NativeLibrary.call(() -> (int) nvrtcGetPTX.invokeExact(program, ptx));
  }

  @Override
  public int nvrtcGetProgramLogSize(long program, long size) {
    return NativeLibrary.call(() -> (int) nvrtcGetProgramLogSize.invokeExact(program, size));
  }

  @Override
  public int nvrtcGetProgramLog(long program, long log) {
    return NativeLibrary.call(() -> (int) nvrtcGetProgramLog.invokeExact(program, log));
  }
}

package azulejo.kernels.cuda;

import org.lwjgl.cuda.NVRTC;

/** NVRTC through LWJGL. */
final class LwjglNvrtc implements NvrtcApi {
  @Override
  public int nvrtcVersion(long major, long minor) {
    return NVRTC.nnvrtcVersion(major, minor);
  }

  @Override
  public int nvrtcCreateProgram(long program, long source, long name, int count, long headers, long names) {
    return NVRTC.nnvrtcCreateProgram(program, source, name, count, headers, names);
  }

  @Override
  public int nvrtcDestroyProgram(long program) {
    return NVRTC.nnvrtcDestroyProgram(program);
  }

  @Override
  public int nvrtcCompileProgram(long program, int count, long options) {
    return NVRTC.nnvrtcCompileProgram(program, count, options);
  }

  @Override
  public int nvrtcGetPTXSize(long program, long size) {
    return NVRTC.nnvrtcGetPTXSize(program, size);
  }

  @Override
  public int nvrtcGetPTX(long program, long ptx) {
    return NVRTC.nnvrtcGetPTX(program, ptx);
  }

  @Override
  public int nvrtcGetProgramLogSize(long program, long size) {
    return NVRTC.nnvrtcGetProgramLogSize(program, size);
  }

  @Override
  public int nvrtcGetProgramLog(long program, long log) {
    return NVRTC.nnvrtcGetProgramLog(program, log);
  }
}

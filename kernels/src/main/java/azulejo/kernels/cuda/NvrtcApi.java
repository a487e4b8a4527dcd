package azulejo.kernels.cuda;

/** The functions of NVRTC that {@link Compiler} calls, under the names of {@code nvrtc.h}. Pointers are longs; what is returned is an nvrtcResult. */
interface NvrtcApi {
  int nvrtcVersion(long major, long minor);

  int nvrtcCreateProgram(long program, long source, long name, int count, long headers, long names);

  int nvrtcDestroyProgram(long program);

  int nvrtcCompileProgram(long program, int count, long options);

  int nvrtcGetPTXSize(long program, long size);

  int nvrtcGetPTX(long program, long ptx);

  int nvrtcGetProgramLogSize(long program, long size);

  int nvrtcGetProgramLog(long program, long log);
}

package azulejo.kernels.cuda;

import azulejo.kernels.DeviceException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Compiles this package's kernels with NVRTC. */
final class Compiler implements KernelImages {
  /** The files that kernels include. */
  static final List<String> HEADERS = List.of("azulejo.cuh", "gemm.cuh", "mma.cuh", "philox.cuh", "sampling.cuh");

  private final NvrtcApi nvrtc;

  Compiler(NvrtcApi nvrtc) {
    this.nvrtc = nvrtc;
  }

  /** The options for a device; they change what comes out. */
  static List<String> options(Driver.Device device) {
    return List.of("--gpu-architecture=compute_" + device.major() + device.minor(), "--std=c++17", "--fmad=false");
  }

  @Override
  public String image(String file, Driver.Device device) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment program = arena.allocate(ValueLayout.JAVA_LONG);
      MemorySegment headers = strings(arena, HEADERS.stream().map(Compiler::source).toList());
      check("nvrtcCreateProgram", nvrtc.nvrtcCreateProgram(program.address(), arena.allocateFrom(source(file + ".cu")).address(),
          arena.allocateFrom(file + ".cu").address(), HEADERS.size(), headers.address(), strings(arena, HEADERS).address()));
      try {
        List<String> options = options(device);
        int result = nvrtc.nvrtcCompileProgram(program.get(ValueLayout.JAVA_LONG, 0), options.size(), strings(arena, options).address());
        if (result != 0) {
          throw new DeviceException("NVRTC cannot compile " + file + ".cu for " + device.architecture() + ": " + log(program.get(ValueLayout.JAVA_LONG, 0)));
        }
        return ptx(program.get(ValueLayout.JAVA_LONG, 0));
      } finally {
        nvrtc.nvrtcDestroyProgram(program.address());
      }
    }
  }

  /** The text of a resource of this package. */
  static String source(String name) {
    try (InputStream in = Compiler.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalArgumentException("there is no " + name + " in " + Compiler.class.getPackageName());
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static MemorySegment strings(Arena arena, List<String> texts) {
    MemorySegment pointers = arena.allocate(ValueLayout.JAVA_LONG, texts.size());
    for (int i = 0; i < texts.size(); i++) {
      pointers.setAtIndex(ValueLayout.JAVA_LONG, i, arena.allocateFrom(texts.get(i)).address());
    }
    return pointers;
  }

  private String ptx(long program) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment size = arena.allocate(ValueLayout.JAVA_LONG);
      check("nvrtcGetPTXSize", nvrtc.nvrtcGetPTXSize(program, size.address()));
      MemorySegment ptx = arena.allocate(size.get(ValueLayout.JAVA_LONG, 0));
      check("nvrtcGetPTX", nvrtc.nvrtcGetPTX(program, ptx.address()));
      return ptx.getString(0);
    }
  }

  private String log(long program) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment size = arena.allocate(ValueLayout.JAVA_LONG);
      check("nvrtcGetProgramLogSize", nvrtc.nvrtcGetProgramLogSize(program, size.address()));
      MemorySegment log = arena.allocate(size.get(ValueLayout.JAVA_LONG, 0));
      check("nvrtcGetProgramLog", nvrtc.nvrtcGetProgramLog(program, log.address()));
      return log.getString(0).strip();
    }
  }

  private static void check(String call, int result) {
    if (result != 0) {
      throw new DeviceException(call + " failed with nvrtcResult " + result);
    }
  }
}

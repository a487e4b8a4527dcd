package azulejo.kernels.cuda;

import azulejo.kernels.DeviceException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
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
          throw new DeviceException("NVRTC cannot compile " + file + ".cu for " + device.architecture() + ": " + text("nvrtcGetProgramLog",
              program.get(ValueLayout.JAVA_LONG, 0), nvrtc::nvrtcGetProgramLogSize, nvrtc::nvrtcGetProgramLog).strip());
        }
        return text("nvrtcGetPTX", program.get(ValueLayout.JAVA_LONG, 0), nvrtc::nvrtcGetPTXSize, nvrtc::nvrtcGetPTX);
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

  /** Hexadecimal digits that change with the text of any of these resources of this package, and with {@code more}. */
  static String hash(List<String> names, String more) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      names.forEach(name -> digest.update(source(name).getBytes(StandardCharsets.UTF_8)));
      digest.update(more.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest.digest(), 0, 16);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static MemorySegment strings(Arena arena, List<String> texts) {
    MemorySegment pointers = arena.allocate(ValueLayout.JAVA_LONG, texts.size());
    for (int i = 0; i < texts.size(); i++) {
      pointers.setAtIndex(ValueLayout.JAVA_LONG, i, arena.allocateFrom(texts.get(i)).address());
    }
    return pointers;
  }

  /** A function of NVRTC that writes something of a program to an address. */
  private interface Getter {
    int get(long program, long out);
  }

  private static String text(String call, long program, Getter size, Getter text) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(ValueLayout.JAVA_LONG);
      check(call + "Size", size.get(program, bytes.address()));
      MemorySegment out = arena.allocate(bytes.get(ValueLayout.JAVA_LONG, 0));
      check(call, text.get(program, out.address()));
      return out.getString(0);
    }
  }

  private static void check(String call, int result) {
    if (result != 0) {
      throw new DeviceException(call + " failed with nvrtcResult " + result);
    }
  }
}

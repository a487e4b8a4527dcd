package azulejo.kernels.cuda;

import azulejo.kernels.DeviceException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/**
 * A stand-in for the CUDA driver and NVRTC that runs this package's kernels on the CPU, built with g++ from {@code emulator/}: slow, for checking them and the
 * code around them where there is no device.
 */
final class Emulator {
  private static final List<String> SOURCES = List.of("emulator.h", "emulator.cpp");

  private Emulator() {}

  /** Whether g++ can be started. */
  static boolean canBuild() {
    return run(List.of("g++", "--version"), null) == 0;
  }

  /** The path of the library, which has the functions of both; built in {@code cache} if it is not there. What it compiles lies beside it. */
  static Path library(Path cache) {
    Path folder = cache.resolve("emulator-" + Compiler.hash(SOURCES.stream().map(Emulator::resource).toList(), ""));
    Path library = folder.resolve("libemulator.so");
    if (Files.exists(library)) {
      return library;
    }
    try {
      Files.createDirectories(folder);
      for (String name : SOURCES) {
        Files.writeString(folder.resolve(name), Compiler.source(resource(name)));
      }
      Path log = folder.resolve("build.log");
      Path built = Files.createTempFile(folder, "libemulator", ".so");
      int status = run(List.of("g++", "-std=c++17", "-O2", "-march=native", "-fPIC", "-shared", "-Wl,-soname," + library, folder.resolve("emulator.cpp").toString(), "-o",
          built.toString(), "-ldl"), log);
      if (status != 0) {
        throw new DeviceException("g++ cannot build the emulation of CUDA: see " + log);
      }
      Files.move(built, library, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileAlreadyExistsException e) {
      // another process was faster
    } catch (IOException e) {
      throw new UncheckedIOException("cannot build the emulation of CUDA in " + folder, e);
    }
    return library;
  }

  private static String resource(String name) {
    return "emulator/" + name;
  }

  private static int run(List<String> command, Path log) {
    try {
      ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
      builder.redirectOutput(log == null ? ProcessBuilder.Redirect.DISCARD : ProcessBuilder.Redirect.to(log.toFile()));
      return builder.start().waitFor();
    } catch (IOException e) {
      return -1;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return -1;
    }
  }
}

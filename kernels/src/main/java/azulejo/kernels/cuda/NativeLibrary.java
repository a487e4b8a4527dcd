package azulejo.kernels.cuda;

import azulejo.kernels.DeviceException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.Optional;

/** A shared library that is found at run time, or not; it stays loaded. */
final class NativeLibrary {
  private final String name;
  private final SymbolLookup symbols;

  private NativeLibrary(String name, SymbolLookup symbols) {
    this.name = name;
    this.symbols = symbols;
  }

  /** The first of these names or paths that the system's loader finds. */
  static Optional<NativeLibrary> find(List<String> names) {
    for (String name : names) {
      try {
        return Optional.of(new NativeLibrary(name, SymbolLookup.libraryLookup(name, Arena.global())));
      } catch (IllegalArgumentException e) {
        // the next one may be there
      }
    }
    return Optional.empty();
  }

  String name() {
    return name;
  }

  /**
   * A function that returns an int.
   *
   * @throws DeviceException when the library has none of this name
   */
  MethodHandle function(String function, MemoryLayout... parameters) {
    MemorySegment address = symbols.find(function).orElseThrow(
        () -> new DeviceException(name + " has no function " + function + ": it is too old for this program, update the NVIDIA driver or the CUDA toolkit"));
    return Linker.nativeLinker().downcallHandle(address, FunctionDescriptor.of(ValueLayout.JAVA_INT, parameters));
  }

  /** A call through a method handle. */
  @FunctionalInterface
  interface Call {
    int run() throws Throwable;
  }

  static int call(Call call) {
    try {
      return call.run();
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }
}

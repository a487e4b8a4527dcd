package azulejo.kernels.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.List;

/** A driver of the emulation, and what only the emulation can: faults on demand and an account of what is held. It is one for the whole process. */
final class EmulatedDevice implements AutoCloseable {
  private static final long MEMORY = 8L << 30;

  private final SymbolLookup symbols;
  private final NativeLibrary library;
  private final Driver driver;

  EmulatedDevice() {
    Path path = Emulator.library(CudaBackends.cache());
    symbols = SymbolLookup.libraryLookup(path, Arena.global());
    library = NativeLibrary.find(List.of(path.toString())).orElseThrow();
    driver = openDriver();
  }

  /** Another one. */
  Driver openDriver() {
    return new Driver(new PanamaCuda(library), 0, new Compiler(new PanamaNvrtc(library)));
  }

  NativeLibrary library() {
    return library;
  }

  Driver driver() {
    return driver;
  }

  /**
   * @param memory that the device has, in bytes
   * @param seed of the order of blocks and threads
   * @param failing a function of the driver that fails, or null
   * @param after so many calls that succeed
   */
  void configure(long memory, long seed, String failing, int after) {
    MethodHandle configure = Linker.nativeLinker().downcallHandle(symbols.find("emulator_configure").orElseThrow(),
        FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = failing == null ? MemorySegment.NULL : arena.allocateFrom(failing);
      configure.invokeExact(memory, seed, name, after);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  /** Makes a device of it again after a kernel failed. */
  void revive() {
    try {
      Linker.nativeLinker().downcallHandle(symbols.find("emulator_revive").orElseThrow(), FunctionDescriptor.ofVoid()).invokeExact();
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  /** Bytes that are allocated. */
  long used() {
    try {
      return (long) Linker.nativeLinker().downcallHandle(symbols.find("emulator_used").orElseThrow(), FunctionDescriptor.of(ValueLayout.JAVA_LONG)).invokeExact();
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    configure(MEMORY, 1, null, 0);
    revive();
    driver.close();
  }
}

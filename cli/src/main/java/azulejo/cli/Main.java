package azulejo.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/** The process behind the {@code azulejo} script. */
public final class Main {
  private Main() {}

  public static void main(String[] args) {
    restoreStandardError(Integer.getInteger("azulejo.stderr", 2));
    Interrupt interrupt = new Interrupt();
    int columns = Integer.getInteger("azulejo.columns", 0);
    interrupt.install(System.err, columns);
    StandardOutput out = new StandardOutput(new FileOutputStream(FileDescriptor.out));
    Path home = Path.of(System.getProperty("azulejo.home", "."));
    System.exit(Azulejo.run(new Environment(out, System.err, columns, home, interrupt, Engine.INSTALLED), args));
  }

  /**
   * Makes {@code fd} the standard error of this process again. The launcher starts the JVM with standard error behind a filter, because the JVM itself
   * prints a warning for each incubator module before {@code main}; from here on everything, a crash report of the JVM too, goes straight to the user.
   */
  @SuppressWarnings("restricted")
  private static void restoreStandardError(int fd) {
    if (fd == 2) {
      return;
    }
    Linker linker = Linker.nativeLinker();
    FunctionDescriptor ints = FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT);
    try {
      int result = (int) linker.downcallHandle(linker.defaultLookup().findOrThrow("dup2"), ints).invokeExact(fd, 2);
      if (result < 0) {
        System.err.println("azulejo: file descriptor " + fd + " is not open, so standard error stays behind the launcher's filter");
      }
    } catch (Throwable e) {
      throw new AssertionError("dup2 has another signature", e);
    }
  }
}

package azulejo.cli;

import azulejo.runtime.AzulejoException;
import azulejo.runtime.OutputException;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;

/** Standard output in UTF-8 that does not lose errors, as {@link System#out} does. */
final class StandardOutput {
  private final PrintWriter writer;
  private IOException failure;

  StandardOutput(OutputStream out) {
    OutputStream watched = new OutputStream() {
      @Override
      public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
      }

      @Override
      public void write(byte[] b, int offset, int length) throws IOException {
        try {
          out.write(b, offset, length);
        } catch (IOException e) {
          failure = failure == null ? e : failure;
          throw e;
        }
      }

      @Override
      public void flush() throws IOException {
        out.flush();
      }
    };
    writer = new PrintWriter(new BufferedOutputStream(watched), false, StandardCharsets.UTF_8);
  }

  PrintWriter writer() {
    return writer;
  }

  void println(String line) {
    writer.println(line);
  }

  /**
   * Sends on what is buffered. A reader that has gone, as in {@code azulejo devices | head -1}, is no error.
   *
   * @throws OutputException when something written was lost
   */
  void flush() {
    writer.flush();
    if (failure != null && !"Broken pipe".equals(failure.getMessage())) {
      throw new OutputException("cannot write to standard output: " + AzulejoException.reason(failure), failure);
    }
  }
}

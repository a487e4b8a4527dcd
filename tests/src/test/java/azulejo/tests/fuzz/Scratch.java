package azulejo.tests.fuzz;

import azulejo.runtime.CheckpointException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.Stream;

/** A folder for one input of a fuzz target, and the rule that all targets share: a file is read, or refused with one sentence that names it. */
final class Scratch implements AutoCloseable {
  private final Path dir;

  Scratch() {
    try {
      dir = Files.createTempDirectory("azulejo-fuzz");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Path dir() {
    return dir;
  }

  /** Writes a file, its folder first. */
  Path write(String name, byte[] bytes) {
    Path file = dir.resolve(name);
    try {
      Files.createDirectories(file.getParent());
      return Files.write(file, bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Runs a reader on what was written; what it throws beside a refusal is the fuzzer's find. */
  void readOrRefuse(Runnable reader) {
    try {
      reader.run();
    } catch (CheckpointException e) {
      String message = e.getMessage();
      if (!message.contains(dir.toString()) || message.indexOf('\n') >= 0 || message.length() > 2000) {
        throw new AssertionError("a refusal must be one sentence that names the file, but this one is: " + message, e);
      }
    }
  }

  /** The first byte chooses among {@code count} readers, so that one corpus serves all of them. */
  static int choice(byte[] input, int count) {
    return input.length == 0 ? 0 : Math.floorMod(input[0] - '0', count);
  }

  static byte[] rest(byte[] input) {
    return input.length == 0 ? input : Arrays.copyOfRange(input, 1, input.length);
  }

  @Override
  public void close() {
    try (Stream<Path> files = Files.walk(dir)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

package azulejo.runtime;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * Writes a file completely or not at all: into a hidden file beside the target, which takes the target's place when the last byte is there.
 * A full disk, an exception or Ctrl-C leave the target as it was and nothing beside it. A link stays a link to the file that is replaced; what is no
 * regular file ({@code /dev/stdout}, a named pipe) is written straight.
 */
public final class AtomicFile {
  /** More than a file system can hide in an inode, so that {@link #check} notices a full disk. */
  private static final int PROBE_BYTES = 64 * 1024;

  private AtomicFile() {}

  /** What goes into the file. */
  @FunctionalInterface
  public interface Body {
    void writeTo(FileChannel channel) throws IOException;
  }

  private interface Step {
    void accept(Path file) throws IOException;
  }

  /** @throws OutputException when the target's folder is missing or read-only, or the disk is full */
  public static void write(Path target, Body body) {
    try {
      if (isSpecial(target)) {
        try (FileChannel channel = FileChannel.open(target, StandardOpenOption.WRITE)) {
          body.writeTo(channel);
        }
      } else {
        Path file = Files.exists(target) ? target.toRealPath() : target.toAbsolutePath();
        writeBeside(file, body, part -> Files.move(part, file, StandardCopyOption.ATOMIC_MOVE));
      }
    } catch (IOException e) {
      throw failure(target, AzulejoException.reason(e), e);
    }
  }

  /** {@link #write(Path, Body)} for what is in memory already. */
  public static void write(Path target, byte[] bytes) {
    write(target, channel -> writeAll(channel, bytes));
  }

  private static void writeAll(FileChannel channel, byte[] bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }

  /** @throws OutputException when {@code folder} is neither there nor can be created */
  public static void createFolder(Path folder) {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new OutputException("cannot create the folder " + folder + ": " + AzulejoException.reason(e), e);
    }
  }

  /**
   * Finds out whether {@code target} can be written, before minutes go into what it is to hold. Leaves no trace.
   *
   * @throws OutputException when it cannot
   */
  public static void check(Path target) {
    if (Files.isDirectory(target)) {
      throw failure(target, "it is a folder", null);
    }
    if (Files.exists(target) && !Files.isWritable(target)) {
      throw failure(target, "it is read-only", null);
    }
    if (!isSpecial(target)) {
      probe(target.toAbsolutePath().getParent(), target);
    }
  }

  /**
   * {@link #check} for any file in {@code folder}, which may have yet to be created.
   *
   * @throws OutputException when no file can be written there
   */
  public static void checkFolder(Path folder) {
    Path existing = folder.toAbsolutePath();
    while (!Files.exists(existing)) {
      existing = existing.getParent();
    }
    probe(existing, folder);
  }

  private static void probe(Path folder, Path target) {
    if (!Files.isDirectory(folder)) {
      throw failure(target, folder + (Files.exists(folder) ? " is not a folder" : " does not exist, create that folder first"), null);
    }
    try {
      writeBeside(folder.resolve("probe"), channel -> writeAll(channel, new byte[PROBE_BYTES]), Files::delete);
    } catch (IOException e) {
      throw failure(target, AzulejoException.reason(e), e);
    }
  }

  private static void writeBeside(Path file, Body body, Step next) throws IOException {
    Path part = file.resolveSibling("." + file.getFileName() + "." + ProcessHandle.current().pid() + "-" + Thread.currentThread().threadId() + ".part");
    try {
      try (FileChannel channel = FileChannel.open(part, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
        part.toFile().deleteOnExit(); // for Ctrl-C
        body.writeTo(channel);
      }
      next.accept(part);
    } finally {
      deleteQuietly(part);
    }
  }

  private static boolean isSpecial(Path target) {
    return Files.exists(target) && !Files.isRegularFile(target) && !Files.isDirectory(target);
  }

  private static OutputException failure(Path target, String reason, IOException cause) {
    return new OutputException("cannot write " + target + ": " + reason, cause);
  }

  private static void deleteQuietly(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      // The failure that led here is the one to report.
    }
  }
}

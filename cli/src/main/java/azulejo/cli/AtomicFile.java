package azulejo.cli;

import azulejo.runtime.OutputException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * Files that appear under their name only when they are complete: written beside their place under a hidden name, then moved there. What exists and is no
 * regular file ({@code /dev/stdout}, a named pipe) is written straight.
 */
final class AtomicFile {
  /** More than a file system can hide in an inode, so that a full disk is noticed. */
  private static final int PROBE_BYTES = 64 * 1024;

  private AtomicFile() {}

  /**
   * Finds out, before minutes go into it, whether {@code target} can be written. Leaves no trace.
   *
   * @throws OutputException when it cannot
   */
  static void check(Path target) {
    Path folder = folder(target);
    if (Files.isDirectory(target)) {
      throw failure(target, "it is a folder", null);
    }
    if (Files.exists(target) && !Files.isWritable(target)) {
      throw failure(target, "it is read-only", null);
    }
    if (!isSpecial(target)) {
      checkFolder(folder, target);
    }
  }

  /**
   * The same for files in a folder that may have yet to be created.
   *
   * @throws OutputException when no file can be written there
   */
  static void checkFolder(Path folder) {
    Path existing = folder.toAbsolutePath();
    while (existing.getParent() != null && !Files.exists(existing)) {
      existing = existing.getParent();
    }
    checkFolder(existing, folder);
  }

  private static void checkFolder(Path folder, Path target) {
    if (!Files.exists(folder)) {
      throw failure(target, "the folder " + folder + " does not exist", null);
    }
    if (!Files.isDirectory(folder)) {
      throw failure(target, folder + " is not a folder", null);
    }
    writeAndThen(folder.resolve("probe"), target, new byte[PROBE_BYTES], Files::delete);
  }

  /**
   * Creates or replaces {@code target}, and its folder if need be.
   *
   * @throws OutputException when that fails; {@code target} is then as it was
   */
  static void write(Path target, byte[] content) {
    try {
      if (isSpecial(target)) {
        Files.write(target, content, StandardOpenOption.WRITE);
        return;
      }
      Files.createDirectories(folder(target));
      Path place = Files.exists(target) ? target.toRealPath() : target; // a link stays a link
      writeAndThen(place, target, content, temporary -> Files.move(temporary, place, StandardCopyOption.ATOMIC_MOVE));
    } catch (IOException e) {
      throw failure(target, reason(e), e);
    }
  }

  private interface Step {
    void accept(Path file) throws IOException;
  }

  /** Writes {@code content} to a new file beside {@code place} and hands it on; removes it if either fails. */
  private static void writeAndThen(Path place, Path target, byte[] content, Step next) {
    Path temporary = folder(place).resolve("." + place.getFileName() + "." + ProcessHandle.current().pid() + "-" + System.nanoTime() + ".part");
    try {
      temporary.toFile().deleteOnExit(); // for Ctrl-C and SIGTERM
      try {
        Files.write(temporary, content, StandardOpenOption.CREATE_NEW);
        next.accept(temporary);
      } finally {
        Files.deleteIfExists(temporary);
      }
    } catch (IOException e) {
      throw failure(target, reason(e), e);
    }
  }

  private static boolean isSpecial(Path target) {
    return Files.exists(target) && !Files.isRegularFile(target) && !Files.isDirectory(target);
  }

  private static Path folder(Path file) {
    return file.toAbsolutePath().getParent() == null ? file.toAbsolutePath() : file.toAbsolutePath().getParent();
  }

  private static OutputException failure(Path target, String reason, IOException cause) {
    return new OutputException("cannot write " + target + ": " + reason, cause);
  }

  /** Why an operation on a file failed, without the file's name. */
  static String reason(IOException e) {
    return switch (e) {
      case NoSuchFileException _ -> "there is no such file or folder";
      case AccessDeniedException _ -> "permission denied";
      case FileSystemException f when f.getReason() != null -> f.getReason();
      default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    };
  }
}

package azulejo.runtime;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;

/** A failure whose message is the sentence that the user reads: what went wrong, where, and how to cure it. */
public abstract sealed class AzulejoException extends RuntimeException permits CheckpointException, OptionException, GenerationException, OutputException {
  protected AzulejoException(String message, Throwable cause) {
    super(message, cause);
  }

  /** Why an I/O call failed, in words that end a sentence: Java's own messages are often the path alone. */
  public static String reason(IOException e) {
    return switch (e) {
      case NoSuchFileException _ -> "no such file or folder";
      case AccessDeniedException _ -> "permission denied";
      case NotDirectoryException _ -> "not a folder";
      case FileAlreadyExistsException _ -> "it exists already";
      case DirectoryNotEmptyException _ -> "the folder is not empty";
      case FileSystemException f when f.getReason() != null -> f.getReason();
      default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    };
  }
}

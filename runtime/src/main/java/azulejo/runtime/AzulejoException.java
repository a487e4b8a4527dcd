package azulejo.runtime;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.regex.Pattern;

/**
 * A failure whose message is the sentence that the user reads: what went wrong, where, and how to cure it. Names and values out of a file may stand in it, so
 * characters that would break the line or command a terminal are shown as {@code ?}, and a very long one loses its middle.
 */
public abstract sealed class AzulejoException extends RuntimeException permits CheckpointException, OptionException, GenerationException, OutputException {
  private static final Pattern UNPRINTABLE = Pattern.compile("[\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}\\u202A-\\u202E\\u2066-\\u2069]");
  private static final int LONGEST_HALF = 800;

  protected AzulejoException(String message, Throwable cause) {
    super(printable(message), cause);
  }

  private static String printable(String message) {
    String shown = message.length() <= 2 * LONGEST_HALF ? message
        : message.substring(0, LONGEST_HALF) + " ... " + message.substring(message.length() - LONGEST_HALF);
    return UNPRINTABLE.matcher(shown).replaceAll("?");
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

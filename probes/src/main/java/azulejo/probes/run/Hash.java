package azulejo.probes.run;

import azulejo.runtime.AzulejoException;
import azulejo.runtime.Cancelled;
import azulejo.runtime.CheckpointException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/** SHA-256, in hexadecimal digits. */
final class Hash {
  private static final int CHUNK = 1 << 20;

  private Hash() {}

  static String of(byte[] bytes) {
    return HexFormat.of().formatHex(sha256().digest(bytes));
  }

  static String of(String text) {
    return of(text.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Of every file below a checkpoint's folder, or of the file that it is, by path relative to the folder.
   *
   * @param cancelled asked between pieces of a file; true throws {@link azulejo.runtime.Cancelled}
   * @throws CheckpointException when a file cannot be read
   */
  static SortedMap<String, String> files(Path folder, BooleanSupplier cancelled) {
    SortedMap<String, String> hashes = new TreeMap<>();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        String name = folder.equals(file) ? file.getFileName().toString() : folder.relativize(file).toString();
        hashes.put(name, of(file, cancelled));
      }
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + folder + ": " + AzulejoException.reason(e), e);
    }
    return hashes;
  }

  private static String of(Path file, BooleanSupplier cancelled) throws IOException {
    MessageDigest digest = sha256();
    byte[] chunk = new byte[CHUNK];
    try (InputStream in = Files.newInputStream(file)) {
      for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
        if (cancelled.getAsBoolean()) {
          throw new Cancelled();
        }
        digest.update(chunk, 0, n);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }
}

package azulejo.weights;

import azulejo.runtime.AzulejoException;
import azulejo.runtime.CheckpointException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** The two digests by which files of a hub are known. */
final class Digests {
  private static final int BUFFER = 1 << 20;

  private Digests() {}

  /** Hears of every few megabytes that were read. */
  @FunctionalInterface
  interface Listener {
    void read(int bytes);
  }

  static String sha256(Path file, Listener listener) {
    return digest(file, sha256(), listener);
  }

  /** Git's name for a file's content: SHA-1 of {@code blob SIZE\0CONTENT}. */
  static String gitBlob(Path file, Listener listener) {
    try {
      return digest(file, gitBlob(Files.size(file)), listener);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  static MessageDigest sha256() {
    return instance("SHA-256");
  }

  static MessageDigest gitBlob(long size) {
    MessageDigest sha1 = instance("SHA-1");
    sha1.update(("blob " + size + "\0").getBytes(StandardCharsets.US_ASCII));
    return sha1;
  }

  static String hex(MessageDigest digest) {
    return HexFormat.of().formatHex(digest.digest());
  }

  private static String digest(Path file, MessageDigest digest, Listener listener) {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] buffer = new byte[BUFFER];
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        digest.update(buffer, 0, n);
        listener.read(n);
      }
    } catch (IOException e) {
      throw unreadable(file, e);
    }
    return hex(digest);
  }

  private static CheckpointException unreadable(Path file, IOException e) {
    return new CheckpointException("cannot read " + file + ": " + AzulejoException.reason(e), e);
  }

  private static MessageDigest instance(String algorithm) {
    try {
      return MessageDigest.getInstance(algorithm);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has " + algorithm, e);
    }
  }
}

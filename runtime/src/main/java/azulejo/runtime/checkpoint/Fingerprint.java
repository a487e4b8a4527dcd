package azulejo.runtime.checkpoint;

import azulejo.kernels.HostTensor;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Eight hexadecimal digits that say which weights a number was made with: the beginning of the SHA-256 of the tensors in use, their names, types, shapes and
 * bytes in the order of their names. The file's format and what it holds besides make no difference.
 */
public final class Fingerprint {
  private static final int DIGITS = 8;
  /** Fed to the digest at a time. */
  private static final long CHUNK = 1 << 20;

  private Fingerprint() {}

  /** Of the tensors that have been asked for. */
  public static String of(List<Checkpoint> checkpoints) {
    SortedMap<String, HostTensor> used = new TreeMap<>();
    for (Checkpoint checkpoint : checkpoints) {
      Set<String> unused = new HashSet<>(checkpoint.unused());
      checkpoint.names().stream().filter(name -> !unused.contains(name)).forEach(name -> used.put(name, checkpoint.tensor(name)));
    }
    MessageDigest digest = sha256();
    used.forEach((name, tensor) -> add(digest, name, tensor));
    return HexFormat.of().formatHex(digest.digest()).substring(0, DIGITS);
  }

  private static void add(MessageDigest digest, String name, HostTensor tensor) {
    digest.update((name + " " + tensor.dtype() + " " + tensor.shape() + "\n").getBytes(StandardCharsets.UTF_8));
    MemorySegment data = tensor.data();
    for (long from = 0; from < data.byteSize(); from += CHUNK) {
      digest.update(data.asSlice(from, Math.min(CHUNK, data.byteSize() - from)).asByteBuffer());
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }
}

package azulejo.weights;

import azulejo.runtime.AtomicFile;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.CheckpointException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The digests that a folder's files should have: its {@code SHA256SUMS}, which {@code sha256sum -c} understands too, or, in the cache of a hub, the names of
 * the blobs that the files link to.
 */
final class Manifest {
  static final String NAME = "SHA256SUMS";
  private static final long MAX_BYTES = 10_000_000;
  private static final Pattern LINE = Pattern.compile("([0-9a-fA-F]{64}) [ *]([^\\\\\\p{Cntrl}]+)");
  /** SHA-256 of a large file, Git's SHA-1 of a small one. */
  private static final Pattern BLOB = Pattern.compile("[0-9a-f]{64}|[0-9a-f]{40}");

  private final Path folder;
  private final SequencedMap<String, String> digests;

  private Manifest(Path folder, SequencedMap<String, String> digests) {
    this.folder = folder;
    this.digests = digests;
  }

  /**
   * A file that is not as the manifest says.
   *
   * @param problem one sentence
   */
  record Fault(String file, String problem) {}

  /** The manifests of a folder and of those directly in it, as one; empty where there are none. */
  static Manifest of(Path folder) {
    SequencedMap<String, String> digests = new LinkedHashMap<>();
    try (Stream<Path> files = Files.find(folder, 2, (file, _) -> file.getFileName().toString().equals(NAME) && Files.isRegularFile(file))) {
      for (Path file : files.sorted().toList()) {
        read(file).forEach((name, digest) -> digests.put(folder.relativize(file.resolveSibling(name)).toString(), digest));
      }
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + folder + ": " + AzulejoException.reason(e), e);
    }
    return new Manifest(folder, digests.isEmpty() ? linkedBlobs(folder) : digests);
  }

  private static SequencedMap<String, String> read(Path file) {
    SequencedMap<String, String> digests = new LinkedHashMap<>();
    try {
      if (Files.size(file) > MAX_BYTES) {
        throw new CheckpointException(file + " is too large for a list of digests: " + Files.size(file) + " bytes");
      }
      List<String> lines = Files.readAllLines(file);
      for (int i = 0; i < lines.size(); i++) {
        Matcher line = LINE.matcher(lines.get(i));
        if (!line.matches() || !isInside(line.group(2))) {
          throw new CheckpointException(file + ": line " + (i + 1) + " is not a SHA-256 digest and the name of a file in the folder");
        }
        digests.put(line.group(2), line.group(1).toLowerCase(Locale.ROOT));
      }
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + file + " as UTF-8 text: " + AzulejoException.reason(e), e);
    }
    return digests;
  }

  private static boolean isInside(String name) {
    Path path = Path.of(name);
    return !path.isAbsolute() && !path.normalize().startsWith("..");
  }

  private static SequencedMap<String, String> linkedBlobs(Path folder) {
    SequencedMap<String, String> digests = new LinkedHashMap<>();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isSymbolicLink).sorted().toList()) {
        String blob = Files.readSymbolicLink(file).getFileName().toString();
        if (BLOB.matcher(blob).matches()) {
          digests.put(folder.relativize(file).toString(), blob);
        }
      }
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + folder + ": " + AzulejoException.reason(e), e);
    }
    return digests;
  }

  int size() {
    return digests.size();
  }

  /** How much there is to read for {@link #check}. */
  long bytes() {
    return digests.keySet().stream().map(folder::resolve).filter(Files::isRegularFile).mapToLong(file -> file.toFile().length()).sum();
  }

  List<Fault> check(Digests.Listener listener) {
    return digests.entrySet().stream().flatMap(e -> check(e.getKey(), e.getValue(), listener)).toList();
  }

  private Stream<Fault> check(String name, String expected, Digests.Listener listener) {
    Path file = folder.resolve(name);
    if (!Files.isRegularFile(file)) {
      return Stream.of(new Fault(name, file + " is missing, though the manifest names it: fetch it again"));
    }
    String actual = expected.length() == 64 ? Digests.sha256(file, listener) : Digests.gitBlob(file, listener);
    return actual.equals(expected) ? Stream.empty()
        : Stream.of(new Fault(name, file + " is not the file that the manifest names: its digest is " + actual + " instead of " + expected + "; "
            + cure(file)));
  }

  private static String cure(Path file) {
    try {
      return Files.isSymbolicLink(file) ? "delete " + file.toRealPath() + " and pull it again" : "fetch it again";
    } catch (IOException e) {
      return "fetch it again";
    }
  }

  /** Finds out whether the manifest beside a file can be added to, before the file is written. */
  static void requireReadable(Path target) {
    Path file = target.toAbsolutePath().resolveSibling(NAME);
    if (Files.exists(file)) {
      read(file);
    }
  }

  /** Notes the digest of a file that was just written in its folder's manifest, beside what that says of others. */
  static void add(Path written) {
    Path folder = written.toAbsolutePath().getParent();
    Path file = folder.resolve(NAME);
    Map<String, String> digests = new TreeMap<>(Files.exists(file) ? read(file) : Map.of());
    digests.put(written.getFileName().toString(), Digests.sha256(written, _ -> { }));
    String text = digests.entrySet().stream().map(e -> e.getValue() + "  " + e.getKey() + "\n").collect(Collectors.joining());
    AtomicFile.write(file, text.getBytes(StandardCharsets.UTF_8));
  }
}

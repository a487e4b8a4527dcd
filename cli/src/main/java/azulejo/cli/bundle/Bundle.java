package azulejo.cli.bundle;

import azulejo.runtime.AtomicFile;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.OutputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * A folder with all that Azulejo runs from, a Java runtime included:
 * <pre>
 * azulejo          the launcher, plain sh
 * lib/             the jars, and launch.sh, which holds the JVM's flags
 * runtime/         the parts of this JDK that the jars need
 * licences/        of the libraries; of Azulejo: LICENSE, of the Java runtime: runtime/legal
 * demo/            on request: the demo's models
 * README.txt
 * </pre>
 * It may be copied and moved, and runs on machines of this system and architecture.
 */
public final class Bundle {
  private Bundle() {}

  /** Hears of each step before it begins, and may stop the work with an exception. */
  @FunctionalInterface
  public interface Listener {
    void next(String step);
  }

  /** Bytes in the files of a bundle. */
  public record Summary(long all, long runtime, long lib, long demo) {}

  /**
   * Writes a bundle of the program that {@code main} belongs to, whole or not at all.
   *
   * @param target a new or an empty folder
   * @param home the folder that Azulejo is installed in: its licence and its demo are there
   * @throws OutputException when the program does not run from jars, the JDK has no jlink, or the folder is not empty or cannot be written
   */
  public static Summary write(Path target, Class<?> main, String version, Path home, boolean demo, Listener listener) {
    try {
      Path folder = Files.exists(target) ? target.toRealPath() : target.toAbsolutePath().normalize();
      checkNew(target, folder);
      List<Path> jars = Jars.of(main);
      for (String needed : demo ? List.of("LICENSE", "demo") : List.of("LICENSE")) {
        if (!Files.exists(home.resolve(needed))) {
          throw new OutputException("a bundle needs " + home.resolve(needed) + ", which is not there");
        }
      }
      AtomicFile.checkFolder(folder.getParent());
      Files.createDirectories(folder.getParent());
      Path part = folder.resolveSibling("." + folder.getFileName() + "." + ProcessHandle.current().pid() + ".part");
      Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(part))); // for a second Ctrl-C
      try {
        Files.createDirectory(part);
        fill(part, jars, version, home, demo, listener);
        listener.next("moving it to its place");
        Summary summary = new Summary(bytes(part), bytes(part.resolve("runtime")), bytes(part.resolve("lib")), demo ? bytes(part.resolve("demo")) : 0);
        Files.move(part, folder, StandardCopyOption.ATOMIC_MOVE);
        return summary;
      } finally {
        delete(part);
      }
    } catch (IOException e) {
      throw new OutputException("cannot write the bundle " + target + ": " + AzulejoException.reason(e), e);
    }
  }

  private static void fill(Path folder, List<Path> jars, String version, Path home, boolean demo, Listener listener) throws IOException {
    listener.next("linking a Java runtime");
    JavaRuntime.link(folder.resolve("runtime"));
    listener.next("copying jars");
    Path lib = Files.createDirectory(folder.resolve("lib"));
    for (Path jar : jars) {
      Jars.copy(jar, lib);
      Jars.copyLicences(jar, folder.resolve("licences").resolve(jar.getFileName().toString().replaceAll("\\.jar$", "")));
    }
    Path lwjgl = Files.createDirectories(folder.resolve("licences/lwjgl")); // whose jars have none
    Files.write(lwjgl.resolve("LICENSE"), resource("LICENSE-lwjgl.txt"));
    Files.write(lib.resolve("launch.sh"), resource("launch.sh"));
    Path launcher = Files.write(folder.resolve("azulejo"), resource("azulejo"));
    Files.setPosixFilePermissions(launcher, PosixFilePermissions.fromString("rwxr-xr-x"));
    Files.copy(home.resolve("LICENSE"), folder.resolve("LICENSE"));
    Files.writeString(folder.resolve("README.txt"), new String(resource("README.txt"), StandardCharsets.UTF_8)
        .formatted(version, System.getProperty("os.name"), System.getProperty("os.arch"), Runtime.version()));
    if (demo) {
      listener.next("copying the demo's models");
      copyTree(home.resolve("demo"), folder.resolve("demo"));
    }
  }

  private static void checkNew(Path target, Path folder) throws IOException {
    if (Files.exists(folder)) {
      if (!Files.isDirectory(folder)) {
        throw new OutputException(target + " is a file: name a new or an empty folder");
      }
      try (Stream<Path> files = Files.list(folder)) {
        if (files.findAny().isPresent()) {
          throw new OutputException(target + " is not empty: name a new or an empty folder");
        }
      }
    }
  }

  private static byte[] resource(String name) throws IOException {
    try (InputStream in = Bundle.class.getResourceAsStream(name)) {
      return in.readAllBytes();
    }
  }

  private static void copyTree(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Files.copy(file, to.resolve(from.relativize(file)));
      }
    }
  }

  private static long bytes(Path folder) throws IOException {
    long bytes = 0;
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        bytes += Files.isSymbolicLink(file) ? 0 : Files.size(file);
      }
    }
    return bytes;
  }

  private static void delete(Path folder) {
    if (Files.exists(folder)) {
      try (Stream<Path> files = Files.walk(folder)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.deleteIfExists(file);
        }
      } catch (IOException e) {
        // the failure that led here is the one to report
      }
    }
  }
}

package azulejo.cli.bundle;

import azulejo.runtime.OutputException;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.List;
import java.util.Map;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.regex.Pattern;
import org.sqlite.util.OSInfo;

/** The jars that a program runs from. */
final class Jars {
  private static final Pattern LICENCE = Pattern.compile("META-INF/(.*/)?[^/]*(LICEN[CS]E|NOTICE|COPYING)[^/]*", Pattern.CASE_INSENSITIVE);

  /** Where the libraries that have native parts keep them in their jars, and which folder there is this machine's. */
  private static final Map<String, String> NATIVES = Map.of(
      "org/sqlite/native/", OSInfo.getNativeLibFolderPathForCurrentOS(),
      "linux/", System.getProperty("os.arch").equals("aarch64") ? "arm64" : "x64"); // LWJGL

  private Jars() {}

  /**
   * The jar of {@code type} and those that its manifest names.
   *
   * @throws OutputException when the class comes from no jar
   */
  static List<Path> of(Class<?> type) throws IOException {
    URI source;
    try {
      source = type.getProtectionDomain().getCodeSource().getLocation().toURI();
    } catch (URISyntaxException e) {
      throw new IOException("not a place: " + e.getInput(), e);
    }
    Path own = Path.of(source);
    if (!Files.isRegularFile(own)) {
      throw new OutputException("a bundle is made of jars, but this Azulejo runs from the classes in " + own + ": start it without AZULEJO_CLASSPATH");
    }
    List<Path> jars = new ArrayList<>(List.of(own));
    try (JarFile jar = new JarFile(own.toFile())) {
      String others = jar.getManifest().getMainAttributes().getValue(Attributes.Name.CLASS_PATH);
      for (String name : others == null ? new String[0] : others.split(" ")) {
        jars.add(Path.of(source.resolve(name)));
      }
    }
    return jars;
  }

  /**
   * Copies a jar without the native libraries of other platforms: SQLite's has twenty.
   *
   * @param folder that the copy goes to, under the same name
   */
  static void copy(Path jar, Path folder) throws IOException {
    Path copy = folder.resolve(jar.getFileName());
    try (JarFile in = new JarFile(jar.toFile())) {
      List<JarEntry> entries = in.stream().toList();
      if (entries.stream().noneMatch(entry -> isForeign(entry.getName()))) {
        Files.copy(jar, copy);
        return;
      }
      try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(copy))) {
        out.setLevel(9);
        for (JarEntry entry : entries) {
          if (!isForeign(entry.getName())) {
            JarEntry written = new JarEntry(entry.getName());
            written.setTimeLocal(entry.getTimeLocal());
            out.putNextEntry(written);
            try (InputStream bytes = in.getInputStream(entry)) {
              bytes.transferTo(out);
            }
            out.closeEntry();
          }
        }
      }
    }
  }

  /** Copies the licences and notices in a jar to {@code folder}, which is made where there are any. */
  static void copyLicences(Path jar, Path folder) throws IOException {
    try (JarFile in = new JarFile(jar.toFile())) {
      for (Enumeration<JarEntry> entries = in.entries(); entries.hasMoreElements(); ) {
        JarEntry entry = entries.nextElement();
        if (LICENCE.matcher(entry.getName()).matches()) {
          Files.createDirectories(folder);
          try (InputStream bytes = in.getInputStream(entry)) {
            Files.copy(bytes, folder.resolve(Path.of(entry.getName()).getFileName().toString()));
          }
        }
      }
    }
  }

  private static boolean isForeign(String entry) {
    return !entry.endsWith("/") && NATIVES.entrySet().stream()
        .anyMatch(own -> entry.startsWith(own.getKey()) && !entry.startsWith(own.getKey() + own.getValue() + "/"));
  }
}

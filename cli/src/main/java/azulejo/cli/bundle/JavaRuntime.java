package azulejo.cli.bundle;

import azulejo.runtime.OutputException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReader;
import java.lang.module.ModuleReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The part of the running JDK that Azulejo needs, as a runtime of its own. */
final class JavaRuntime {
  /** What the jars need, as {@code jdeps --print-module-deps} says; jlink adds what these need. */
  static final List<String> MODULES =
      List.of("java.base", "java.desktop", "java.net.http", "java.sql", "jdk.incubator.vector", "jdk.management", "jdk.unsupported");

  /**
   * Packages that nothing here reaches: java.desktop is needed for reading and writing images, java.xml for a type in ImageIO's interface. Without them the
   * runtime takes 10 MB less. A package keeps its smallest file, because jlink holds a module against its list of packages.
   */
  private static final Map<String, List<String>> UNUSED = Map.of(
      "java.desktop", List.of("javax/swing/", "com/sun/java/swing/", "sun/swing/", "com/sun/swing/", "com/sun/accessibility/", "javax/sound/",
          "com/sun/media/sound/", "javax/print/", "sun/print/", "sun/awt/X11/", "sun/font/X11", "sun/java2d/xr/", "sun/java2d/opengl/", "java/awt/doc-files/"),
      "java.xml", List.of("com/sun/org/apache/"));

  /** Libraries that draw on screens and paper, play sounds, or filter images; lists for tools. */
  private static final String UNUSED_FILES = "regex:.*/(lib(awt_xawt|fontmanager|freetype|jawt|jsound|mlib_image|prefs|splashscreen)\\.so"
      + "|jrt-fs\\.jar|classlist|psfont.*)";

  private JavaRuntime() {}

  /**
   * Links the runtime.
   *
   * @param target a folder that does not exist
   * @throws OutputException when the running Java has no jlink
   * @throws IOException when jlink fails, with its reason
   */
  static void link(Path target) throws IOException {
    ToolProvider jlink = ToolProvider.findFirst("jlink").orElseThrow(() -> new OutputException(
        "the Java in " + System.getProperty("java.home") + " has no jlink, which a bundle is made with: set JAVA_HOME to a whole JDK 25 or newer"));
    StringWriter said = new StringWriter();
    PrintWriter out = new PrintWriter(said);
    int status = jlink.run(out, out,
        "--add-modules", String.join(",", MODULES),
        "--exclude-resources=" + unusedResources(),
        "--exclude-files=" + UNUSED_FILES,
        "--strip-java-debug-attributes", "--no-header-files", "--no-man-pages", "--compress", "zip-9",
        "--output", target.toString());
    if (status != 0) {
      throw new IOException("jlink failed: " + reason(said.toString()));
    }
    try (Stream<Path> files = Files.walk(target.resolve("lib"))) {
      for (Path library : files.filter(file -> file.toString().endsWith(".so")).toList()) {
        Elf.strip(library);
      }
    }
  }

  private static String reason(String said) {
    List<String> lines = said.lines().filter(line -> !line.isBlank()).toList();
    return lines.stream().filter(line -> line.startsWith("Error: ")).findFirst().map(line -> line.substring(7))
        .orElse(lines.isEmpty() ? "it does not say why" : lines.getLast()).replaceFirst("^(java\\.[\\w.]+Exception: )+", "");
  }

  private static String unusedResources() throws IOException {
    List<String> patterns = new ArrayList<>();
    for (Map.Entry<String, List<String>> unused : UNUSED.entrySet()) {
      ModuleReference module = ModuleFinder.ofSystem().find(unused.getKey()).orElseThrow(
          () -> new OutputException("the Java in " + System.getProperty("java.home") + " has no module " + unused.getKey() + ": set JAVA_HOME to a whole JDK"));
      String kept = smallest(module, unused.getValue()).stream().map(Pattern::quote).collect(Collectors.joining("|"));
      patterns.add("regex:/" + unused.getKey() + "/(?!(" + kept + ")$)(" + String.join("|", unused.getValue()) + ").*");
    }
    return String.join(",", patterns);
  }

  /** The smallest file of each package under {@code prefixes}. */
  private static List<String> smallest(ModuleReference module, List<String> prefixes) throws IOException {
    Map<String, String> names = new HashMap<>();
    Map<String, Integer> sizes = new HashMap<>();
    try (ModuleReader reader = module.open(); Stream<String> files = reader.list()) {
      for (String name : files.filter(f -> !f.endsWith("/") && prefixes.stream().anyMatch(f::startsWith)).toList()) {
        String folder = name.substring(0, name.lastIndexOf('/'));
        if (module.descriptor().packages().contains(folder.replace('/', '.'))) {
          int size = reader.read(name).orElseThrow().remaining();
          if (size < sizes.getOrDefault(folder, Integer.MAX_VALUE)) {
            names.put(folder, name);
            sizes.put(folder, size);
          }
        }
      }
    }
    return names.values().stream().sorted().toList();
  }
}

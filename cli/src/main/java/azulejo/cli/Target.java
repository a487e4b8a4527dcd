package azulejo.cli;

import azulejo.runtime.AtomicFile;
import azulejo.runtime.OptionException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;

/**
 * Where pictures go.
 *
 * @param name a file for all of them, or with {@code {}} in it, which stands for the picture's number, a file each
 */
record Target(Path name) {
  private static final String NUMBER = "{}";
  private static final Set<String> OTHER_FORMATS = Set.of("jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "ppm", "avif", "jxl");

  /**
   * @param out a file, a name with {@code {}}, or a folder: one that exists, or a name that ends in a slash
   * @param option that asks for it, for messages
   */
  static Target of(String out, String option) {
    if (out.isEmpty()) {
      throw new OptionException(option + " needs the name of a file or a folder");
    }
    Path path = Path.of(out);
    boolean folder = out.endsWith("/") || Files.isDirectory(path);
    Target target = new Target(folder ? path.resolve(NUMBER + ".png") : path);
    String name = target.name.getFileName().toString();
    String extension = name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
    if (OTHER_FORMATS.contains(extension)) {
      throw new OptionException(option + " " + out + " asks for the format " + extension + ", but pictures are written as PNG: end the name in .png");
    }
    return target;
  }

  /** Whether each picture gets a file of its own. */
  boolean separate() {
    return name.getFileName().toString().contains(NUMBER);
  }

  Path folder() {
    return name.toAbsolutePath().getParent();
  }

  /** The file of picture {@code number} of {@code count}, numbers with leading zeros so that they sort. */
  Path file(int number, int count) {
    int digits = Math.max(3, Integer.toString(count - 1).length());
    String padded = String.format(Locale.ROOT, "%0" + digits + "d", number);
    return name.resolveSibling(name.getFileName().toString().replace(NUMBER, padded));
  }

  /** @throws azulejo.runtime.OutputException when nothing can be written there */
  void check() {
    if (separate()) {
      AtomicFile.checkFolder(folder());
    } else {
      AtomicFile.check(name);
    }
  }
}

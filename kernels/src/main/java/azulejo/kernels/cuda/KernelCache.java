package azulejo.kernels.cuda;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;

/** Keeps on disk what a {@link Compiler} made, under the hash of the sources and options, so that only the first run on a kind of device compiles. */
final class KernelCache implements KernelImages {
  private final KernelImages compiler;
  private final Path folder;

  KernelCache(KernelImages compiler, Path folder) {
    this.compiler = compiler;
    this.folder = folder;
  }

  @Override
  public String image(String file, Driver.Device device) {
    Path cached = folder.resolve(file + "-" + hash(file, device) + ".ptx");
    try {
      return Files.readString(cached);
    } catch (IOException e) {
      String image = compiler.image(file, device);
      keep(cached, image);
      return image;
    }
  }

  private static String hash(String file, Driver.Device device) {
    List<String> sources = new ArrayList<>(Compiler.HEADERS);
    sources.add(file + ".cu");
    return Compiler.hash(sources, String.join(" ", Compiler.options(device)));
  }

  /** As a whole or not at all; where nothing can be written, the next run compiles again. */
  private static void keep(Path file, String image) {
    try {
      Files.createDirectories(file.getParent());
      Path written = Files.createTempFile(file.getParent(), "kernel", ".ptx");
      Files.writeString(written, image);
      Files.move(written, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      // a cache is only for speed
    }
  }
}

package azulejo.cli.bench;

import azulejo.kernels.DType;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.OutputException;
import azulejo.weights.Synth;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** Where the models' checkpoints lie: what is not there is made, of random weights. */
final class Checkpoints {
  private Checkpoints() {}

  /** The folder of a model of that kind of {@link Synth}; one that is there is taken as it is. */
  static Path of(String kind, Bench bench) {
    Path folder = bench.settings().models().resolve(kind);
    if (Files.exists(folder)) {
      return folder;
    }
    // Under another name until it is whole: this process may be killed.
    Path part = folder.resolveSibling(kind + ".part");
    remove(part);
    boolean[] said = new boolean[1];
    Synth.write(kind, part, DType.F16, (component, bytes, total) -> {
      bench.settings().requireGoingOn();
      if (!said[0]) {
        said[0] = true;
        bench.note(String.format(Locale.ROOT, "writing %s, %.2f GB of random weights, which stay there for the next time", folder, total / 1e9));
      }
      bench.doing(String.format(Locale.ROOT, "writing %s, %.2f of %.2f GB", component, bytes / 1e9, total / 1e9));
    });
    try {
      return Files.move(part, folder);
    } catch (IOException e) {
      throw new OutputException("cannot write " + folder + ": " + AzulejoException.reason(e), e);
    }
  }

  private static void remove(Path folder) {
    if (!Files.exists(folder)) {
      return;
    }
    try (Stream<Path> files = Files.walk(folder)) {
      List<Path> all = files.sorted(Comparator.reverseOrder()).toList();
      for (Path file : all) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new OutputException("cannot remove " + folder + ", which an earlier run left: " + AzulejoException.reason(e), e);
    }
  }
}

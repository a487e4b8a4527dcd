package azulejo.models.perceptual;

import azulejo.runtime.AzulejoException;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.Fingerprint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** A weight file, or those of a folder, of which a network takes the ones that have its tensors: published names vary. */
final class CheckpointSet implements AutoCloseable {
  private final List<Checkpoint> files;
  private final String place;

  /** @param place what an error message calls them */
  private CheckpointSet(List<Checkpoint> files, String place) {
    this.files = files;
    this.place = place;
  }

  /** Makes a network of a file or a folder's files, which the network must close; where that fails, they are closed already. */
  static <M> M open(Path path, Function<CheckpointSet, M> network) {
    List<Checkpoint> files = new ArrayList<>();
    try {
      for (Path file : weightFiles(path)) {
        files.add(Checkpoint.open(file));
      }
    } catch (RuntimeException e) {
      files.forEach(Checkpoint::close);
      throw e;
    }
    return open(files, path.toString(), network);
  }

  /** {@link #open(Path, Function)} of files that are open already. */
  static <M> M open(List<Checkpoint> files, String place, Function<CheckpointSet, M> network) {
    CheckpointSet set = new CheckpointSet(files, place);
    try {
      return network.apply(set);
    } catch (RuntimeException e) {
      set.close();
      throw e;
    }
  }

  private static List<Path> weightFiles(Path path) {
    if (!Files.isDirectory(path)) {
      return List.of(path);
    }
    try (Stream<Path> files = Files.list(path)) {
      return files.filter(file -> file.getFileName().toString().matches(".+\\.(safetensors|pth|pt|bin|ckpt)")).sorted().toList();
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + path + ": " + AzulejoException.reason(e), e);
    }
  }

  /** The first file that has the tensor. */
  Checkpoint with(String tensor, String wanted) {
    return with(file -> file.has(tensor), wanted);
  }

  /** @param wanted the end of the sentence that is said when there is none */
  Checkpoint with(Predicate<Checkpoint> has, String wanted) {
    return files.stream().filter(has).findFirst().orElseThrow(() -> new CheckpointException(place + " has no such weights: " + wanted));
  }

  String fingerprint() {
    return Fingerprint.of(files);
  }

  @Override
  public void close() {
    files.forEach(Checkpoint::close);
  }
}

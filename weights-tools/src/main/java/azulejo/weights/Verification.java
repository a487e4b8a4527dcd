package azulejo.weights;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Whether a checkpoint is what it should be: its files by their digests, where the folder has any, and its tensors by what the model reads.
 *
 * @param digests how many files have a digest to be held against
 * @param faults one sentence for each file that is missing or another than it should be
 */
public record Verification(Inspection inspection, int digests, List<String> faults) {
  /** Hears how far the reading is, on the thread that reads. */
  @FunctionalInterface
  public interface Progress {
    void read(long bytes, long total);
  }

  public static Verification of(Path path, Progress progress) {
    Inspection inspection = Inspection.of(path);
    if (!Files.isDirectory(path)) {
      return new Verification(inspection, 0, List.of());
    }
    Manifest manifest = Manifest.of(path);
    long total = manifest.bytes();
    long[] read = {0};
    List<String> faults = manifest.check(bytes -> progress.read(read[0] += bytes, total)).stream().map(Manifest.Fault::problem).toList();
    return new Verification(inspection, manifest.size(), faults);
  }

  /** Whether the checkpoint is whole as far as this version can tell. */
  public boolean passed() {
    return faults.isEmpty() && inspection.whole();
  }
}

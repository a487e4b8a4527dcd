package azulejo.weights;

import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.SafetensorsWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/** Tiny models, whole and spoilt. */
final class TinyModels {
  private TinyModels() {}

  /** aMUSEd with random weights and a few layers. */
  static Path amused(Path dir) {
    Synth.write(dir, DType.F32, Synth.Progress.NONE, file -> {
      try (InputStream tiny = TinyModels.class.getResourceAsStream("amused-tiny/" + file);
          InputStream in = tiny != null ? tiny : Synth.class.getResourceAsStream("amused/" + file)) {
        return in.readAllBytes();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    });
    return dir;
  }

  /** Rewrites a weights file. */
  static void change(Path file, UnaryOperator<List<HostTensor>> edit) {
    Path changed = file.resolveSibling("changed.safetensors");
    try {
      try (Checkpoint checkpoint = Checkpoint.open(file)) {
        List<HostTensor> tensors = new ArrayList<>();
        checkpoint.names().forEach(name -> tensors.add(checkpoint.tensor(name)));
        SafetensorsWriter.write(changed, Map.of(), edit.apply(tensors));
      }
      Files.move(changed, file, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

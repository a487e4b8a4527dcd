package azulejo.probes.metrics;

import java.nio.file.Path;
import java.util.Optional;

/**
 * Where the networks' weights are; what is missing only rules out the metrics that need it.
 *
 * @param clip a folder as transformers publishes CLIP models
 * @param lpips a file with a trunk and its linear layers, or a folder with both in files of their own
 * @param inception the weights of pytorch-fid, {@code pt_inception-2015-12-05-6726825d.pth} or the same tensors as safetensors, or a folder with them
 */
public record Networks(Optional<Path> clip, Optional<Path> lpips, Optional<Path> inception) {
  public static final Networks NONE = new Networks(Optional.empty(), Optional.empty(), Optional.empty());
}

package azulejo.probes.experiment;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the images are measured with.
 *
 * @param names of metrics, as {@code azulejo metrics} lists them
 * @param clip see {@link azulejo.probes.metrics.Networks}, as for {@code lpips} and {@code inception}
 * @param reference folder of real images, to compare collections with, and to count how often a model uses its codes
 */
public record Measures(List<String> names, Optional<Path> clip, Optional<Path> lpips, Optional<Path> inception, Optional<Path> reference) {
  public Measures {
    names = List.copyOf(names);
  }

  /** Those metrics that the networks given allow, of each kind the one that is most used. */
  Measures withAll() {
    List<String> all = new ArrayList<>();
    lpips.ifPresent(_ -> all.add("lpips:alex-0.1"));
    all.addAll(List.of("cosine:centred", "cosine:raw", "ssim:skimage-gaussian", "hamming:tokens"));
    clip.ifPresent(_ -> all.addAll(List.of("vendi:clip", "clip-score:torchmetrics", "clip-iqa:quality")));
    reference.flatMap(_ -> clip).ifPresent(_ -> all.addAll(List.of("fid:clip", "kid:clip")));
    reference.flatMap(_ -> inception).ifPresent(_ -> all.addAll(List.of("fid:pytorch-fid", "kid:inception")));
    return new Measures(all, clip, lpips, inception, reference);
  }

  /** The files that values depend on, by the configuration's names. */
  public Map<String, Path> folders() {
    Map<String, Path> folders = new LinkedHashMap<>();
    clip.ifPresent(path -> folders.put("clip", path));
    lpips.ifPresent(path -> folders.put("lpips", path));
    inception.ifPresent(path -> folders.put("inception", path));
    reference.ifPresent(path -> folders.put("reference", path));
    return folders;
  }

  /** As the configuration has it. */
  Map<String, Object> fields() {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("use", names);
    folders().forEach((name, path) -> fields.put(name, path.toString()));
    return fields;
  }
}

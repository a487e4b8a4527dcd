package azulejo.weights;

import azulejo.runtime.OptionException;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which files of a repository a model is loaded from: configurations and tokenizers, and of each folder's weights one form: safetensors before pickles, full
 * precision before variants, one file before shards.
 */
final class NeededFiles {
  private static final Pattern WEIGHTS = Pattern.compile(
      "(?<stem>model|pytorch_model|diffusion_pytorch_model)(\\.(?<variant>\\w+))?(?<shard>-\\d{5}-of-\\d{5})?(\\.(?<variant2>(?!safetensors|bin)\\w+))?"
          + "\\.(?<form>safetensors|bin)(?<index>\\.index(\\.(?<variant3>\\w+))?\\.json)?");
  private static final Pattern SMALL = Pattern.compile(".+\\.(json|txt|model)");
  /** Weights under names of their own, as LlamaGen has them: which one is wanted only the user knows. */
  private static final Pattern OTHER_WEIGHTS = Pattern.compile(".+\\.(safetensors|pt|pth|ckpt)");
  /** What libraries for other runtimes are given. */
  private static final Pattern FOREIGN = Pattern.compile("(^|.*/)(\\..*|onnx|openvino|coreml|flax|tf|safety_checker|feature_extractor)/.*|(^|.*/)\\.[^/]*");

  private NeededFiles() {}

  private record Weights(String path, boolean safetensors, String variant, boolean shard, boolean index) {
    static Optional<Weights> of(String path) {
      Matcher m = WEIGHTS.matcher(name(path));
      if (!m.matches()) {
        return Optional.empty();
      }
      String variant = Optional.ofNullable(m.group("variant")).or(() -> Optional.ofNullable(m.group("variant2")))
          .or(() -> Optional.ofNullable(m.group("variant3"))).orElse("");
      return Optional.of(new Weights(path, m.group("form").equals("safetensors"), variant, m.group("shard") != null, m.group("index") != null));
    }
  }

  /**
   * @param all the repository's files
   * @param variant such as {@code fp16}, taken where a folder has it; empty for full precision
   * @throws OptionException when the user has to choose
   */
  static List<String> of(String repository, List<String> all, String variant) {
    Map<String, List<Weights>> folders = new LinkedHashMap<>();
    List<String> needed = new ArrayList<>();
    List<String> others = new ArrayList<>();
    for (String path : all) {
      Optional<Weights> weights = Weights.of(path);
      if (FOREIGN.matcher(path).matches()) {
        continue;
      }
      if (weights.isPresent()) {
        folders.computeIfAbsent(folder(path), _ -> new ArrayList<>()).add(weights.get());
      } else if (SMALL.matcher(path).matches()) {
        needed.add(path);
      } else if (OTHER_WEIGHTS.matcher(path).matches()) {
        others.add(path);
      }
    }
    folders.values().forEach(folder -> chosen(folder, variant).forEach(weights -> needed.add(weights.path)));
    if (folders.isEmpty()) {
      if (others.isEmpty()) {
        throw new OptionException(repository + " holds no weights that are known by their names; name the files with --include");
      }
      if (others.size() > 1) {
        throw new OptionException(repository + " holds " + others.size() + " weights files under names of their own, such as " + others.getFirst()
            + ": choose with --include, which may be given more than once");
      }
      needed.addAll(others);
    }
    return needed.stream().sorted().toList();
  }

  private static List<Weights> chosen(List<Weights> folder, String variant) {
    List<Weights> best = folder;
    best = preferred(best, best.stream().filter(w -> w.variant.equals(variant)).toList());
    best = preferred(best, best.stream().filter(w -> w.variant.isEmpty() || w.variant.equals(variant)).toList());
    best = preferred(best, best.stream().filter(Weights::safetensors).toList());
    return preferred(best, best.stream().filter(w -> !w.shard && !w.index).toList());
  }

  private static List<Weights> preferred(List<Weights> all, List<Weights> some) {
    return some.isEmpty() ? all : some;
  }

  /** The files that match a pattern, {@code *} within a folder and {@code **} across. */
  static List<String> matching(String repository, List<String> all, List<String> patterns) {
    List<String> matching = new ArrayList<>();
    for (String pattern : patterns) {
      PathMatcher matcher;
      try {
        matcher = FileSystems.getDefault().getPathMatcher("glob:" + pattern);
      } catch (IllegalArgumentException e) {
        throw new OptionException("--include \"" + pattern + "\" is not a pattern of files: " + e.getMessage().lines().findFirst().orElse(""), e);
      }
      List<String> found = all.stream().filter(path -> matcher.matches(Path.of(path))).toList();
      if (found.isEmpty()) {
        throw new OptionException(repository + " has no file that matches \"" + pattern + "\"");
      }
      matching.addAll(found);
    }
    return matching.stream().distinct().sorted().toList();
  }

  private static String name(String path) {
    return path.substring(path.lastIndexOf('/') + 1);
  }

  private static String folder(String path) {
    return path.substring(0, path.lastIndexOf('/') + 1);
  }
}

package azulejo.cli.parity;

import azulejo.kernels.Backend;
import azulejo.kernels.HostTensor;
import azulejo.models.vq.VqModel;
import azulejo.models.vqdiffusion.VqDiffusion;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.JsonConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Components of VQ-Diffusion as older snapshots of the hub have them: pickles, in which attention has other names. They hold the weights of
 * the folder beside them, and its goldens of the VQ model hold for them too.
 */
final class LegacyBinParity {
  private static final String SUFFIX = "-legacybin";
  private static final List<String> COMPONENTS = List.of("vqvae", "learned_classifier_free_sampling_embeddings");
  private static final Map<String, String> NAMES = Map.of("query", "to_q", "key", "to_k", "value", "to_v", "proj_attn", "to_out.0");

  private LegacyBinParity() {}

  static boolean recognises(Path dir) {
    return Files.exists(dir.resolve("vqvae/diffusion_pytorch_model.bin")) && Files.isDirectory(sibling(dir).resolve("goldens"));
  }

  private static Path sibling(Path dir) {
    Path absolute = dir.toAbsolutePath().normalize();
    return absolute.resolveSibling(absolute.getFileName().toString().replace(SUFFIX, ""));
  }

  static void check(Path dir, Backend backend, Checks checks) {
    for (String component : COMPONENTS) {
      checks.section(component);
      checks.attempt(component, () -> sameWeights(dir.resolve(component), sibling(dir).resolve(component), checks));
    }
    try (Goldens goldens = new Goldens(sibling(dir).resolve("goldens")); Checkpoint checkpoint = Checkpoint.open(dir.resolve("vqvae"))) {
      VqModel vqvae = new VqModel(VqModel.Config.of(JsonConfig.read(dir.resolve("vqvae/config.json"))), checkpoint.on(backend));
      goldens.file("vqvae.safetensors").ifPresent(golden ->
          checks.attempt("VQ model", () -> VqParity.check(golden, vqvae, dir.resolve("vqvae"), VqDiffusion::levels, backend, checks)));
    }
  }

  private static void sameWeights(Path pickle, Path safetensors, Checks checks) {
    try (Checkpoint older = Checkpoint.open(pickle); Checkpoint newer = Checkpoint.open(safetensors)) {
      checks.report("number of tensors", older.names().size() == newer.names().size(),
          older.names().size() + " and " + newer.names().size());
      for (String name : older.names()) {
        HostTensor wanted = newer.tensor(newerName(name));
        checks.close(name, wanted, older.tensor(name), 0);
      }
    }
  }

  /** A linear layer's part of the name is the last but one. */
  private static String newerName(String name) {
    for (Map.Entry<String, String> renamed : NAMES.entrySet()) {
      if (name.matches(".*\\." + renamed.getKey() + "\\.(weight|bias)")) {
        return name.replaceFirst("\\." + renamed.getKey() + "\\.(?=weight|bias)", "." + renamed.getValue() + ".");
      }
    }
    return name;
  }
}

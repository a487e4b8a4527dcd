package azulejo.cli.parity;

import azulejo.kernels.HostTensor;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.Json;
import azulejo.runtime.checkpoint.Safetensors;
import azulejo.runtime.checkpoint.TensorFile;
import azulejo.runtime.checkpoint.pickle.TorchFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import tools.jackson.databind.JsonNode;

/**
 * Checkpoint files as PyTorch and safetensors write them: every tensor of {@code good/} against the type, shape and digest in its manifest, and every
 * file of {@code hostile/} and {@code hostile-safetensors/} refused, where the folder has these.
 */
final class PickleParity {
  private PickleParity() {}

  static boolean recognises(Path dir) {
    return Files.exists(dir.resolve("good/manifest.json"));
  }

  static void check(Path dir, Checks checks) {
    Path good = dir.resolve("good");
    JsonNode manifest = Json.object(good.resolve("manifest.json"));
    checks.section("files of torch.save");
    manifest.path("files").properties().forEach(e -> checks.attempt(e.getKey(), () -> {
      try (TorchFile file = TorchFile.open(good.resolve(e.getKey()))) {
        compare(e.getKey(), e.getValue().path("tensors"), file, checks);
      }
    }));
    checks.section("safetensors");
    manifest.path("safetensors").properties().forEach(e -> checks.attempt(e.getKey(), () -> {
      try (Safetensors file = Safetensors.open(good.resolve("safetensors").resolve(e.getKey()))) {
        compare(e.getKey(), e.getValue(), file, checks);
      }
    }));
    checks.section("sharded folders");
    for (String folder : List.of("sharded-bin", "sharded-safetensors")) {
      if (manifest.has(folder)) {
        checks.attempt(folder, () -> {
          try (Checkpoint checkpoint = Checkpoint.open(good.resolve(folder))) {
            compare(folder, manifest.path(folder).path("tensors"), checkpoint.names(), checkpoint::tensor, checks);
          }
        });
      }
    }
    refused(dir, "hostile", "pickles", TorchFile::open, checks);
    refused(dir, "hostile-safetensors", "safetensors", Safetensors::open, checks);
  }

  private static void compare(String name, JsonNode wanted, TensorFile file, Checks checks) {
    compare(name, wanted, file.names(), file::tensor, checks);
  }

  private static void compare(String name, JsonNode wanted, Set<String> names, Function<String, HostTensor> tensors, Checks checks) {
    List<String> wrong = new ArrayList<>();
    for (JsonNode tensor : wanted) {
      String path = tensor.path("path").asString();
      String golden = tensor.path("dtype").asString() + " " + Arrays.toString(tensor.path("shape").valueStream().mapToLong(JsonNode::asLong).toArray())
          + " " + tensor.path("sha256").asString();
      String value = names.contains(path) ? describe(tensors.apply(path)) : "missing";
      if (!value.equals(golden)) {
        wrong.add(path + " is " + value + " instead of " + golden);
      }
    }
    int extra = Math.max(0, names.size() - wanted.size());
    checks.report(name, wrong.isEmpty() && extra == 0, wrong.size() + " of " + wanted.size() + " tensors differ, " + extra + " too many"
        + (wrong.isEmpty() ? "" : ": " + wrong.getFirst()));
  }

  private static String describe(HostTensor tensor) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      sha.update(tensor.data().asByteBuffer());
      return tensor.dtype() + " " + tensor.shape() + " " + HexFormat.of().formatHex(sha.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }

  /** A file that the manifest wants refused must be; one whose verdict is "refuse-or-..." may also be read. */
  private static void refused(Path dir, String folder, String verdicts, Function<Path, TensorFile> open, Checks checks) {
    if (!Files.isDirectory(dir.resolve(folder))) {
      return;
    }
    checks.section(folder);
    Json.object(dir.resolve("hostile-manifest.json")).path(verdicts).properties().forEach(e -> {
      boolean mustRefuse = e.getValue().path("expected").asString().equals("refuse");
      try (TensorFile file = open.apply(dir.resolve(folder).resolve(e.getKey()))) {
        file.names().forEach(file::tensor);
        checks.report(e.getKey(), !mustRefuse, "read");
      } catch (CheckpointException refusal) {
        checks.report(e.getKey(), true, "refused: " + refusal.getMessage());
      }
    });
  }
}

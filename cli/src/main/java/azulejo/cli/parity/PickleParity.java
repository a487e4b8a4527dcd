package azulejo.cli.parity;

import azulejo.kernels.HostTensor;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.Json;
import azulejo.runtime.checkpoint.Safetensors;
import azulejo.runtime.checkpoint.TensorFile;
import azulejo.runtime.checkpoint.pickle.TorchFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/**
 * Checkpoint files as PyTorch and safetensors write them: every tensor of {@code good/} against the type, shape and digest in its manifest, and every
 * file of {@code hostile/}, {@code hostile/index/} and {@code hostile-safetensors/} refused, where the folder has these.
 */
final class PickleParity {
  private static final long LONGEST_REFUSAL_NANOS = 1_000_000_000;

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
    refused(dir, "hostile", "pickles", TorchFile::open, TensorFile::names, TensorFile::tensor, checks);
    refused(dir, "hostile/index", "index", Checkpoint::open, Checkpoint::names, Checkpoint::tensor, checks);
    refused(dir, "hostile-safetensors", "safetensors", Safetensors::open, TensorFile::names, TensorFile::tensor, checks);
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

  /**
   * A file that the manifest wants refused must be, with one line that names it, in under a second and with nothing written beside it; one whose verdict is
   * "refuse-or-..." may also be read.
   */
  private static <F extends AutoCloseable> void refused(Path dir, String folder, String verdicts, Function<Path, F> open, Function<F, Set<String>> names,
      BiFunction<F, String, HostTensor> tensor, Checks checks) {
    if (!Files.isDirectory(dir.resolve(folder))) {
      return;
    }
    checks.section(folder);
    List<String> before = list(dir.resolve(folder));
    Json.object(dir.resolve("hostile-manifest.json")).path(verdicts).properties().forEach(e -> {
      boolean mustRefuse = e.getValue().path("expected").asString().equals("refuse");
      long start = System.nanoTime();
      try (F file = open.apply(dir.resolve(folder).resolve(e.getKey()))) {
        names.apply(file).forEach(name -> tensor.apply(file, name));
        checks.report(e.getKey(), !mustRefuse, "read");
      } catch (CheckpointException refusal) {
        boolean quick = System.nanoTime() - start < LONGEST_REFUSAL_NANOS;
        boolean clear = refusal.getMessage().contains(dir.toString()) && refusal.getMessage().lines().count() == 1;
        checks.report(e.getKey(), quick && clear, "refused" + (quick ? "" : " too late") + ": " + refusal.getMessage());
      } catch (Exception other) {
        checks.report(e.getKey(), false, "neither read nor refused: " + other);
      }
    });
    checks.report(folder + " unchanged", list(dir.resolve(folder)).equals(before), "the files that it held before");
  }

  private static List<String> list(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(Path::toString).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

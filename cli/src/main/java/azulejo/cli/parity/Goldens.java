package azulejo.cli.parity;

import azulejo.kernels.HostTensor;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.Json;
import azulejo.runtime.checkpoint.Safetensors;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/**
 * The safetensors files of a golden folder, and which of their tensors have been asked for. Where recordings lie beside a checkpoint, they are the files
 * whose names begin with "golden".
 */
final class Goldens implements AutoCloseable {
  private final Map<String, Safetensors> files = new LinkedHashMap<>();
  private final Set<String> used = new LinkedHashSet<>();
  /** Prefixes of "FILE TENSOR" with the reason why nothing below them is checked. */
  private final Map<String, String> excuses = new LinkedHashMap<>();

  Goldens(Path folder) {
    try (Stream<Path> listing = Files.list(folder)) {
      List<Path> all = listing.filter(file -> file.toString().endsWith(".safetensors")).sorted().toList();
      List<Path> marked = all.stream().filter(file -> file.getFileName().toString().startsWith("golden")).toList();
      for (Path path : marked.isEmpty() ? all : marked) {
        files.put(path.getFileName().toString(), Safetensors.open(path));
      }
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + folder + ": " + AzulejoException.reason(e), e);
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  Set<String> names() {
    return files.keySet();
  }

  Optional<Golden> file(String name) {
    return Optional.ofNullable(files.get(name)).map(file -> new Golden(name, file, ""));
  }

  /** Says why the tensors of {@code file} whose names begin with {@code prefix} are not checked. */
  void excuse(String file, String prefix, String reason) {
    excuses.put(file + " " + prefix, reason);
  }

  /** The tensors that nobody asked for, as "FILE TENSOR" with the reason where one was given. */
  List<String> unused() {
    List<String> unused = new ArrayList<>();
    files.forEach((file, tensors) -> tensors.tensors().keySet().forEach(tensor -> {
      String name = file + " " + tensor;
      if (!used.contains(name)) {
        String reason = excuses.entrySet().stream().filter(e -> name.startsWith(e.getKey())).map(e -> " (" + e.getValue() + ")").findFirst()
            .orElse("");
        unused.add(name + reason);
      }
    }));
    return unused;
  }

  /** A JSON file of any kind of value. */
  static JsonNode json(Path file) {
    try {
      return json(file.toString(), Files.readString(file));
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + file + ": " + AzulejoException.reason(e), e);
    }
  }

  private static JsonNode json(String what, String value) {
    return Json.object(what, ("{\"value\":" + value + "}").getBytes(StandardCharsets.UTF_8)).path("value");
  }

  @Override
  public void close() {
    files.values().forEach(Safetensors::close);
  }

  /** A file's tensors below a prefix. */
  final class Golden {
    private final String name;
    private final Safetensors file;
    private final String prefix;

    private Golden(String name, Safetensors file, String prefix) {
      this.name = name;
      this.file = file;
      this.prefix = prefix;
    }

    Golden at(String module) {
      return new Golden(name, file, prefix + module + ".");
    }

    /** The tensors' names below the prefix, in order. */
    List<String> names() {
      return file.tensors().keySet().stream().filter(tensor -> tensor.startsWith(prefix)).map(tensor -> tensor.substring(prefix.length()))
          .sorted().toList();
    }

    /** Says why the tensors below {@code start} that nobody asks for are not checked. */
    void excuse(String start, String reason) {
      Goldens.this.excuse(name, prefix + start, reason);
    }

    boolean has(String tensor) {
      return file.tensors().containsKey(prefix + tensor);
    }

    /** @throws CheckpointException when there is none */
    HostTensor tensor(String tensor) {
      used.add(name + " " + prefix + tensor);
      return file.tensor(prefix + tensor);
    }

    /** The JSON text under a metadata key, or a missing node. */
    JsonNode metadata(String key) {
      return json(file.file() + ": metadata \"" + key + "\"", file.metadata().getOrDefault(key, "null"));
    }
  }
}

package azulejo.tests.fuzz;

import azulejo.kernels.Backend;
import azulejo.kernels.Backends;
import azulejo.kernels.HostTensor;
import azulejo.models.Models;
import azulejo.models.amused.UVit2D;
import azulejo.models.clip.ClipTextEncoder;
import azulejo.models.llamagen.Gpt;
import azulejo.models.t5.T5Encoder;
import azulejo.models.vq.VqModel;
import azulejo.models.vqdiffusion.Transformer2D;
import azulejo.runtime.checkpoint.Audit;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.checkpoint.SafetensorsWriter;
import azulejo.runtime.checkpoint.Weights;
import azulejo.runtime.walk.DiffusionSchedule;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;

/**
 * After the byte that chooses, the input is a JSON file of a checkpoint: a component's configuration, from which the component is then built, whole with
 * placeholders for its tensors and as far as a checkpoint that has hardly any allows, a scheduler's, an index of shards, or a model folder's own.
 */
public final class ConfigTarget {
  /** What a GPT's configuration is read together with. */
  private static final byte[] GPT = safetensors(List.of(tensor("tok_embeddings.weight", 16, 8), tensor("cls_embedding.embedding_table.weight", 5, 8),
      tensor("layers.0.attention_norm.weight", 8), tensor("layers.0.feed_forward.w1.weight", 12, 8)));

  private ConfigTarget() {}

  public static void fuzzerTestOneInput(byte[] input) {
    byte[] json = Scratch.rest(input);
    try (Scratch scratch = new Scratch()) {
      switch (Scratch.choice(input, 10)) {
        case 0 -> component(scratch, json, (config, weights) -> new UVit2D(UVit2D.Config.of(config), weights));
        case 1 -> component(scratch, json, (config, weights) -> new VqModel(VqModel.Config.of(config), weights).loadEncoder());
        case 2 -> component(scratch, json, (config, weights) -> new ClipTextEncoder(ClipTextEncoder.Config.of(config), weights));
        case 3 -> component(scratch, json, (config, weights) -> new T5Encoder(T5Encoder.Config.of(config), weights));
        case 4 -> component(scratch, json, (config, weights) -> new Transformer2D(Transformer2D.Config.of(config), weights));
        case 5 -> component(scratch, json, (config, _) -> DiffusionSchedule.of(config, 5));
        case 6 -> gpt(scratch, json);
        case 7 -> shards(scratch, json);
        case 8 -> folder(scratch, "model_index.json", json);
        default -> folder(scratch, "config.json", json);
      }
    }
  }

  private static void component(Scratch scratch, byte[] json, BiConsumer<JsonConfig, Weights> build) {
    Path config = scratch.write("config.json", json);
    Path weights = scratch.write("model.safetensors", GPT);
    scratch.readOrRefuse(() -> {
      try (Backend b = Backends.open("reference"); Checkpoint checkpoint = Checkpoint.open(weights)) {
        build.accept(JsonConfig.read(config), new Audit(checkpoint).weights(b));
        build.accept(JsonConfig.read(config), checkpoint.on(b));
      }
    });
  }

  private static void gpt(Scratch scratch, byte[] json) {
    Path config = scratch.write("config.json", json);
    Path weights = scratch.write("c2i.safetensors", GPT);
    scratch.readOrRefuse(() -> {
      try (Backend b = Backends.open("reference"); Checkpoint checkpoint = Checkpoint.open(weights)) {
        Gpt.Config read = Gpt.Config.of(checkpoint, Optional.of(JsonConfig.read(config)));
        new Gpt(read, new Audit(checkpoint).weights(b));
        new Gpt(read, checkpoint.on(b));
      }
    });
  }

  private static void shards(Scratch scratch, byte[] json) {
    Path index = scratch.write("model.safetensors.index.json", json);
    scratch.write("a.safetensors", GPT);
    scratch.readOrRefuse(() -> {
      try (Checkpoint checkpoint = Checkpoint.open(index)) {
        checkpoint.names().forEach(checkpoint::tensor);
      }
    });
  }

  private static void folder(Scratch scratch, String name, byte[] json) {
    scratch.write("model/" + name, json);
    scratch.write("model/c2i.safetensors", GPT);
    scratch.readOrRefuse(() -> {
      try (Backend b = Backends.open("reference")) {
        Models.open(scratch.dir().resolve("model"), b).close();
      }
    });
  }

  private static HostTensor tensor(String name, long... dims) {
    int elements = 1;
    for (long dim : dims) {
      elements *= (int) dim;
    }
    return HostTensor.of(name, new float[elements], dims);
  }

  private static byte[] safetensors(List<HostTensor> tensors) {
    try {
      Path file = Files.createTempFile("azulejo-fuzz", ".safetensors");
      try {
        SafetensorsWriter.write(file, Map.of(), tensors);
        return Files.readAllBytes(file);
      } finally {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

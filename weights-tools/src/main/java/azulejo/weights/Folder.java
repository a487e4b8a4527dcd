package azulejo.weights;

import azulejo.kernels.Backend;
import azulejo.kernels.Backends;
import azulejo.models.llamagen.LlamaGen;
import azulejo.models.perceptual.InceptionV3;
import azulejo.models.perceptual.Lpips;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.text.ClipTokenizer;
import azulejo.runtime.text.T5Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Recognises what a path is and inspects its parts. */
final class Folder {
  private static final List<String> AMUSED = List.of("transformer", "text_encoder", "vqvae");
  private static final List<String> VQ_DIFFUSION = List.of("transformer", "text_encoder", "vqvae", "learned_classifier_free_sampling_embeddings");

  private final Path path;
  private final List<Inspection.Component> components = new ArrayList<>();
  private final List<String> faults = new ArrayList<>();

  private Folder(Path path) {
    this.path = path;
  }

  static Inspection inspect(Path path) {
    if (!Files.exists(path)) {
      throw new CheckpointException(path + " does not exist");
    }
    Folder folder = new Folder(path);
    if (!Files.isDirectory(path)) {
      return folder.single();
    }
    if (Files.exists(path.resolve("model_index.json"))) {
      return folder.pipeline();
    }
    Optional<String> other = folder.otherModel();
    if (other.isPresent()) {
      return folder.notRunnable(other.get());
    }
    List<Path> files = LlamaGen.files(path);
    return Checkpoint.isIn(path) || files.isEmpty() ? folder.single() : folder.files(files);
  }

  /** A weights file, or a component's folder. */
  private Inspection single() {
    Optional<Inspection.Component> component = Inspection.component(name(path), path, Part.configBeside(path), faults);
    if (component.isEmpty()) {
      throw new CheckpointException(faults.getFirst());
    }
    components.add(component.get());
    judges();
    return new Inspection(path, component.get().what(), false, components, faults);
  }

  private Inspection pipeline() {
    String pipeline = JsonConfig.read(path.resolve("model_index.json")).text("_class_name");
    switch (pipeline) {
      case "AmusedPipeline" -> parts(AMUSED);
      case "VQDiffusionPipeline" -> parts(VQ_DIFFUSION);
      default -> {
        parts(subfoldersWithWeights());
        return new Inspection(path, pipeline + ", which this version does not run", false, components, faults);
      }
    }
    attempt(() -> JsonConfig.read(path.resolve("scheduler/scheduler_config.json")));
    attempt(() -> ClipTokenizer.read(path.resolve("tokenizer")));
    return new Inspection(path, pipeline.equals("AmusedPipeline") ? "aMUSEd" : "VQ-Diffusion", true, components, faults);
  }

  private void parts(List<String> names) {
    for (String name : names) {
      Path folder = path.resolve(name);
      attempt(() -> add(name, folder, Optional.of(JsonConfig.read(folder.resolve("config.json")))));
    }
  }

  private List<String> subfoldersWithWeights() {
    return list().stream().filter(Files::isDirectory).filter(sub -> Files.exists(sub.resolve("config.json"))).map(Folder::name).toList();
  }

  /** A model whose folder is known but which this version cannot run: its name. */
  private Optional<String> otherModel() {
    Path file = path.resolve("config.json");
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    JsonConfig config = JsonConfig.read(file);
    String type = config.text("model_type", config.text("_class_name", ""));
    return switch (type) {
      case "multi_modality" -> Optional.of("Janus-Pro");
      case "Showo" -> Optional.of("Show-o");
      case "MAGVITv2" -> Optional.of("MAGVIT-v2, the image tokenizer of Show-o");
      case "phi" -> Optional.of("Phi, the language model that Show-o began as");
      default -> Optional.empty();
    };
  }

  private Inspection notRunnable(String model) {
    add(name(path), path, Optional.empty());
    return new Inspection(path, model + ", which this version does not run", false, components, faults);
  }

  /** Weights files of other names: LlamaGen's, or those of the networks that judge pictures. */
  private Inspection files(List<Path> files) {
    Optional<JsonConfig> config = Part.configBeside(path);
    files.forEach(file -> add(name(file), file, config));
    boolean captions = false;
    boolean gpt = false;
    boolean vq = false;
    for (Inspection.Component component : components) {
      gpt |= component.what().startsWith("GPT");
      vq |= component.what().startsWith("image tokenizer of LlamaGen");
      captions |= component.tensors().stream().anyMatch(t -> t.name().equals("cls_embedding.uncond_embedding"));
    }
    if (!gpt && !vq) {
      return new Inspection(path, judges().orElse("weights files"), false, components, faults);
    }
    if (!gpt) {
      faults.add(path + " has no GPT (c2i_*.pt or t2i_*.pt) among its files");
    }
    if (!vq) {
      faults.add(path + " has no image tokenizer (vq_*.pt) among its files");
    }
    if (captions) {
      textEncoder();
    }
    return new Inspection(path, "LlamaGen", true, components, faults);
  }

  /** The network that judges pictures of which these are weights; it is opened by its own code, which says what they lack. */
  private Optional<String> judges() {
    try (Backend backend = Backends.open("reference")) {
      if (holds("Mixed_7c.branch_pool.conv.weight")) {
        judge(() -> InceptionV3.open(path, backend).close());
        return Optional.of("Inception network of FID");
      }
      List<Lpips.Net> nets = Stream.of(Lpips.Net.values()).filter(net -> holds(net.mark()) && holds("lin0.model.1.weight")).toList();
      nets.forEach(net -> judge(() -> Lpips.open(net, path, backend).close()));
      return nets.isEmpty() ? Optional.empty() : Optional.of("LPIPS");
    }
  }

  private void judge(Runnable open) {
    int before = faults.size();
    attempt(open);
    if (faults.size() == before) {
      components.replaceAll(Inspection.Component::opened);
    }
  }

  private boolean holds(String tensor) {
    return components.stream().flatMap(c -> c.tensors().stream()).anyMatch(t -> t.name().equals(tensor));
  }

  private void textEncoder() {
    Optional<Path> folder = list().stream().filter(sub -> Files.exists(sub.resolve("config.json"))).findFirst();
    if (folder.isEmpty()) {
      faults.add(path + " has no text encoder, which a model of captions needs: put google/flan-t5-xl into a subfolder");
      return;
    }
    attempt(() -> add(name(folder.get()), folder.get(), Part.configBeside(folder.get())));
    attempt(() -> T5Tokenizer.read(folder.get()));
  }

  private void add(String name, Path file, Optional<JsonConfig> config) {
    Inspection.component(name, file, config, faults).ifPresent(components::add);
  }

  private void attempt(Runnable look) {
    try {
      look.run();
    } catch (CheckpointException e) {
      faults.add(e.getMessage());
    }
  }

  private List<Path> list() {
    try (Stream<Path> files = Files.list(path)) {
      return files.sorted().toList();
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + path + ": " + AzulejoException.reason(e), e);
    }
  }

  private static String name(Path path) {
    Path name = path.toAbsolutePath().normalize().getFileName();
    return name == null ? path.toString() : name.toString();
  }
}

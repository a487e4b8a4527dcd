package azulejo.models.llamagen;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.kernels.WeightFormat;
import azulejo.models.GeneratedImage;
import azulejo.models.GenerationListener;
import azulejo.models.GenerationRequest;
import azulejo.models.Image;
import azulejo.models.ImageGenerator;
import azulejo.models.Options;
import azulejo.models.t5.T5Encoder;
import azulejo.models.vq.VqModel;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.Tap;
import azulejo.runtime.checkpoint.Checkpoint;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.text.T5Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * LlamaGen, from a class or a caption to a picture: T5 encoder (captions), raster walk with the GPT, VQ decoder.
 *
 * <p>Sun et al., "Autoregressive Model Beats Diffusion: Llama for Scalable Image Generation" (arXiv 2406.06525). Follows FoundationVision/LlamaGen
 * {@code autoregressive/sample/sample_t2i.py}, {@code sample_c2i.py} and {@code language/t5.py}.
 *
 * <p>A folder holds the published files under their own names: a GPT ({@code t2i_XL_stage1_256.pt}, {@code c2i_B_384.pt}, ...), its tokenizer
 * ({@code vq_ds16_t2i.pt}, {@code vq_ds16_c2i.pt}) and for captions a subfolder with the text encoder ({@code google/flan-t5-xl}). Each may also be a
 * safetensors file of the same tensors; which is which is read from the tensors. An optional {@code config.json} names the files ({@code files}: {@code t2i}
 * or {@code c2i}, {@code vq}, {@code text_encoder}) and holds the GPT's {@code ModelArgs} under {@code t2i} or {@code c2i}, for a model whose size was not published.
 */
public final class LlamaGen implements ImageGenerator {
  private static final Pattern CHECKPOINT = Pattern.compile(".*\\.(pt|pth|safetensors)");
  private static final Pattern PLAIN_NAME = Pattern.compile("[^/\\\\:\\p{Cntrl}]+");
  /** Where a published file's name says what size of picture it was trained on. */
  private static final Pattern IMAGE_SIZE = Pattern.compile("_(256|384|512)\\b");
  private static final List<Integer> CLASS_SIZES = List.of(384, 256, 512);
  private static final List<Integer> CAPTION_SIZES = List.of(512, 256, 384);

  /** T5 with its tokenizer. */
  record TextEncoder(T5Tokenizer tokenizer, T5Encoder encoder) {}

  private final Path folder;
  private final Backend b;
  private final WeightFormat format;
  private final Gpt gpt;
  private final VqModel vq;
  /** Null for classes. */
  private final TextEncoder textEncoder;
  /** Sides in pixels of the squares that can be asked for, the default one first. */
  private final List<Integer> sizes;
  private final List<Checkpoint> checkpoints;

  private LlamaGen(Path folder, Backend b, WeightFormat format, List<Checkpoint> checkpoints) {
    this.folder = folder;
    this.b = b;
    this.format = format;
    this.checkpoints = checkpoints;
    Path configFile = folder.resolve("config.json");
    Optional<JsonConfig> config = Files.exists(configFile) ? Optional.of(JsonConfig.read(configFile)) : Optional.empty();
    Optional<JsonConfig> named = config.filter(c -> c.has("files")).map(c -> c.section("files"));
    Checkpoint gptFile = named.map(n -> open(n, n.has("c2i") ? "c2i" : "t2i")).orElseGet(() -> find("tok_embeddings.weight", "GPT (c2i_*.pt or t2i_*.pt)"));
    Checkpoint vqFile = named.map(n -> open(n, "vq")).orElseGet(() -> find("quantize.embedding.weight", "image tokenizer (vq_*.pt)"));
    String kind = gptFile.has("cls_embedding.uncond_embedding") ? "t2i" : "c2i";
    Optional<JsonConfig> arguments = config.filter(c -> c.has(kind)).map(c -> c.section(kind));

    Gpt.Config gptConfig = Gpt.Config.of(gptFile, arguments);
    VqModel.Config vqConfig = VqCheckpoint.config(vqFile);
    requireEqual("the codebook of the image tokenizer", vqConfig.numVqEmbeddings(), "the vocabulary of the GPT", gptConfig.codes());
    sizes = sizes(gptFile.path(), kind, arguments, vqConfig.factor());
    textEncoder = gptConfig.condition() instanceof Gpt.Condition.Caption caption ? textEncoder(named, caption) : null;
    gpt = new Gpt(gptConfig, gptFile.on(b, format));
    vq = new VqModel(vqConfig, vqFile.on(b));
  }

  /** Whether the folder holds a LlamaGen model, or pickles, which no other kind of model folder has at its top. */
  public static boolean recognises(Path folder) {
    return files(folder).stream().anyMatch(file -> {
      if (!file.toString().endsWith(".safetensors")) {
        return true;
      }
      try (Checkpoint checkpoint = Checkpoint.open(file)) {
        return checkpoint.has("tok_embeddings.weight");
      }
    });
  }

  /**
   * Opens a model folder. The generator must be closed before the backend.
   *
   * @param format of the GPT's linear layers, which a step reads all of
   * @throws CheckpointException when a part is missing or broken, or the parts do not fit together
   */
  public static LlamaGen open(Path folder, Backend b, WeightFormat format) {
    List<Checkpoint> checkpoints = new ArrayList<>();
    try {
      return new LlamaGen(folder, b, format, checkpoints);
    } catch (RuntimeException e) {
      checkpoints.forEach(Checkpoint::close);
      throw e;
    }
  }

  /** The checkpoint files at the top of a folder, by name. */
  public static List<Path> files(Path folder) {
    return list(folder).stream().filter(file -> CHECKPOINT.matcher(file.getFileName().toString()).matches() && Files.isRegularFile(file)).toList();
  }

  private static List<Path> list(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    } catch (IOException e) {
      throw new CheckpointException(folder + " cannot be read: " + AzulejoException.reason(e), e);
    }
  }

  private Checkpoint open(Path path) {
    Checkpoint checkpoint = Checkpoint.open(path);
    checkpoints.add(checkpoint);
    return checkpoint;
  }

  private Checkpoint open(JsonConfig files, String name) {
    return open(folder.resolve(plainName(files, name)));
  }

  /** The files lie in the folder: a configuration must not reach outside it. */
  private static String plainName(JsonConfig files, String name) {
    String file = files.text(name);
    if (!PLAIN_NAME.matcher(file).matches()) {
      throw files.fault(name, "is \"" + file + "\", which is not the plain name of a file in the same folder");
    }
    return file;
  }

  /** The one file with this tensor. */
  private Checkpoint find(String tensor, String what) {
    List<Path> found = new ArrayList<>();
    for (Path file : files(folder)) {
      try (Checkpoint checkpoint = Checkpoint.open(file)) {
        if (checkpoint.has(tensor)) {
          found.add(file);
        }
      }
    }
    if (found.size() != 1) {
      throw new CheckpointException(folder + (found.isEmpty() ? " has no " + what + " among its files: none holds a tensor \"" + tensor + "\""
          : " has more than one " + what + ": " + String.join(" and ", found.stream().map(f -> f.getFileName().toString()).toList()) + "; keep one in a folder"));
    }
    return open(found.getFirst());
  }

  private TextEncoder textEncoder(Optional<JsonConfig> named, Gpt.Condition.Caption caption) {
    Path path = named.filter(n -> n.has("text_encoder")).map(n -> folder.resolve(plainName(n, "text_encoder")))
        .or(() -> list(folder).stream().filter(sub -> Files.exists(sub.resolve("config.json"))).findFirst())
        .orElseThrow(() -> new CheckpointException(folder + " has no text encoder, which a model of captions needs: put google/flan-t5-xl into a subfolder"));
    T5Encoder.Config config = T5Encoder.Config.of(JsonConfig.read(path.resolve("config.json")));
    requireEqual("d_model of " + path.getFileName(), config.dModel(), "the caption width of the GPT", caption.width());
    T5Tokenizer tokenizer = T5Tokenizer.read(path);
    if (tokenizer.size() > config.vocabSize()) {
      throw new CheckpointException(path + ": the tokenizer has " + tokenizer.size() + " tokens, but vocab_size is " + config.vocabSize()
          + ": they come from different models");
    }
    return new TextEncoder(tokenizer, new T5Encoder(config, open(path).on(b)));
  }

  private void requireEqual(String name, int value, String otherName, int otherValue) {
    if (value != otherValue) {
      throw new CheckpointException(folder + ": " + name + " is " + value + ", but " + otherName + " is " + otherValue + ": the parts come from different models");
    }
  }

  /** By the configuration, else by the file's name, else all that the official sampler offers. */
  private static List<Integer> sizes(Path file, String kind, Optional<JsonConfig> arguments, int factor) {
    if (arguments.isPresent() && arguments.get().has("block_size")) {
      int cells = arguments.get().integer("block_size");
      int side = (int) Math.round(Math.sqrt(cells));
      if (cells < 1 || side * side != cells) {
        throw arguments.get().fault("block_size", "is " + cells + ", which is no square grid");
      }
      return List.of(side * factor);
    }
    Matcher name = IMAGE_SIZE.matcher(file.getFileName().toString());
    return name.find() ? List.of(Integer.valueOf(name.group(1))) : kind.equals("c2i") ? CLASS_SIZES : CAPTION_SIZES;
  }

  @Override
  public String family() {
    return "LlamaGen";
  }

  @Override
  public String description() {
    long parameters = checkpoints.stream().mapToLong(Checkpoint::parameters).sum();
    int side = sizes.getFirst() / vq.config().factor();
    String what = textEncoder == null ? "of classes" : "of captions";
    return String.format("LlamaGen%s %s, %s, %dx%d grid of %d codes", gpt.config().name().isEmpty() ? "" : " GPT-" + gpt.config().name(), what,
        Options.parameters(parameters, format), side, side, gpt.config().codes());
  }

  public Gpt gpt() {
    return gpt;
  }

  public VqModel vq() {
    return vq;
  }

  /** Null for a model of classes. */
  TextEncoder textEncoder() {
    return textEncoder;
  }

  @Override
  public int codes() {
    return gpt.config().codes();
  }

  @Override
  public int side() {
    return sizes.getFirst();
  }

  @Override
  public int factor() {
    return vq.config().factor();
  }

  @Override
  public int[] encode(Image image) {
    return vq.codes(image, -1, 1);
  }

  @Override
  public Map<String, Object> resolve(GenerationRequest request) {
    return settings(request).toMap(family());
  }

  LlamaGenSettings settings(GenerationRequest request) {
    Options.fit(request, codes());
    return LlamaGenSettings.of(request, gpt.config(), format, sizes, vq.config().factor());
  }

  @Override
  public List<GeneratedImage> generate(GenerationRequest request, GenerationListener listener) {
    return generate(request, listener, Tap.NONE);
  }

  /**
   * {@link #generate(GenerationRequest, GenerationListener)} watched by a tap. It sees, batch by batch, {@code t5_ids}, {@code condition} (the left-padded
   * states of the batch's captions), {@code condition_mask}, what {@link azulejo.runtime.walk.RasterWalk} tells of each {@code step.<i>}, and for each image
   * {@code pixels_raw}.
   */
  public List<GeneratedImage> generate(GenerationRequest request, GenerationListener listener, Tap tap) {
    return new LlamaGenGeneration(this, b, settings(request), listener, tap, LlamaGenGeneration.BATCH_BYTES).run();
  }

  /** The states of captions [N, T, W] with those of each caption's {@code lengths} tokens moved to the end and zeros before them, in the caller's scope. */
  public static Tensor leftPadded(Backend b, Tensor states, int[] lengths) {
    int tokens = states.size(1);
    int[] index = new int[lengths.length * tokens];
    for (int i = 0; i < index.length; i++) {
      int from = i % tokens - (tokens - lengths[i / tokens]);
      index[i] = from < 0 ? -1 : i / tokens * tokens + from;
    }
    Tensor out = b.alloc(DType.F32, states.shape().toArray());
    b.gather(states.reshape((long) lengths.length * tokens, states.dim(2)), b.tensor(HostTensor.of("left padding", index, lengths.length, tokens)), out);
    return out;
  }

  /** Both branches of guidance, [2N, T, W]: for each of {@code captions} [N, T, W] what stands for none [T, W], then the captions. In the caller's scope. */
  public static Tensor pair(Backend b, Tensor noCaption, Tensor captions) {
    long rows = captions.dim(0);
    Tensor out = b.alloc(DType.F32, 2 * rows, captions.dim(1), captions.dim(2));
    for (long row = 0; row < rows; row++) {
      b.copy(noCaption.reshape(1, noCaption.dim(0), noCaption.dim(1)), out.slice(0, row, 1));
    }
    b.copy(captions, out.slice(0, rows, rows));
    return out;
  }

  /** Pixels of the range -1 to 1 as torchvision's {@code save_image} makes bytes of them: clipped, and rounded half up. */
  public static byte[] levels(HostTensor pixels) {
    byte[] levels = new byte[Math.toIntExact(pixels.shape().elements())];
    for (int i = 0; i < levels.length; i++) {
      levels[i] = (byte) (int) ((Math.clamp(pixels.floatAt(i), -1f, 1f) + 1) / 2 * 255 + 0.5f);
    }
    return levels;
  }

  /** Unmaps the checkpoints. */
  @Override
  public void close() {
    checkpoints.forEach(Checkpoint::close);
  }
}

package azulejo.models.amused;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.models.GeneratedImage;
import azulejo.models.GenerationListener;
import azulejo.models.GenerationListener.Stage;
import azulejo.models.GenerationRequest.Rng;
import azulejo.models.Image;
import azulejo.models.clip.ClipTextEncoder;
import azulejo.runtime.Cancelled;
import azulejo.runtime.OptionException;
import azulejo.runtime.Tap;
import azulejo.runtime.random.TorchGenerator;
import azulejo.runtime.text.ClipTokenizer;
import azulejo.runtime.text.Encoding;
import azulejo.runtime.walk.Denoiser;
import azulejo.runtime.walk.MaskedWalk;
import azulejo.runtime.walk.WalkNoise;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** One request on its way through the stages. */
final class AmusedGeneration {
  /** Texts that are encoded together. */
  private static final int TEXT_BATCH = 16;
  /** A walk's tensors beyond which its batch is split. */
  static final long BATCH_BYTES = 1L << 30;
  /** A walk's tensors beyond which a batch that cannot be split is refused. */
  private static final long MAX_BYTES = 8L << 30;
  private static final byte MID_GREY = (byte) 128;

  /**
   * One image of the request.
   *
   * @param index its number among the images of its prompt
   * @param tokens its grid as the host knows it
   */
  private record Slot(String prompt, String negativePrompt, int index, int[] tokens) {}

  /**
   * The request's texts, R of them.
   *
   * @param states [R, S, C]
   * @param embeds [R, E]
   */
  private record Texts(List<String> texts, Tensor states, Tensor embeds) {}

  private final Amused model;
  private final Backend b;
  private final AmusedSettings settings;
  private final Amused.MicroConditioning micro;
  private final GenerationListener listener;
  private final Tap tap;
  private final long batchBytes;
  private final List<Slot> slots = new ArrayList<>();

  AmusedGeneration(Amused model, Backend b, AmusedSettings settings, Amused.MicroConditioning micro, GenerationListener listener, Tap tap,
      long batchBytes) {
    this.model = model;
    this.b = b;
    this.settings = settings;
    this.micro = micro;
    this.listener = listener;
    this.tap = tap;
    this.batchBytes = batchBytes;
  }

  List<GeneratedImage> run() {
    int size = batchSize(settings.prompts().size() * settings.imagesPerPrompt());
    addSlots();
    int batches = Math.ceilDiv(slots.size(), size);
    try (Backend.Scope _ = b.scope()) {
      Texts texts = timed(Stage.TEXT_ENCODER, this::encodeTexts);
      timed(Stage.WALK, () -> {
        for (int i = 0; i < batches; i++) {
          walk(texts, slots.subList(i * size, Math.min((i + 1) * size, slots.size())), i, batches);
        }
        return null;
      });
      return timed(Stage.DECODER, () -> inRequestOrder().map(slot -> {
        requireGoingOn();
        return new GeneratedImage(slot.prompt, slot.index, settings.gridHeight(), settings.gridWidth(), slot.tokens, decode(slot));
      }).toList());
    }
  }

  /** In the official order, in which PyTorch's stream is dealt out: all prompts, then all prompts again for their next image. */
  private void addSlots() {
    for (int index = 0; index < settings.imagesPerPrompt(); index++) {
      for (int p = 0; p < settings.prompts().size(); p++) {
        int[] masked = new int[settings.cells()];
        Arrays.fill(masked, model.maskId());
        slots.add(new Slot(settings.prompts().get(p), settings.negativePrompts().get(p), index, masked));
      }
    }
  }

  private <T> T timed(Stage stage, Supplier<T> work) {
    requireGoingOn();
    listener.started(stage);
    long start = System.nanoTime();
    T result = work.get();
    listener.finished(stage, System.nanoTime() - start);
    return result;
  }

  private void requireGoingOn() {
    if (listener.cancelled()) {
      throw new Cancelled();
    }
  }

  /** How many images are walked together: with Philox as many as memory likes, for an image's noise is its own; with PyTorch's stream all or none. */
  private int batchSize(int images) {
    UVit2D.Config c = model.transformer().config();
    long floatsPerCell = 2L * c.codebookSize() + 3L * c.intermediateSize() + 8L * c.hiddenSize();
    if (settings.rng() == Rng.TORCH) {
      floatsPerCell += 2L * c.codebookSize();
    }
    long bytes = Float.BYTES * floatsPerCell * settings.cells() * (settings.guided() ? 2 : 1);
    long together = settings.rng() == Rng.TORCH ? images : 1;
    if (together * bytes > MAX_BYTES) {
      String what = settings.width() + "x" + settings.height() + " pixels";
      throw new OptionException(together == 1
          ? "a picture of " + what + " needs " + gibibytes(bytes) + " GiB for a step, more than the " + gibibytes(MAX_BYTES) + " allowed: ask for a smaller one"
          : "PyTorch's generator deals its numbers to all " + together + " images at once, which at " + what + " needs " + gibibytes(together * bytes)
              + " GiB: ask for at most " + MAX_BYTES / bytes + " images, or take the philox generator");
    }
    return Math.clamp(Math.max(together, batchBytes / bytes), 1, images);
  }

  private static long gibibytes(long bytes) {
    return Math.ceilDiv(bytes, 1L << 30);
  }

  // ---- text encoder ---------------------------------------------------------------------------------------------------------

  private Texts encodeTexts() {
    Set<String> distinct = new LinkedHashSet<>();
    if (settings.guided()) {
      distinct.addAll(settings.negativePrompts());
    }
    distinct.addAll(settings.prompts());
    List<String> texts = List.copyOf(distinct);
    int[][] ids = texts.stream().map(this::tokenize).toArray(int[][]::new);
    ClipTextEncoder encoder = model.textEncoder();
    Tensor states = b.alloc(DType.F32, texts.size(), ids[0].length, encoder.config().hiddenSize());
    Tensor embeds = b.alloc(DType.F32, texts.size(), encoder.config().projectionDim());
    for (int from = 0; from < ids.length; from += TEXT_BATCH) {
      int to = Math.min(from + TEXT_BATCH, ids.length);
      try (Backend.Scope _ = b.scope()) {
        ClipTextEncoder.Output output = encoder.encode(Arrays.copyOfRange(ids, from, to), Tap.NONE);
        b.copy(output.penultimate(), states.slice(0, from, to - from));
        b.copy(output.embeds(), embeds.slice(0, from, to - from));
      }
    }
    return new Texts(texts, states, embeds);
  }

  private int[] tokenize(String text) {
    int length = Math.min(model.tokenizer().maxLength(), model.textEncoder().config().maxPositionEmbeddings());
    Encoding encoding = model.tokenizer().encode(text, length);
    if (!encoding.cut().isEmpty()) {
      listener.warning("the text encoder reads " + length + " tokens, so the end of a prompt is left out: \"" + encoding.cut() + "\"");
    }
    return encoding.ids();
  }

  // ---- walk -----------------------------------------------------------------------------------------------------------------

  /** The {@code number}-th batch from 0. */
  private void walk(Texts texts, List<Slot> batch, int number, int batches) {
    int steps = settings.schedule().steps();
    try (Backend.Scope _ = b.scope()) {
      Denoiser denoiser = model.transformer().denoiser(condition(texts, batch), batch.size(), settings.gridHeight(), settings.gridWidth());
      MaskedWalk walk = new MaskedWalk(b, denoiser, settings.schedule(), settings.guidance(), model.maskId(), batch.size(), settings.cells());
      walk.run(noise(batch), tap, (step, grid) -> {
        listener.step(number * steps + step + 1, batches * steps, () -> frames(batch, grid));
        requireGoingOn();
      });
      read(walk.grid(), batch);
    }
  }

  /** Rows of the guidance pair: the negative prompts of all images, then their prompts. */
  private UVit2D.Conditioning condition(Texts texts, List<Slot> batch) {
    Stream<String> negative = settings.guided() ? batch.stream().map(Slot::negativePrompt) : Stream.empty();
    int[] rows = Stream.concat(negative, batch.stream().map(Slot::prompt)).mapToInt(texts.texts::indexOf).toArray();
    Tensor index = b.tensor(HostTensor.of("texts", rows, rows.length));
    Tensor states = b.alloc(DType.F32, rows.length, texts.states.dim(1), texts.states.dim(2));
    Tensor embeds = b.alloc(DType.F32, rows.length, texts.embeds.dim(1));
    long width = texts.states.dim(1) * texts.states.dim(2);
    b.gather(texts.states.reshape(texts.texts.size(), width), index, states.reshape(rows.length, width));
    b.gather(texts.embeds, index, embeds);
    tap.accept("encoder_hidden_states", states);
    tap.accept("pooled_text_emb", embeds);
    float[] conditions = {settings.width(), settings.height(), micro.cropTop(), micro.cropLeft(), micro.aestheticScore()};
    tap.accept("micro_conds", b.tensor(HostTensor.of("micro_conds", conditions, conditions.length)));
    return model.transformer().condition(states, embeds, IntStream.range(0, rows.length).mapToObj(i -> conditions).toArray(float[][]::new), Tap.NONE);
  }

  private WalkNoise noise(List<Slot> batch) {
    return switch (settings.rng()) {
      case PHILOX -> {
        long[] keys = batch.stream().flatMapToLong(slot -> LongStream.of(settings.seed(), slot.index)).toArray();
        Tensor tensor = b.tensor(HostTensor.of("keys", keys, batch.size(), 2));
        yield WalkNoise.philox(tensor, tensor);
      }
      case TORCH -> WalkNoise.torch(b, new TorchGenerator(settings.seed()), batch.size(), settings.cells(), model.transformer().config().codebookSize());
    };
  }

  private void read(Tensor grid, List<Slot> batch) {
    int[] tokens = b.download(grid).toInts();
    for (int i = 0; i < batch.size(); i++) {
      System.arraycopy(tokens, i * settings.cells(), batch.get(i).tokens, 0, settings.cells());
    }
  }

  // ---- decoder ----------------------------------------------------------------------------------------------------------------

  /** All images of the request as they stand while {@code batch} is being walked. */
  private List<Image> frames(List<Slot> batch, Tensor grid) {
    read(grid, batch);
    return inRequestOrder().map(this::decode).toList();
  }

  /** Prompt by prompt. */
  private Stream<Slot> inRequestOrder() {
    int prompts = settings.prompts().size();
    return IntStream.range(0, slots.size()).mapToObj(i -> slots.get(i % settings.imagesPerPrompt() * prompts + i / settings.imagesPerPrompt()));
  }

  /** The picture of a grid; cells that are still masked are decoded as code 0 and painted over. One image at a time: at full resolution its activations are large. */
  private Image decode(Slot slot) {
    int[] codes = Arrays.stream(slot.tokens).map(token -> token == model.maskId() ? 0 : token).toArray();
    byte[] rgb;
    try (Backend.Scope _ = b.scope()) {
      Tensor grid = b.tensor(HostTensor.of("codes", codes, 1, settings.gridHeight(), settings.gridWidth()));
      Tensor pixels = model.vqvae().decode(grid, Tap.NONE);
      tap.accept("pixels_raw", pixels);
      rgb = Image.levels(b.download(pixels));
    }
    int factor = settings.factor();
    for (int cell = 0; cell < slot.tokens.length; cell++) {
      if (slot.tokens[cell] == model.maskId()) {
        for (int y = 0; y < factor; y++) {
          int start = (cell / settings.gridWidth() * factor + y) * settings.width() + cell % settings.gridWidth() * factor;
          Arrays.fill(rgb, 3 * start, 3 * (start + factor), MID_GREY);
        }
      }
    }
    return new Image(settings.width(), settings.height(), rgb);
  }
}

package azulejo.models.amused;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.models.Generation;
import azulejo.models.GenerationListener;
import azulejo.models.Image;
import azulejo.models.clip.ClipTextEncoder;
import azulejo.runtime.Tap;
import azulejo.runtime.random.TorchGenerator;
import azulejo.runtime.text.Encoding;
import azulejo.runtime.walk.Denoiser;
import azulejo.runtime.walk.MaskedWalk;
import azulejo.runtime.walk.Walk;
import azulejo.runtime.walk.WalkNoise;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** One request to aMUSEd. */
final class AmusedGeneration extends Generation {
  /** Texts that are encoded together. */
  private static final int TEXT_BATCH = 16;

  /**
   * The request's texts, R of them.
   *
   * @param states [R, S, C]
   * @param embeds [R, E]
   */
  private record Texts(List<String> texts, Tensor states, Tensor embeds) {}

  private final Amused model;
  private final AmusedSettings settings;
  private final Amused.MicroConditioning micro;
  private Texts texts;
  private UVit2D.Conditioning given;

  AmusedGeneration(Amused model, Backend b, AmusedSettings settings, Amused.MicroConditioning micro, GenerationListener listener, Tap tap,
      long batchBytes) {
    super(b, settings.plan(), model.maskId(), listener, tap, batchBytes);
    this.model = model;
    this.settings = settings;
    this.micro = micro;
  }

  @Override
  protected long walkBytes() {
    UVit2D.Config c = model.transformer().config();
    return cellBytes(2L * c.codebookSize() + 3L * c.intermediateSize() + 8L * c.hiddenSize());
  }

  @Override
  protected long noiseBytes() {
    return cellBytes(2L * model.transformer().config().codebookSize());
  }

  private long cellBytes(long floats) {
    return Float.BYTES * floats * settings.cells() * (settings.guided() ? 2 : 1);
  }

  @Override
  protected void encode() {
    Set<String> distinct = new LinkedHashSet<>();
    if (settings.guided()) {
      distinct.addAll(settings.negativePrompts());
    }
    distinct.addAll(settings.prompts());
    List<String> list = List.copyOf(distinct);
    int[][] ids = list.stream().map(this::tokenize).toArray(int[][]::new);
    ClipTextEncoder encoder = model.textEncoder();
    Tensor states = b.alloc(DType.F32, list.size(), ids[0].length, encoder.config().hiddenSize());
    Tensor embeds = b.alloc(DType.F32, list.size(), encoder.config().projectionDim());
    for (int from = 0; from < ids.length; from += TEXT_BATCH) {
      int to = Math.min(from + TEXT_BATCH, ids.length);
      try (Backend.Scope _ = b.scope()) {
        ClipTextEncoder.Output output = encoder.encode(Arrays.copyOfRange(ids, from, to), Tap.NONE);
        b.copy(output.penultimate(), states.slice(0, from, to - from));
        b.copy(output.embeds(), embeds.slice(0, from, to - from));
      }
    }
    texts = new Texts(list, states, embeds);
  }

  private int[] tokenize(String text) {
    int length = Math.min(model.tokenizer().maxLength(), model.textEncoder().config().maxPositionEmbeddings());
    Encoding encoding = model.tokenizer().encode(text, length);
    if (!encoding.cut().isEmpty()) {
      listener.warning("the text encoder reads " + length + " tokens, so the end of a prompt is left out: \"" + encoding.cut() + "\"");
    }
    return encoding.ids();
  }

  @Override
  protected Walk walk(List<Slot> batch) {
    given = condition(batch);
    Denoiser denoiser = model.transformer().denoiser(given, batch.size(), settings.gridHeight(), settings.gridWidth());
    return new MaskedWalk(b, denoiser, settings.schedule(), settings.guidance(), model.maskId(), batch.size(), settings.cells());
  }

  @Override
  protected boolean recondition(List<Slot> batch) {
    try (Backend.Scope _ = b.scope()) {
      copy(condition(batch).tensors(), given.tensors());
    }
    return true;
  }

  /** Rows of the guidance pair: the negative prompts of all images, then their prompts. */
  private UVit2D.Conditioning condition(List<Slot> batch) {
    Stream<String> negative = settings.guided() ? batch.stream().map(slot -> settings.negativePrompts().get(slot.prompt())) : Stream.empty();
    int[] rows = Stream.concat(negative, batch.stream().map(slot -> settings.prompts().get(slot.prompt()))).mapToInt(texts.texts::indexOf).toArray();
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

  @Override
  protected WalkNoise torchNoise(TorchGenerator generator, int batch) {
    return WalkNoise.torch(b, generator, batch, settings.cells(), model.transformer().config().codebookSize());
  }

  @Override
  protected Tensor decode(Tensor codes) {
    return model.vqvae().decode(codes, Tap.NONE);
  }

  @Override
  protected byte[] levels(HostTensor pixels) {
    return Image.levels(pixels);
  }
}

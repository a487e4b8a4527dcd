package azulejo.models.vqdiffusion;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.models.Generation;
import azulejo.models.GenerationListener;
import azulejo.runtime.Tap;
import azulejo.runtime.random.TorchGenerator;
import azulejo.runtime.walk.DenoisingWalk;
import azulejo.runtime.walk.Denoiser;
import azulejo.runtime.walk.Walk;
import azulejo.runtime.walk.WalkNoise;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** One request to VQ-Diffusion. */
final class VqDiffusionGeneration extends Generation {
  /** Texts that are encoded together. */
  private static final int TEXT_BATCH = 16;
  private static final String NO_PROMPT = "";

  private final VqDiffusion model;
  private final VqDiffusionSettings settings;
  private List<String> texts;
  /** [R, S, C] of the {@link #texts}. */
  private Tensor states;
  private Transformer2D.Modulation modulation;
  private Transformer2D.Conditioning given;

  VqDiffusionGeneration(VqDiffusion model, Backend b, VqDiffusionSettings settings, GenerationListener listener, Tap tap, long batchBytes) {
    super(b, settings.plan(), model.schedule().codes(), listener, tap, batchBytes);
    this.model = model;
    this.settings = settings;
  }

  /** With guidance the logits of two branches, the clean grid's distribution, and what a block needs at once of either branch. */
  @Override
  protected long walkBytes() {
    int branches = settings.guided() ? 2 : 1;
    Transformer2D.Config c = model.transformer().config();
    long cell = (branches + 1L) * c.codes() + branches * 7L * c.width();
    long text = branches * 2L * c.numLayers() * model.textLength() * c.width();
    return Float.BYTES * (cell * settings.cells() + text);
  }

  @Override
  protected long noiseBytes() {
    return Float.BYTES * 3L * (model.schedule().codes() + 1) * settings.cells();
  }

  /** The official pipeline takes each prompt's images one after another. */
  @Override
  protected List<Slot> walkOrder(List<Slot> slots) {
    return slots;
  }

  @Override
  protected void encode() {
    boolean emptyPrompt = settings.guided() && model.learnedUnconditional().isEmpty();
    texts = Stream.concat(emptyPrompt ? Stream.of(NO_PROMPT) : Stream.empty(), settings.prompts().stream()).distinct().toList();
    states = b.alloc(DType.F32, texts.size(), model.textLength(), model.textEncoder().config().hiddenSize());
    int[][] ids = texts.stream().map(this::tokenize).toArray(int[][]::new);
    for (int from = 0; from < ids.length; from += TEXT_BATCH) {
      int to = Math.min(from + TEXT_BATCH, ids.length);
      try (Backend.Scope _ = b.scope()) {
        b.copy(model.encode(Arrays.copyOfRange(ids, from, to)), states.slice(0, from, to - from));
      }
    }
    modulation = model.transformer().modulation(settings.steps());
  }

  /** A text that is too long loses its end token too, as in the official pipeline. */
  private int[] tokenize(String text) {
    int length = model.textLength();
    int[] ids = model.tokenizer().encodeUncut(text, length);
    if (ids.length > length + 1) {
      String cut = model.tokenizer().decode(Arrays.copyOfRange(ids, length, ids.length - 1)).strip();
      listener.warning("the text encoder reads " + length + " tokens, so the end of a prompt is left out: \"" + cut + "\"");
    }
    return Arrays.copyOf(ids, length);
  }

  @Override
  protected Walk walk(List<Slot> batch) {
    given = model.transformer().condition(condition(batch));
    Denoiser denoiser = model.transformer().denoiser(modulation, given, batch.size());
    return new DenoisingWalk(b, denoiser, model.schedule(), settings.steps(), settings.guidance(), settings.truncation(), batch.size(),
        settings.cells());
  }

  @Override
  protected boolean recondition(List<Slot> batch) {
    try (Backend.Scope _ = b.scope()) {
      copy(model.transformer().condition(condition(batch)).tensors(), given.tensors());
    }
    return true;
  }

  /** Rows of the guidance pair: what stands for no prompt for all images, then their prompts. */
  private Tensor condition(List<Slot> batch) {
    Stream<String> without = settings.guided() ? batch.stream().map(_ -> NO_PROMPT) : Stream.empty();
    int[] rows = Stream.concat(without, batch.stream().map(slot -> settings.prompts().get(slot.prompt()))).mapToInt(texts::indexOf)
        .toArray();
    Tensor given = b.alloc(DType.F32, rows.length, states.dim(1), states.dim(2));
    long width = states.dim(1) * states.dim(2);
    b.gather(states.reshape(texts.size(), width), b.tensor(HostTensor.of("texts", rows, rows.length)), given.reshape(rows.length, width));
    if (settings.guided()) {
      model.learnedUnconditional().ifPresent(learned ->
          IntStream.range(0, batch.size()).forEach(i -> b.copy(learned, given.slice(0, i, 1).reshape(states.dim(1), states.dim(2)))));
    }
    tap.accept("encoder_hidden_states", given);
    return given;
  }

  @Override
  protected WalkNoise torchNoise(TorchGenerator generator, int batch) {
    return WalkNoise.torchDenoising(b, generator, batch, settings.cells(), model.schedule().codes(), settings.steps());
  }

  @Override
  protected Tensor decode(Tensor codes) {
    return model.vqvae().decode(codes, Tap.NONE);
  }

  @Override
  protected byte[] levels(HostTensor pixels) {
    return VqDiffusion.levels(pixels);
  }
}

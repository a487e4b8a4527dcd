package azulejo.models.llamagen;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.models.Generation;
import azulejo.models.GenerationListener;
import azulejo.runtime.Tap;
import azulejo.runtime.random.TorchGenerator;
import azulejo.runtime.text.Encoding;
import azulejo.runtime.walk.RasterWalk;
import azulejo.runtime.walk.Walk;
import azulejo.runtime.walk.WalkNoise;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** One request to LlamaGen. */
final class LlamaGenGeneration extends Generation {
  /** A step reads all weights, however many images share it, so batches may be larger than those of other models. */
  static final long BATCH_BYTES = 4L << 30;
  /** Captions that are encoded together. */
  private static final int TEXT_BATCH = 8;

  private final LlamaGen model;
  private final LlamaGenSettings settings;
  /** The captions' left-padded states [prompts, T, W], and how many of their positions are not padding. */
  private Tensor captions;
  private int[] lengths;

  LlamaGenGeneration(LlamaGen model, Backend b, LlamaGenSettings settings, GenerationListener listener, Tap tap, long batchBytes) {
    super(b, settings.plan(), RasterWalk.OPEN, listener, tap, batchBytes);
    this.model = model;
    this.settings = settings;
  }

  /** The keys and values of all positions, and what a layer writes for those of the condition. */
  @Override
  protected long walkBytes() {
    Gpt.Config c = model.gpt().config();
    long tokens = c.condition().tokens();
    long cache = 2L * c.numLayers() * c.dim() * (tokens + settings.cells());
    long work = tokens * (6L * c.dim() + 3L * c.ffnDim()) + c.codes();
    return Float.BYTES * (cache + work) * (settings.guided() ? 2 : 1);
  }

  @Override
  protected long noiseBytes() {
    return (long) Float.BYTES * settings.cells() * model.gpt().config().codes();
  }

  @Override
  protected void encode() {
    if (model.textEncoder() == null) {
      return;
    }
    int tokens = model.gpt().config().condition().tokens();
    List<Encoding> encodings = settings.conditions().stream().map(caption -> tokenize(caption, tokens)).toList();
    int[][] ids = encodings.stream().map(Encoding::ids).toArray(int[][]::new);
    tap.accept("t5_ids", b.tensor(HostTensor.of("t5_ids", Arrays.stream(ids).flatMapToInt(Arrays::stream).toArray(), ids.length, tokens)));
    lengths = encodings.stream().mapToInt(Encoding::length).toArray();
    captions = b.alloc(DType.F32, ids.length, tokens, model.textEncoder().encoder().config().dModel());
    for (int from = 0; from < ids.length; from += TEXT_BATCH) {
      int to = Math.min(from + TEXT_BATCH, ids.length);
      try (Backend.Scope _ = b.scope()) {
        int[] some = Arrays.copyOfRange(lengths, from, to);
        Tensor states = model.textEncoder().encoder().encode(Arrays.copyOfRange(ids, from, to), some, Tap.NONE);
        b.copy(LlamaGen.leftPadded(b, states, some), captions.slice(0, from, to - from));
      }
    }
  }

  private Encoding tokenize(String caption, int tokens) {
    Encoding encoding = model.textEncoder().tokenizer().encode(Captions.clean(caption), tokens);
    if (!encoding.cut().isEmpty()) {
      listener.warning("the model reads " + tokens + " tokens of a caption, so its end is left out: \"" + encoding.cut() + "\"");
    }
    return encoding;
  }

  @Override
  protected Walk walk(List<Slot> batch) {
    int[] numbers = batch.stream().mapToInt(Slot::prompt).toArray();
    Tensor condition = model.textEncoder() == null ? labels(numbers) : captions(numbers);
    boolean[][] unmasked = model.textEncoder() == null ? null : unmasked(numbers);
    return new RasterWalk(b, model.gpt().decoder(condition, unmasked, batch.size(), settings.side(), Tap.NONE), settings.draw(), settings.guidanceInterval(),
        batch.size(), settings.cells());
  }

  private Tensor labels(int[] numbers) {
    int none = ((Gpt.Condition.Label) model.gpt().config().condition()).classes();
    IntStream unconditional = IntStream.generate(() -> none).limit(settings.guided() ? numbers.length : 0);
    return model.gpt().embedLabels(IntStream.concat(unconditional, Arrays.stream(numbers).map(settings.classes()::get)).toArray());
  }

  private Tensor captions(int[] numbers) {
    Tensor states = b.alloc(DType.F32, numbers.length, captions.dim(1), captions.dim(2));
    long width = captions.dim(1) * captions.dim(2);
    b.gather(captions.reshape(captions.dim(0), width), b.tensor(HostTensor.of("captions", numbers, numbers.length)), states.reshape(numbers.length, width));
    tap.accept("condition", states);
    return model.gpt().embedCaptions(settings.guided() ? LlamaGen.pair(b, model.gpt().noCaption(), states) : states);
  }

  private boolean[][] unmasked(int[] numbers) {
    int tokens = captions.size(1);
    boolean[][] unmasked = Arrays.stream(numbers).mapToObj(number -> {
      boolean[] row = new boolean[tokens];
      Arrays.fill(row, tokens - lengths[number], tokens, true);
      return row;
    }).toArray(boolean[][]::new);
    if (tap.listens()) {
      int[] mask = Stream.of(unmasked).flatMapToInt(row -> IntStream.range(0, tokens).map(t -> row[t] ? 1 : 0)).toArray();
      tap.accept("condition_mask", b.tensor(HostTensor.of("condition_mask", mask, numbers.length, tokens)));
    }
    return unmasked;
  }

  @Override
  protected WalkNoise torchNoise(TorchGenerator generator, int batch) {
    return WalkNoise.torchRaster(b, generator, batch, settings.cells(), model.gpt().config().codes());
  }

  @Override
  protected Tensor decode(Tensor codes) {
    return model.vq().decode(codes, Tap.NONE);
  }

  @Override
  protected byte[] levels(HostTensor pixels) {
    return LlamaGen.levels(pixels);
  }
}

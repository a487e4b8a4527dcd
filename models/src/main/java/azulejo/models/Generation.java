package azulejo.models;

import azulejo.kernels.Backend;
import azulejo.kernels.DType;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.models.GenerationListener.Stage;
import azulejo.models.GenerationRequest.Rng;
import azulejo.runtime.Cancelled;
import azulejo.runtime.GenerationException;
import azulejo.runtime.OptionException;
import azulejo.runtime.Tap;
import azulejo.runtime.ledger.EntropyLedger;
import azulejo.runtime.ledger.LedgerTape;
import azulejo.runtime.random.TorchGenerator;
import azulejo.runtime.walk.Walk;
import azulejo.runtime.walk.WalkNoise;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * One request on its way through the stages that all models share: the conditions are encoded, batches of images are walked, token grids become pictures.
 * A model says how it does each of them.
 */
public abstract class Generation {
  /** A walk's tensors beyond which its batch is split on a CPU: a step is what a user waits for to see progress or to stop, and large models gain nothing by more rows. */
  public static final long BATCH_BYTES = 256L << 20;
  /** A walk's tensors beyond which a batch that cannot be split is refused. */
  private static final long MAX_BYTES = 8L << 30;
  private static final byte MID_GREY = (byte) 128;

  /**
   * What a request asks for, whatever the model.
   *
   * @param factor pixels that a code covers in each direction
   */
  public record Plan(GenerationRequest request, int gridHeight, int gridWidth, int factor) {
    int images() {
      return request.picks().size();
    }

    int cells() {
      return gridHeight * gridWidth;
    }
  }

  /**
   * One image of the request.
   *
   * @param prompt the number of its prompt
   * @param index its number among the images of that prompt
   * @param tokens its grid as the host knows it
   */
  public record Slot(int prompt, int index, int[] tokens) {}

  protected final Backend b;
  protected final GenerationListener listener;
  protected final Tap tap;
  private final Plan plan;
  private final int open;
  private final long batchBytes;
  private final List<Slot> slots = new ArrayList<>();
  private final Map<Slot, EntropyLedger> ledgers = new IdentityHashMap<>();

  /**
   * @param open what stands in a grid for a cell without a token
   * @param batchBytes {@link #batchBytes}, or less for more batches
   * @param tap sees what the walk tells of each {@code step.<i>}, batch by batch, and for each image {@code pixels_raw}
   */
  protected Generation(Backend b, Plan plan, int open, GenerationListener listener, Tap tap, long batchBytes) {
    this.b = b;
    this.plan = plan;
    this.open = open;
    this.listener = listener;
    this.tap = tap;
    this.batchBytes = batchBytes;
  }

  /** A walk's tensors beyond which its batch is split. A device gains by every row until it is full, so it gets a quarter of what is free: the decoder needs its share too. */
  public static long batchBytes(Backend b) {
    return b.deviceMemory().map(memory -> Math.max(BATCH_BYTES, memory.free() / 4)).orElse(BATCH_BYTES);
  }

  /** The bytes that the walk of one image takes, without those of PyTorch's noise. */
  protected abstract long walkBytes();

  /** The bytes that PyTorch's noise takes for one image. */
  protected abstract long noiseBytes();

  /** Encodes what the images are conditioned on; it lives in the scope that is open. */
  protected abstract void encode();

  /**
   * The images, which come prompt by prompt, in the official pipeline's order, in which PyTorch's stream is dealt out; as most have it, all prompts, then all
   * prompts again for their next image.
   */
  protected List<Slot> walkOrder(List<Slot> slots) {
    return slots.stream().sorted(Comparator.comparingInt(Slot::index)).toList();
  }

  /** A walk over the grids of these images. */
  protected abstract Walk walk(List<Slot> batch);

  /**
   * Gives the last of {@link #walk}'s walks the conditions of as many other images, in the tensors where it has its own, so that it can be run again for them and
   * replay what it recorded; or returns false, and a walk is made for them.
   */
  protected boolean recondition(List<Slot> batch) {
    return false;
  }

  /** Copies tensors into as many others of the same shapes. */
  protected final void copy(Stream<Tensor> from, Stream<Tensor> to) {
    Iterator<Tensor> targets = to.iterator();
    from.forEachOrdered(tensor -> b.copy(tensor, targets.next()));
  }

  /** The official pipeline's noise for a walk of {@code batch} images. */
  protected abstract WalkNoise torchNoise(TorchGenerator generator, int batch);

  /** codes I32 [1, h, w]; the picture [1, H, W, 3]. */
  protected abstract Tensor decode(Tensor codes);

  /** A picture's values as bytes. */
  protected abstract byte[] levels(HostTensor pixels);

  /** See {@link ImageGenerator#generate}. */
  public final List<GeneratedImage> run() {
    int size = batchSize();
    addSlots();
    List<Slot> ordered = walkOrder(List.copyOf(slots));
    try (Backend.Scope _ = b.scope()) {
      timed(Stage.TEXT_ENCODER, () -> {
        encode();
        return null;
      });
      timed(Stage.WALK, () -> {
        walk(ordered, size);
        return null;
      });
      return timed(Stage.DECODER, () -> slots.stream().map(slot -> {
        requireGoingOn();
        return new GeneratedImage(plan.request.conditions().get(slot.prompt), slot.index, plan.gridHeight, plan.gridWidth, slot.tokens, picture(slot),
            Optional.ofNullable(ledgers.get(slot)));
      }).toList());
    }
  }

  private void addSlots() {
    for (Probe.Pick pick : plan.request.picks()) {
      int[] tokens = new int[plan.cells()];
      Arrays.fill(tokens, open);
      slots.add(new Slot(pick.prompt(), pick.index(), tokens));
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
  private int batchSize() {
    int images = plan.images();
    boolean torch = plan.request.rng() == Rng.TORCH;
    long bytes = walkBytes() + (torch ? noiseBytes() : 0);
    long together = torch ? images : 1;
    if (together * bytes > MAX_BYTES) {
      String what = plan.gridWidth * plan.factor + "x" + plan.gridHeight * plan.factor + " pixels";
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

  /** Batches of {@code size} images and perhaps a smaller one, each walk run for as many of them as it can be. */
  private void walk(List<Slot> images, int size) {
    List<List<Slot>> batches = IntStream.range(0, Math.ceilDiv(images.size(), size))
        .mapToObj(i -> images.subList(i * size, Math.min((i + 1) * size, images.size()))).toList();
    boolean philox = plan.request.rng() == Rng.PHILOX;
    int number = 0;
    while (number < batches.size()) {
      try (Backend.Scope _ = b.scope()) {
        int count = batches.get(number).size();
        Walk walk = walk(batches.get(number));
        plan.request.probe().interventions().forEach(walk::intervene);
        Optional<LedgerTape> tape = plan.request.probe().ledger() ? Optional.of(walk.keepLedger()) : Optional.empty();
        Tensor drawKeys = b.alloc(DType.I64, count, 2);
        Tensor pathKeys = b.alloc(DType.I64, count, 2);
        WalkNoise noise = philox ? WalkNoise.philox(drawKeys, pathKeys) : torchNoise(new TorchGenerator(plan.request.seed()), count);
        boolean again;
        do {
          List<Slot> batch = batches.get(number);
          b.upload(keys(batch, plan.request.probe().drawSeed()), drawKeys);
          b.upload(keys(batch, plan.request.probe().pathSeed()), pathKeys);
          run(walk, noise, tape, batch, number, batches.size());
          number++;
          again = philox && number < batches.size() && batches.get(number).size() == count && recondition(batches.get(number));
          if (again) {
            walk.restart();
          }
        } while (again);
      }
    }
  }

  /** The {@code number}-th batch from 0. */
  private void run(Walk walk, WalkNoise noise, Optional<LedgerTape> tape, List<Slot> batch, int number, int batches) {
    walk.run(noise, tap, (step, grid) -> {
      listener.step(number * walk.steps() + step + 1, batches * walk.steps(), () -> frames(batch, grid));
      requireGoingOn();
    });
    read(walk.grid(), batch);
    tape.ifPresent(written -> listener.codes(b.download(written.usage()).toInts()));
    tape.map(LedgerTape::read).ifPresent(read -> IntStream.range(0, batch.size()).forEach(i -> ledgers.put(batch.get(i), read.get(i))));
  }

  /** I64 [B, 2]: the seed and each image's number, or for all of them a frozen seed's first number. */
  private HostTensor keys(List<Slot> batch, OptionalLong frozen) {
    long[] keys = batch.stream().flatMapToLong(slot -> frozen.isPresent() ? LongStream.of(frozen.getAsLong(), 0) : LongStream.of(plan.request.seed(), slot.index))
        .toArray();
    return HostTensor.of("keys", keys, batch.size(), 2);
  }

  private void read(Tensor grid, List<Slot> batch) {
    int[] tokens = b.download(grid).toInts();
    for (int i = 0; i < batch.size(); i++) {
      System.arraycopy(tokens, i * plan.cells(), batch.get(i).tokens, 0, plan.cells());
    }
  }

  /** All images of the request as they stand while {@code batch} is being walked. */
  private List<Image> frames(List<Slot> batch, Tensor grid) {
    read(grid, batch);
    return slots.stream().map(this::picture).toList();
  }

  private static HostTensor requireNumbers(HostTensor pixels) {
    for (long i = 0; i < pixels.shape().elements(); i++) {
      if (Float.isNaN(pixels.floatAt(i))) {
        throw new GenerationException("the decoder gave pixels that are NaN: its weights are probably damaged, so compare the checkpoint's files with their source");
      }
    }
    return pixels;
  }

  /** The picture of a grid; cells that are open are decoded as code 0 and painted over. One image at a time: at full resolution its activations are large. */
  private Image picture(Slot slot) {
    int[] codes = Arrays.stream(slot.tokens).map(token -> token == open ? 0 : token).toArray();
    byte[] rgb;
    try (Backend.Scope _ = b.scope()) {
      Tensor pixels = decode(b.tensor(HostTensor.of("codes", codes, 1, plan.gridHeight, plan.gridWidth)));
      tap.accept("pixels_raw", pixels);
      rgb = levels(requireNumbers(b.download(pixels)));
    }
    int factor = plan.factor;
    int width = plan.gridWidth * factor;
    for (int cell = 0; cell < slot.tokens.length; cell++) {
      if (slot.tokens[cell] == open) {
        for (int y = 0; y < factor; y++) {
          int start = (cell / plan.gridWidth * factor + y) * width + cell % plan.gridWidth * factor;
          Arrays.fill(rgb, 3 * start, 3 * (start + factor), MID_GREY);
        }
      }
    }
    return new Image(width, plan.gridHeight * factor, rgb);
  }
}

package azulejo.cli;

import azulejo.kernels.Backend;
import azulejo.kernels.WeightFormat;
import azulejo.kernels.reference.ReferenceBackend;
import azulejo.models.GeneratedImage;
import azulejo.models.GenerationListener;
import azulejo.models.GenerationListener.Stage;
import azulejo.models.GenerationRequest;
import azulejo.models.Image;
import azulejo.models.ImageGenerator;
import azulejo.models.Probe;
import azulejo.runtime.Cancelled;
import azulejo.runtime.ledger.EntropyLedger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/** A generator whose pictures are of one colour, by their place in the request, in two steps; a test says what happens at each. */
final class FakeEngine implements Engine, ImageGenerator {
  static final int WIDTH = 4;
  static final int HEIGHT = 3;
  static final int STEPS = 2;

  /** Of two tokens, one drawn in each step from a fair coin. */
  static final EntropyLedger LEDGER = new EntropyLedger(EntropyLedger.Kind.RASTER, List.of(step(0), step(1)), new int[] {0, 1},
      new float[] {(float) Math.log(2), (float) Math.log(2)});

  private static EntropyLedger.Step step(int number) {
    double bit = Math.log(2);
    return new EntropyLedger.Step(number, 1, 1, true, bit, bit, bit, bit, 1, bit, bit, 0, 0, 0, 0, new EntropyLedger.Moved(0, 0));
  }

  /** What happens before a step is reported. */
  IntConsumer atStep = _ -> {};
  String warning;
  GenerationRequest request;
  Path folder;
  String backend;
  WeightFormat format;
  int threads;

  @Override
  public Backend backend(String name, int threads) {
    this.backend = name;
    this.threads = threads;
    return new ReferenceBackend();
  }

  @Override
  public ImageGenerator open(Path folder, Backend backend, WeightFormat format) {
    this.format = format;
    this.folder = folder;
    return this;
  }

  @Override
  public String family() {
    return "fake";
  }

  @Override
  public String description() {
    return "fake, two steps";
  }

  @Override
  public int codes() {
    return 9;
  }

  @Override
  public int side() {
    return 16;
  }

  @Override
  public int factor() {
    return 8;
  }

  /** Each token is the red of its first pixel, modulo the codes. */
  @Override
  public int[] encode(Image image) {
    int columns = image.width() / factor();
    return IntStream.range(0, columns * (image.height() / factor()))
        .map(i -> (image.rgb()[3 * (i / columns * factor() * image.width() + i % columns * factor())] & 0xFF) % codes()).toArray();
  }

  @Override
  public Map<String, Object> resolve(GenerationRequest request) {
    Map<String, Object> settings = new LinkedHashMap<>();
    settings.put("seed", request.seed());
    settings.put("temperature", List.of(2.0, 0.0));
    return settings;
  }

  @Override
  public List<GeneratedImage> generate(GenerationRequest request, GenerationListener listener) {
    this.request = request;
    if (warning != null) {
      listener.warning(warning);
    }
    List<GeneratedImage> images = new ArrayList<>();
    for (Probe.Pick pick : request.picks()) {
      images.add(new GeneratedImage(request.conditions().get(pick.prompt()), pick.index(), 1, 2, new int[] {7, images.size()}, image(images.size()),
          request.probe().ledger() ? Optional.of(LEDGER) : Optional.empty()));
    }
    if (request.probe().ledger()) {
      listener.codes(new int[] {2, 0, 0, 0, 0, 0, 0, 2, 0});
    }
    listener.started(Stage.WALK);
    for (int step = 1; step <= STEPS; step++) {
      atStep.accept(step);
      if (listener.cancelled()) {
        throw new Cancelled();
      }
      listener.step(step, STEPS, () -> images.stream().map(GeneratedImage::image).toList());
    }
    listener.finished(Stage.WALK, 2_000_000_000L);
    return images;
  }

  /** Picture {@code n} of a request. */
  static Image image(int n) {
    byte[] rgb = new byte[3 * WIDTH * HEIGHT];
    for (int i = 0; i < rgb.length; i += 3) {
      rgb[i] = (byte) (200 + n);
      rgb[i + 1] = (byte) (10 * n);
      rgb[i + 2] = 3;
    }
    return new Image(WIDTH, HEIGHT, rgb);
  }

  @Override
  public void close() {}
}

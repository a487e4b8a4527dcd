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
import azulejo.runtime.Cancelled;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;

/** A generator whose pictures are of one colour, by their place in the request, in two steps; a test says what happens at each. */
final class FakeEngine implements Engine, ImageGenerator {
  static final int WIDTH = 4;
  static final int HEIGHT = 3;
  static final int STEPS = 2;

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
    for (String prompt : request.prompts()) {
      for (int i = 0; i < request.imagesPerPrompt(); i++) {
        images.add(new GeneratedImage(prompt, i, 1, 2, new int[] {7, images.size()}, image(images.size())));
      }
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

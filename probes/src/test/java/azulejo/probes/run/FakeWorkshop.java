package azulejo.probes.run;

import azulejo.models.GenerationListener;
import azulejo.models.Image;
import azulejo.probes.Results;
import azulejo.probes.Results.Metric;
import azulejo.probes.Results.Quantity;
import azulejo.probes.Results.Role;
import azulejo.probes.Results.Standing;
import azulejo.probes.experiment.Cell;
import azulejo.probes.experiment.Experiment;
import azulejo.probes.experiment.ExperimentFile;
import azulejo.probes.experiment.Model;
import azulejo.runtime.Cancelled;
import azulejo.runtime.OptionException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/** Pictures of noise that depends on what a cell's picture may depend on, and metrics of a line. */
final class FakeWorkshop implements Workshop {
  static final Metric MEAN = new Metric("mean", "Mean level", Role.DIVERSITY, false);
  static final Metric SPREAD = new Metric("spread", "Spread", Role.QUALITY, true);

  /** Called with each batch, before it is made. */
  Consumer<List<Cell>> atBatch = _ -> {};
  /** Called with each set, before it is measured. */
  Consumer<List<Meter.Subject>> atSet = _ -> {};
  long millisPerBatch;

  /** An experiment whose checkpoints are two small files in {@code folder}: 2 models, 3 conditions, 3 prompts, 3 images. */
  static Experiment experiment(Path folder) {
    return ExperimentFile.parse("test.yaml", """
        title: test
        seed: 5
        images: 3
        prompts: [{prompt: a star, paraphrases: {short: [star, the star]}}, {prompt: a moon, paraphrases: {short: [moon]}}, {prompt: a ring, paraphrases: {short: [ring]}}]
        models: {one: one, two: {folder: two, steps: 3}}
        conditions: {baseline: , argmax: {argmax: all}, short: {paraphrase: short}}
        """, path -> checkpoint(folder.resolve(path)));
  }

  private static Path checkpoint(Path folder) {
    try {
      if (!Files.exists(folder)) {
        Files.createDirectories(folder.resolve("transformer"));
        Files.writeString(folder.resolve("config.json"), "{}");
        Files.writeString(folder.resolve("transformer/model.safetensors"), "weights of " + folder.getFileName());
      }
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public Maker maker(RunFolder run, Model model) {
    return new Maker() {
      @Override
      public String family() {
        return "amused";
      }

      @Override
      public String description() {
        return "a fake";
      }

      @Override
      public int codes() {
        return 8;
      }

      @Override
      public List<Made> make(List<Cell> cells, GenerationListener listener) {
        atBatch.accept(cells);
        for (int step = 1; step <= 2; step++) {
          sleep(millisPerBatch / 2);
          if (listener.cancelled()) {
            throw new Cancelled();
          }
          listener.step(step, 2, List::of);
        }
        return cells.stream().map(cell -> made(run.experiment(), cell)).toList();
      }

      @Override
      public void check(Cell cell) {
        if (cell.condition().frozen().isPresent()) {
          throw new OptionException("a fake has nothing to freeze");
        }
      }

      @Override
      public void close() {}
    };
  }

  private static Made made(Experiment experiment, Cell cell) {
    Random random = new Random(List.of(experiment.seed(), cell.index(), cell.text(), cell.model().name(), cell.condition().argmax().toString()).hashCode());
    byte[] rgb = new byte[3 * 16 * 16];
    random.nextBytes(rgb);
    int[] tokens = random.ints(4, 0, 8).toArray();
    Account account = new Account(List.of(new Account.Total(Quantity.PATH, "a fake", Standing.EXACT, random.nextDouble())),
        List.of(new Account.Curve("entropy of the draw", Results.Curve.NATS, List.of(random.nextDouble(), random.nextDouble()))));
    return new Made(cell, new Image(16, 16, rgb), 2, 2, tokens, account, Map.of("steps", 2));
  }

  @Override
  public Meter meter(Experiment experiment) {
    return new Meter() {
      @Override
      public Reading set(List<Subject> images) {
        atSet.accept(images);
        List<Map<String, float[]>> features = images.stream().map(image -> Map.of("level", new float[] {(float) mean(image)})).toList();
        return new Reading(Map.of(MEAN, images.stream().mapToDouble(FakeWorkshop::mean).average().orElseThrow()), features);
      }

      @Override
      public Map<Metric, Double> whole(Images images, Features features) {
        return Map.of(SPREAD, features.of("level").stream().mapToDouble(f -> f[0] * f[0]).sum());
      }

      @Override
      public void close() {}
    };
  }

  private static double mean(Meter.Subject subject) {
    byte[] rgb = subject.image().rgb();
    return IntStream.range(0, rgb.length).map(i -> rgb[i] & 0xFF).average().orElseThrow();
  }

  private static void sleep(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}

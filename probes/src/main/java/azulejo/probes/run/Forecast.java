package azulejo.probes.run;

import azulejo.models.GenerationListener;
import azulejo.models.Image;
import azulejo.probes.experiment.Cell;
import azulejo.probes.experiment.Experiment;
import azulejo.probes.experiment.Model;
import azulejo.runtime.Cancelled;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a run will take.
 *
 * @param models one after the other
 * @param sets of images that are to be measured
 * @param secondsPerSet that measuring takes; empty where nothing could be measured in the time given
 * @param peakBytes the most memory that this process had in use while it tried; empty where the system does not say
 */
public record Forecast(List<Pace> models, int sets, Optional<Double> secondsPerSet, OptionalLong peakBytes) {
  /** A trial longer than this is cut short. */
  private static final double TRIAL_SECONDS = 20;
  private static final Pattern PEAK = Pattern.compile("VmHWM:\\s+(\\d+) kB");

  /**
   * @param images still to be made
   * @param secondsPerImage in batches
   * @param source where the pace comes from, for a person
   */
  public record Pace(String model, int images, double secondsPerImage, String source) {
    public double seconds() {
      return images * secondsPerImage;
    }
  }

  /** All of the run; measuring has a thread of its own, but it takes its part of the machine. */
  public double seconds() {
    return models.stream().mapToDouble(Pace::seconds).sum() + secondsPerSet.orElse(0.0) * sets;
  }

  /**
   * Loads each model, checks its conditions, and makes a batch of its first one, or as much of it as can be had in {@value #TRIAL_SECONDS} seconds;
   * a model that the run has made images with already counts by its pace there.
   *
   * @param run a run's folder, or a temporary one
   * @throws azulejo.runtime.OptionException when a condition does not apply to a model
   */
  public static Forecast of(RunFolder run, Workshop workshop, int batch, RunListener listener) {
    Experiment experiment = run.experiment();
    List<Pace> paces = new ArrayList<>();
    Set<Store.Key> made = run.store().images().keySet();
    Optional<List<Made>> set = Optional.empty();
    for (Model model : experiment.models()) {
      List<Cell> cells = experiment.cells().stream().filter(cell -> cell.model().equals(model)).toList();
      int open = (int) cells.stream().filter(cell -> !made.contains(Store.Key.of(cell)) || !run.hasImage(cell)).count();
      listener.doing("trying " + model.name());
      try (Maker maker = workshop.maker(run, model)) {
        Executor.check(experiment, model, maker);
        Optional<Double> known = run.store().pace(model.name());
        if (known.isPresent()) {
          paces.add(new Pace(model.name(), open, known.get(), "as in this run so far"));
          continue;
        }
        Trial trial = new Trial(cells.subList(0, Math.min(batch, Math.min(cells.size(), experiment.prompts().size() * experiment.images()))), listener);
        List<Made> images = trial.run(maker);
        set = set.isPresent() || images.size() < experiment.images() ? set : Optional.of(images.subList(0, experiment.images()));
        paces.add(new Pace(model.name(), open, trial.secondsPerImage, trial.source));
      }
    }
    List<Store.Scope> measured = run.store().measured();
    int sets = (int) Executor.scopes(experiment).stream().filter(scope -> !measured.contains(scope)).count();
    return new Forecast(paces, sets, set.map(images -> measure(experiment, workshop, images, listener)), residentPeak());
  }

  private static double measure(Experiment experiment, Workshop workshop, List<Made> images, RunListener listener) {
    listener.doing("trying the metrics");
    List<Meter.Subject> subjects = images.stream()
        .map(made -> new Meter.Subject(made.cell().path(), made.image(), made.cell().prompt().text(), made.tokens())).toList();
    try (Meter meter = workshop.meter(experiment)) {
      meter.set(subjects); // loads code as well as weights
      long start = System.nanoTime();
      meter.set(subjects);
      return (System.nanoTime() - start) / 1e9;
    }
  }

  private static OptionalLong residentPeak() {
    try {
      Matcher matcher = PEAK.matcher(Files.readString(Path.of("/proc/self/status")));
      return matcher.find() ? OptionalLong.of(Long.parseLong(matcher.group(1)) << 10) : OptionalLong.empty();
    } catch (IOException e) {
      return OptionalLong.empty(); // not Linux
    }
  }

  /** A batch that is timed. */
  private static final class Trial implements GenerationListener {
    private final List<Cell> cells;
    private final RunListener listener;
    private final long start = System.nanoTime();
    private boolean cut;
    private double secondsPerImage;
    private String source = "";

    Trial(List<Cell> cells, RunListener listener) {
      this.cells = cells;
      this.listener = listener;
    }

    /** The images; none where the trial was cut short. */
    List<Made> run(Maker maker) {
      try {
        List<Made> made = maker.make(cells, this);
        secondsPerImage = seconds() / cells.size();
        source = "measured now on " + cells.size() + " images, the JIT's warm-up included";
        return made;
      } catch (Cancelled e) {
        if (!cut) {
          throw e;
        }
        return List.of();
      }
    }

    private double seconds() {
      return (System.nanoTime() - start) / 1e9;
    }

    @Override
    public void step(int step, int steps, Supplier<List<Image>> frames) {
      if (seconds() > TRIAL_SECONDS && step < steps) {
        cut = true;
        secondsPerImage = seconds() / step * steps / cells.size();
        source = "measured now on " + step + " of " + steps + " steps, the JIT's warm-up included";
      }
    }

    @Override
    public boolean cancelled() {
      return cut || listener.cancelled();
    }
  }
}

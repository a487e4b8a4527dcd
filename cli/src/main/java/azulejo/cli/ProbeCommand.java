package azulejo.cli;

import azulejo.probes.experiment.Condition;
import azulejo.probes.experiment.Experiment;
import azulejo.probes.experiment.ExperimentFile;
import azulejo.probes.experiment.Model;
import azulejo.probes.run.Forecast;
import azulejo.probes.run.RunFolder;
import azulejo.runtime.OptionException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "probe",
    sortOptions = false,
    description = {"Make and measure the images of an experiment: models x conditions x prompts x seeds.",
        "A run that was stopped, or killed, goes on with the same command."},
    footerHeading = "%nExamples:%n",
    footer = {
      "  azulejo probe --preset quick --out runs/quick",
      "  azulejo probe --config my.yaml --dry-run",
      "  azulejo probe --config my.yaml --out runs/mine",
      "  azulejo probe --out runs/mine",
      "",
      "The last one goes on with a run. docs/probes.md tells what a configuration holds; azulejo report",
      "makes the figures of a run."
    })
final class ProbeCommand implements Runnable {
  private final Environment environment;

  @Option(names = "--preset", paramLabel = "NAME", description = "An experiment that comes with Azulejo: quick, or paper for everything of the paper, both on the demo's models.")
  private String preset;

  @Option(names = "--config", paramLabel = "FILE", description = "An experiment of your own, a YAML file.")
  private Path config;

  @Option(names = "--out", paramLabel = "DIR", description = "The run's folder, which is made where there is none.")
  private Path out;

  @Option(names = "--dry-run", description = "Make nothing: print the number of images, and estimates of time and memory.")
  private boolean dryRun;

  @Option(names = "--batch", paramLabel = "N", defaultValue = "" + Run.BATCH,
      description = "Images made together at most; no image depends on it (default: ${DEFAULT-VALUE}).")
  private int batch;

  @Mixin
  private BackendOption backendOption;

  @Option(names = "--quiet", description = "Print nothing but errors.")
  private boolean quiet;

  ProbeCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public void run() {
    if (preset != null && config != null) {
      throw new OptionException("--preset and --config are both experiments: give one of them");
    }
    if (batch < 1) {
      throw new OptionException("--batch must be 1 or more, not " + batch);
    }
    if (out == null && !dryRun) {
      throw new OptionException("--out DIR is missing: where should the run go?");
    }
    Optional<Experiment> experiment = preset != null ? Optional.of(ExperimentFile.preset(preset, environment::resolve))
        : config != null ? Optional.of(ExperimentFile.read(config, environment::resolve)) : Optional.empty();
    if (experiment.isEmpty() && (out == null || !RunFolder.holdsRun(out))) {
      throw new OptionException((out == null ? "there is no experiment" : out + " holds no run to go on with") + ": give --preset quick, --preset paper or --config FILE");
    }
    StatusLine status = new StatusLine(environment.err(), quiet, environment.columns());
    Run run = new Run(environment, backendOption, status);
    try {
      if (dryRun) {
        forecast(run, experiment);
      } else {
        long start = System.nanoTime();
        run.execute(out, experiment, batch);
        status.println("done after " + RunProgress.time((System.nanoTime() - start) / 1e9) + ": " + out + " (azulejo report " + out + " makes the figures)");
      }
    } finally {
      status.clear();
    }
  }

  /** Nothing is left behind: a new run is tried in a temporary folder. */
  private void forecast(Run run, Optional<Experiment> experiment) {
    boolean begun = out != null && RunFolder.holdsRun(out);
    Path folder = begun ? out : temporary();
    RunProgress progress = run.progress();
    try (Interrupt.Stretch _ = environment.interrupt().stoppable();
        RunFolder runFolder = RunFolder.open(folder, experiment, progress::cancelled)) {
      Forecast forecast = Forecast.of(runFolder, run.workshop(progress), batch, progress);
      lines(runFolder.experiment(), forecast).forEach(environment.out()::println);
    } finally {
      if (!begun) {
        delete(folder);
      }
    }
  }

  private static List<String> lines(Experiment experiment, Forecast forecast) {
    List<String> lines = new ArrayList<>();
    List<Model> models = experiment.models();
    int width = Math.max(10, experiment.conditions().stream().mapToInt(condition -> condition.name().length()).max().orElse(0));
    int column = 2 + Math.max(6, models.stream().mapToInt(model -> model.name().length()).max().orElse(0));
    lines.add(String.format(Locale.ROOT, "%-" + width + "s", "images") + models.stream().map(m -> String.format("%" + column + "s", m.name())).collect(Collectors.joining()));
    int set = experiment.prompts().size() * experiment.images();
    for (Condition condition : experiment.conditions()) {
      lines.add(String.format("%-" + width + "s", condition.name())
          + models.stream().map(m -> String.format("%" + column + "s", condition.models().contains(m.name()) ? set : "-")).collect(Collectors.joining()));
    }
    int images = experiment.cells().size();
    lines.add(String.format("%-" + width + "s", "all") + models.stream()
        .map(m -> String.format("%" + column + "d", experiment.conditions(m).size() * set)).collect(Collectors.joining()));
    lines.add(String.format(Locale.ROOT, "%d images: %d prompts, %d images of each in every condition", images, experiment.prompts().size(), experiment.images()));
    for (Forecast.Pace pace : forecast.models()) {
      lines.add(String.format(Locale.ROOT, "%s: %d images to make, %.3g s each (%s): %s", pace.model(), pace.images(), pace.secondsPerImage(), pace.source(),
          RunProgress.time(pace.seconds())));
    }
    lines.add(forecast.secondsPerSet().map(seconds -> String.format(Locale.ROOT, "metrics: %d sets, %.3g s each (measured now): %s", forecast.sets(), seconds,
        RunProgress.time(seconds * forecast.sets())))
        .orElse("metrics: their time was not measured"));
    lines.add("time: about " + RunProgress.time(forecast.seconds()));
    forecast.peakBytes().ifPresent(bytes -> lines.add(String.format(Locale.ROOT, "memory: %.1f GiB at most while this was measured", bytes / (double) (1L << 30))));
    return lines;
  }

  private static Path temporary() {
    try {
      return Files.createTempDirectory("azulejo-dry-run");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void delete(Path folder) {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

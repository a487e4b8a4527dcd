package azulejo.cli;

import azulejo.kernels.Backend;
import azulejo.kernels.WeightFormat;
import azulejo.models.ImageGenerator;
import azulejo.probes.experiment.Experiment;
import azulejo.probes.run.Executor;
import azulejo.probes.run.ModelWorkshop;
import azulejo.probes.run.RunFolder;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.json.JsonMapper;

/** A run of the probes on the command line: what {@code probe} and {@code demo} share. */
final class Run {
  /** Images made together at most: the demo's models gain little by more. */
  static final int BATCH = 32;

  private final Environment environment;
  private final BackendOption backendOption;
  private final StatusLine status;

  Run(Environment environment, BackendOption backendOption, StatusLine status) {
    this.environment = environment;
    this.backendOption = backendOption;
    this.status = status;
  }

  RunProgress progress() {
    return new RunProgress(status, environment.interrupt());
  }

  ModelWorkshop workshop(RunProgress progress) {
    return new ModelWorkshop(new ModelWorkshop.Opener() {
      @Override
      public Backend backend(int threads) {
        return backendOption.open(environment.engine(), threads);
      }

      @Override
      public ImageGenerator open(Path folder, Backend backend, WeightFormat format) {
        return environment.engine().open(folder, backend, format);
      }
    }, progress);
  }

  /** Begins the run in {@code folder}, or goes on with it, to its end. */
  void execute(Path folder, Optional<Experiment> experiment, int batch) {
    RunProgress progress = progress();
    progress.doing("checking the experiment's files");
    try (Interrupt.Stretch _ = environment.interrupt().stoppable();
        RunFolder run = RunFolder.open(folder, experiment, progress::cancelled)) {
      run.begin(JsonMapper.shared().writeValueAsString(machine()));
      new Executor(run, workshop(progress), batch, progress).run();
    }
  }

  /** What a reader of the numbers wants to know of where they were made. */
  private Map<String, String> machine() {
    Map<String, String> machine = new LinkedHashMap<>();
    machine.put("azulejo", Version.number());
    machine.put("java", Runtime.version() + " (" + System.getProperty("java.vm.name") + ")");
    machine.put("system", System.getProperty("os.name") + " " + System.getProperty("os.version") + ", " + System.getProperty("os.arch"));
    machine.put("processors", Integer.toString(Runtime.getRuntime().availableProcessors()));
    try (Backend backend = backendOption.open(environment.engine())) {
      machine.put("backend", backend.name() + ": " + backend.description());
    }
    return machine;
  }
}

package azulejo.probes.run;

import java.nio.file.Path;
import java.util.Optional;

/** A process that {@link RunTest} kills. */
final class KilledRun {
  private KilledRun() {}

  /** @param args the run's folder and that of the checkpoints */
  public static void main(String[] args) {
    FakeWorkshop workshop = new FakeWorkshop();
    workshop.millisPerBatch = 20;
    try (RunFolder run = RunFolder.open(Path.of(args[0]), Optional.of(FakeWorkshop.experiment(Path.of(args[1]))), () -> false)) {
      System.out.println("running");
      workshop.atBatch = _ -> System.out.println("a batch");
      new Executor(run, workshop, 4, new RunListener() {}).run();
    }
  }
}

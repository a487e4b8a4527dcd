package azulejo.cli;

import azulejo.cli.bench.Bench;
import azulejo.kernels.Backend;
import azulejo.runtime.AtomicFile;
import azulejo.runtime.OptionException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Predicate;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "bench",
    description = {
      "Measure what a device does with the models' ops and with whole models.",
      "matmul, attention, decode (few rows) and draw with the sizes of real models, then whole models of published size and random weights:"
          + " amused-256, llamagen-B-384, llamagen-XL-classes, vqdiffusion-ithq. The models run on the backend cuda, or where --models or --only asks for them;"
          + " on a CPU they take minutes each. The exit status is 1 when a part failed."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  azulejo bench",
      "  azulejo bench --backend cuda --json h100.json",
      "  azulejo bench --only matmul,llamagen-B-384 --models /data/bench"
    })
final class BenchCommand implements Callable<Integer> {
  private final Environment environment;

  @Mixin
  private BackendOption backendOption;

  @Option(names = "--only", paramLabel = "NAME", split = ",", description = "These parts: matmul, attention, decode, draw, or a model.")
  private List<String> only = List.of();

  @Option(names = "--models", paramLabel = "DIR", description = "Where the models lie, each in a folder of its name; one that does not is made there, of up to 3 GB"
      + " (default: azulejo/bench in the user's cache).")
  private Path models;

  @Option(names = "--peer", paramLabel = "FILE", description = "Another engine's times on the same device, as bench/torch_rival.py prints them, to stand beside.")
  private Path peer;

  @Option(names = "--json", paramLabel = "FILE", description = "Write all figures into this file, after each part.")
  private Path json;

  @Option(names = "--quick", description = "Tiny sizes: to see that all of it runs, not how fast.")
  private boolean quick;

  @Option(names = "--quiet", description = "Nothing on standard error but errors.")
  private boolean quiet;

  BenchCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() {
    List<String> parts = parts();
    if (json != null) {
      AtomicFile.check(json);
    }
    StatusLine status = new StatusLine(environment.err(), quiet, environment.columns());
    BenchReport report;
    try (Backend backend = backendOption.open(environment.engine())) {
      report = new BenchReport(environment.out(), status, json, backend);
    }
    Bench.Settings settings = new Bench.Settings(() -> backendOption.open(environment.engine()), backendOption.threads(), quick,
        models == null ? cache() : models, environment.engine()::open, peer == null ? null : BenchReport.peer(peer), environment.interrupt()::requested);
    try (Interrupt.Stretch _ = environment.interrupt().stoppable()) {
      new Bench(settings, report).run(parts);
    } finally {
      status.clear();
    }
    return report.succeeded() ? 0 : 1;
  }

  /** In the bench's own order. */
  private List<String> parts() {
    only.stream().filter(Predicate.not(Bench.parts()::contains)).findFirst().ifPresent(unknown -> {
      throw new OptionException("--only knows no '" + unknown + "': choose of " + String.join(", ", Bench.parts()));
    });
    boolean withModels = models != null || backendOption.name().equals("cuda") && !quick;
    List<String> asked = only.isEmpty() ? Stream.concat(Bench.OPS.stream(), withModels ? Bench.models().stream() : Stream.empty()).toList() : only;
    List<String> parts = new ArrayList<>(Bench.parts());
    parts.retainAll(asked);
    return parts;
  }

  private static Path cache() {
    String folder = System.getenv("XDG_CACHE_HOME");
    return Path.of(folder == null || folder.isEmpty() ? System.getProperty("user.home") + "/.cache" : folder, "azulejo", "bench");
  }
}

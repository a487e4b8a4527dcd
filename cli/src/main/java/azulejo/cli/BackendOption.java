package azulejo.cli;

import azulejo.kernels.Backend;
import azulejo.kernels.Backends;
import azulejo.runtime.OptionException;
import picocli.CommandLine.Option;

/** What a command computes with. */
final class BackendOption {
  @Option(names = "--backend", paramLabel = "NAME", defaultValue = Backends.DEFAULT,
      description = "What computes, one of azulejo devices (default: ${DEFAULT-VALUE}).")
  private String name;

  @Option(names = "--threads", paramLabel = "N", description = "Threads that it works with (default: one for each processor).")
  private Integer threads;

  String name() {
    return name;
  }

  /** Threads of the host that it computes with, if it computes there. */
  int threads() {
    return threads != null ? threads : name.equals("reference") ? 1 : Runtime.getRuntime().availableProcessors();
  }

  Backend open(Engine engine) {
    return open(engine, 0);
  }

  /** @param atMost threads, 0 for as many as the user allows */
  Backend open(Engine engine, int atMost) {
    if (threads != null && threads < 1) {
      throw new OptionException("--threads must be 1 or more, not " + threads);
    }
    int allowed = threads == null ? 0 : threads;
    return engine.backend(name, atMost == 0 || allowed == 0 ? atMost + allowed : Math.min(atMost, allowed));
  }
}

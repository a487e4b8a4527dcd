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

  Backend open(Engine engine) {
    if (threads != null && threads < 1) {
      throw new OptionException("--threads must be 1 or more, not " + threads);
    }
    return engine.backend(name, threads == null ? 0 : threads);
  }
}

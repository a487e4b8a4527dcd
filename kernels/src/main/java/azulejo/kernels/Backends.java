package azulejo.kernels;

import azulejo.kernels.cuda.CudaBackends;
import azulejo.kernels.reference.ReferenceBackend;
import azulejo.kernels.vector.VectorBackend;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.function.Supplier;

/** The backends this build knows, by name. One that cannot run here is refused with its reason and its cure, never replaced by another. */
public final class Backends {
  /** Used where the user names none. */
  public static final String DEFAULT = "vector";

  // No type of the Vector API may be named here: this class must load on a JVM without it to say what is missing.
  private static final List<Entry> ENTRIES = List.of(
      new Entry("reference", Optional::empty, Backends::reference),
      new Entry("vector", Backends::withoutVectorApi, threads -> threads == 0 ? new VectorBackend() : new VectorBackend(threads)),
      new Entry("cuda", CudaBackends::obstacle, threads -> onDevice("cuda", threads, CudaBackends::open)),
      new Entry("cuda-emulated", CudaBackends::emulationObstacle, threads -> onDevice("cuda-emulated", threads, CudaBackends::emulated)));

  private Backends() {}

  /** @param obstacle why it cannot run on this machine and JVM, and the cure */
  private record Entry(String name, Supplier<Optional<String>> obstacle, IntFunction<Backend> open) {}

  /** A backend on this machine: what it runs on, or why it cannot and how to cure that. */
  public record Status(String name, boolean available, String detail) {}

  public static List<String> names() {
    return ENTRIES.stream().map(Entry::name).toList();
  }

  /** {@link #open(String, int)} with the backend's own choice of threads. */
  public static Backend open(String name) {
    return open(name, 0);
  }

  /**
   * @param threads of the host to compute on, 0 for the backend's own choice
   * @throws IllegalArgumentException with one sentence for the user, for an unknown name, a backend that cannot run here or threads it cannot use
   */
  public static Backend open(String name, int threads) {
    Entry entry = ENTRIES.stream().filter(e -> e.name.equals(name)).findFirst().orElseThrow(
        () -> new IllegalArgumentException("there is no backend '" + name + "'; choose one of " + String.join(", ", names())));
    entry.obstacle.get().ifPresent(reason -> {
      throw new IllegalArgumentException("the backend '" + name + "' cannot run here: " + reason);
    });
    return entry.open.apply(threads);
  }

  /** All backends in the order of {@link #names}. */
  public static List<Status> survey() {
    return ENTRIES.stream().map(Backends::status).toList();
  }

  private static Status status(Entry entry) {
    Optional<String> obstacle = entry.obstacle.get();
    if (obstacle.isPresent()) {
      return new Status(entry.name, false, obstacle.get());
    }
    try (Backend backend = entry.open.apply(0)) {
      return new Status(entry.name, true, backend.description());
    }
  }

  private static Backend reference(int threads) {
    if (threads > 1) {
      throw new IllegalArgumentException("the backend 'reference' computes on one thread, not " + threads);
    }
    return new ReferenceBackend();
  }

  private static Backend onDevice(String name, int threads, Supplier<Backend> open) {
    if (threads > 1) {
      throw new IllegalArgumentException("the backend '" + name + "' has no use for threads of the host");
    }
    return open.get();
  }

  private static Optional<String> withoutVectorApi() {
    return ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent()
        ? Optional.empty()
        : Optional.of("the JVM runs without its Vector API; start it with --add-modules jdk.incubator.vector");
  }
}

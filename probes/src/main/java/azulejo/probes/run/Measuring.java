package azulejo.probes.run;

import azulejo.models.Png;
import azulejo.probes.Results;
import azulejo.probes.experiment.Cell;
import azulejo.probes.experiment.Experiment;
import azulejo.probes.run.Store.ImageRow;
import azulejo.probes.run.Store.Key;
import azulejo.probes.run.Store.Scope;
import azulejo.runtime.Cancelled;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Measures sets of images on a thread of its own while others are made. What waits is named only: the images are read back from their files, and their tokens
 * from the store, so that a set of an earlier session is no special case and a long queue takes no memory.
 */
final class Measuring implements AutoCloseable {
  private static final long POLL_MILLIS = 100;

  private final RunFolder run;
  private final Experiment experiment;
  private final Workshop workshop;
  private final RunListener listener;
  private final LinkedBlockingQueue<Scope> queue = new LinkedBlockingQueue<>();
  private final Set<Scope> waiting = new HashSet<>();
  private final Map<Scope, Integer> missing = new HashMap<>();
  private final Map<String, String> captions = new HashMap<>();
  private final int sets;
  private final Thread thread = new Thread(this::work, "measuring");
  private volatile int done;
  private volatile boolean stop;
  private volatile boolean complete;
  private volatile Throwable failure;

  Measuring(RunFolder run, Workshop workshop, RunListener listener) {
    this.run = run;
    this.experiment = run.experiment();
    this.workshop = workshop;
    this.listener = listener;
    experiment.prompts().forEach(prompt -> captions.put(prompt.id(), prompt.text()));
    Set<Scope> scopes = Executor.scopes(experiment);
    sets = scopes.size();
    waiting.addAll(scopes);
  }

  /** Queues what is complete and not measured yet, and starts; {@code open} are the cells whose images are still to be made. */
  void begin(List<Cell> open) {
    for (Cell cell : open) {
      missing.merge(set(cell), 1, Integer::sum);
      missing.merge(whole(cell), 1, Integer::sum);
    }
    run.store().measured().stream().filter(scope -> missing.getOrDefault(scope, 0) == 0).forEach(waiting::remove);
    done = sets - waiting.size();
    Executor.scopes(experiment).forEach(this::queueIfReady);
    thread.start();
  }

  /** These images are stored. */
  void made(List<Cell> cells) {
    for (Cell cell : cells) {
      missing.merge(set(cell), -1, Integer::sum);
      missing.merge(whole(cell), -1, Integer::sum);
    }
    cells.stream().map(Measuring::set).distinct().forEach(this::queueIfReady);
    cells.stream().map(Measuring::whole).distinct().forEach(this::queueIfReady);
  }

  private void queueIfReady(Scope scope) {
    if (waiting.contains(scope) && missing.getOrDefault(scope, 0) == 0) {
      waiting.remove(scope);
      queue.add(scope);
    }
  }

  private static Scope set(Cell cell) {
    return new Scope(cell.model().name(), cell.condition().name(), cell.prompt().id());
  }

  private static Scope whole(Cell cell) {
    return new Scope(cell.model().name(), cell.condition().name(), "");
  }

  int done() {
    return done;
  }

  int sets() {
    return sets;
  }

  /** Throws what ended the thread. */
  void requireWell() {
    switch (failure) {
      case null -> {}
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new IllegalStateException(failure);
    }
  }

  /** Waits until everything is measured. */
  void finish() {
    complete = true;
    long start = System.nanoTime();
    int before = done;
    while (thread.isAlive()) {
      if (listener.cancelled()) {
        throw new Cancelled();
      }
      double pace = (System.nanoTime() - start) / 1e9 / Math.max(1, done - before);
      int images = experiment.cells().size();
      listener.progress("measuring", images, images, done, sets, done == before ? OptionalDouble.empty() : OptionalDouble.of(pace * (sets - done)));
      join(POLL_MILLIS);
    }
    requireWell();
  }

  /** Ends after the set in work. */
  @Override
  public void close() {
    stop = true;
    join(0);
  }

  private void join(long millis) {
    try {
      thread.join(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new Cancelled();
    }
  }

  private void work() {
    try (Meter meter = workshop.meter(experiment)) {
      while (!stop) {
        Scope scope = queue.poll(POLL_MILLIS, TimeUnit.MILLISECONDS);
        if (scope != null) {
          measure(meter, scope);
          done++;
        } else if (complete && queue.isEmpty()) {
          return;
        }
      }
    } catch (Throwable e) {
      failure = e;
    }
  }

  private void measure(Meter meter, Scope scope) {
    List<ImageRow> rows = run.store().images(scope);
    if (scope.prompt().isEmpty()) {
      Map<Results.Metric, Double> values = meter.whole(() -> subjects(rows), kind -> run.store().features(scope.model(), scope.condition(), kind));
      run.store().putValues(scope, values, Map.of());
      return;
    }
    Meter.Reading reading = meter.set(subjects(rows));
    Map<Key, Map<String, float[]>> features = new LinkedHashMap<>();
    for (int i = 0; i < rows.size(); i++) {
      features.put(rows.get(i).key(), reading.features().get(i));
    }
    run.store().putValues(scope, reading.values(), features);
  }

  private List<Meter.Subject> subjects(List<ImageRow> rows) {
    List<Meter.Subject> subjects = new ArrayList<>();
    for (ImageRow row : rows) {
      Path file = run.path().resolve(row.file());
      byte[] png = Executor.readUnchanged(file, row.sha256());
      subjects.add(new Meter.Subject(row.file(), Png.decode(file.toString(), png), captions.get(row.key().prompt()), row.tokens()));
    }
    return subjects;
  }
}

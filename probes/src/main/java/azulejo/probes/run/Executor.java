package azulejo.probes.run;

import azulejo.models.GenerationListener;
import azulejo.models.Image;
import azulejo.models.Png;
import azulejo.probes.experiment.Cell;
import azulejo.probes.experiment.Condition;
import azulejo.probes.experiment.Experiment;
import azulejo.probes.experiment.Model;
import azulejo.probes.experiment.PromptGroup;
import azulejo.probes.run.Store.ImageRow;
import azulejo.probes.run.Store.Key;
import azulejo.probes.run.Store.Scope;
import azulejo.runtime.AtomicFile;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.Cancelled;
import azulejo.runtime.OptionException;
import azulejo.runtime.OutputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.Supplier;
import tools.jackson.databind.json.JsonMapper;

/**
 * Makes what a run's folder does not hold yet, and measures it. Images of one model and condition are made in batches; a batch's files are written first and then
 * its rows in one transaction, so that a row's image is always there, and what a killed process left without a row is simply made again.
 */
public final class Executor {
  /** What a batch may take: so much is lost when the process is killed. A small model fills the machine with fewer seconds, a large one with one image. */
  private static final double BATCH_SECONDS = 60;

  private final RunFolder run;
  private final Experiment experiment;
  private final Store store;
  private final Workshop workshop;
  private final RunListener listener;
  private final int atMost;
  private final int images;
  private int made;
  private final Map<String, double[]> paces = new LinkedHashMap<>();

  /** @param atMost how many images are made together */
  public Executor(RunFolder run, Workshop workshop, int atMost, RunListener listener) {
    this.run = run;
    this.experiment = run.experiment();
    this.store = run.store();
    this.workshop = workshop;
    this.atMost = atMost;
    this.listener = listener;
    this.images = experiment.cells().size();
  }

  /**
   * Runs to the end, or until the listener says stop.
   *
   * @throws Cancelled then; all that was stored is kept, and another call goes on from there
   */
  public void run() {
    Map<Key, ImageRow> known = sound(store.images());
    List<Cell> open = experiment.cells().stream().filter(cell -> !known.containsKey(Key.of(cell))).toList();
    made = images - open.size();
    checkConditions();
    try (Measuring measuring = new Measuring(run, workshop, listener)) {
      measuring.begin(open);
      for (Model model : experiment.models()) {
        List<Cell> cells = open.stream().filter(cell -> cell.model().equals(model)).toList();
        if (!cells.isEmpty()) {
          make(model, cells, measuring);
        }
      }
      measuring.finish();
    }
  }

  /**
   * The rows whose images are as they were stored.
   *
   * @throws OutputException when one is not: nothing is overwritten that someone may want to look at
   */
  private Map<Key, ImageRow> sound(Map<Key, ImageRow> rows) {
    listener.doing("checking images");
    Map<Key, ImageRow> sound = new LinkedHashMap<>();
    rows.forEach((key, row) -> {
      if (listener.cancelled()) {
        throw new Cancelled();
      }
      Path file = run.path().resolve(row.file());
      if (Files.exists(file)) {
        readUnchanged(file, row.sha256());
        sound.put(key, row);
      }
    });
    return sound;
  }

  /** @throws OutputException when the file's bytes are not those of the hash */
  static byte[] readUnchanged(Path file, String sha256) {
    byte[] bytes = read(file);
    if (!Hash.of(bytes).equals(sha256)) {
      throw new OutputException(file + " is damaged or was changed: its SHA-256 is not the one stored; move it away and start again, and it is made anew");
    }
    return bytes;
  }

  static byte[] read(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new OutputException("cannot read " + file + ": " + AzulejoException.reason(e), e);
    }
  }

  /** That every condition applies to its models is found out before the first image, for the last model would come to it after hours. */
  private void checkConditions() {
    if (made == 0 && experiment.models().size() > 1) {
      for (Model model : experiment.models()) {
        listener.doing("checking " + model.name());
        try (Maker maker = workshop.maker(run, model)) {
          check(experiment, model, maker);
        }
      }
    }
  }

  /** @throws OptionException when a condition of a model does not apply to it, or one of its settings */
  static void check(Experiment experiment, Model model, Maker maker) {
    for (Condition condition : experiment.conditions(model)) {
      try {
        maker.check(new Cell(model, condition, experiment.prompts().getFirst(), 0));
      } catch (OptionException e) {
        throw new OptionException("the model " + model.name() + " in the condition " + condition.name() + ": " + e.getMessage(), e);
      }
    }
  }

  private void make(Model model, List<Cell> cells, Measuring measuring) {
    listener.doing("loading " + model.name());
    try (Maker maker = workshop.maker(run, model)) {
      store.putModel(model.name(), maker);
      check(experiment, model, maker);
      run.createFolders(cells);
      int batch = 1;
      for (Condition condition : experiment.conditions(model)) {
        List<Cell> own = cells.stream().filter(cell -> cell.condition().equals(condition)).toList();
        for (int from = 0, to; from < own.size(); from = to) {
          to = Math.min(from + batch, own.size());
          double seconds = make(maker, own.subList(from, to), measuring);
          batch = seconds > BATCH_SECONDS ? Math.max(1, batch / 2) : seconds < BATCH_SECONDS / 2 ? Math.min(atMost, 2 * batch) : batch;
        }
      }
    }
  }

  /** @return the seconds that it took */
  private double make(Maker maker, List<Cell> cells, Measuring measuring) {
    measuring.requireWell();
    Cell first = cells.getFirst();
    String what = first.model().name() + ", " + first.condition().label();
    long start = System.nanoTime();
    List<Made> results = maker.make(cells, new GenerationListener() {
      @Override
      public void warning(String message) {
        listener.note(message);
      }

      @Override
      public void step(int step, int steps, Supplier<List<Image>> frames) {
        report(what, (double) step / steps * cells.size(), measuring);
      }

      @Override
      public boolean cancelled() {
        return listener.cancelled();
      }
    });
    List<ImageRow> rows = new ArrayList<>();
    for (Made image : results) {
      rows.add(write(image));
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    store.putImages(rows, results.stream().map(Made::account).toList(), seconds);
    made += rows.size();
    double[] pace = paces.computeIfAbsent(first.model().name(), _ -> new double[2]);
    pace[0] += seconds;
    pace[1] += rows.size();
    report(what, 0, measuring);
    measuring.made(cells);
    return seconds;
  }

  private ImageRow write(Made image) {
    Cell cell = image.cell();
    Map<String, String> text = new LinkedHashMap<>();
    text.put("prompt", cell.text());
    text.put("model", cell.model().name());
    text.put("condition", cell.condition().name());
    image.settings().forEach((key, value) -> text.putIfAbsent(key, value instanceof String s ? s : JsonMapper.shared().writeValueAsString(value)));
    text.put("index", Integer.toString(cell.index()));
    byte[] png = Png.encode(image.image(), text);
    String file = RunFolder.imageFile(cell);
    AtomicFile.write(run.path().resolve(file), png);
    return new ImageRow(Key.of(cell), cell.text(), file, Hash.of(png), image.gridHeight(), image.gridWidth(), image.tokens());
  }

  /** @param more images' worth of work since the last batch */
  private void report(String what, double more, Measuring measuring) {
    listener.progress(what, made + more, images, measuring.done(), measuring.sets(), secondsLeft(more));
  }

  /** By the pace of each model; one that has not been seen yet counts as the mean of the others. */
  private OptionalDouble secondsLeft(double more) {
    double seconds = paces.values().stream().mapToDouble(pace -> pace[0]).sum();
    double seen = paces.values().stream().mapToDouble(pace -> pace[1]).sum();
    return seen == 0 ? OptionalDouble.empty() : OptionalDouble.of(seconds / seen * (images - made - more));
  }

  /** The scopes of an experiment that are measured: the sets of each condition, and after them the condition. */
  static Set<Scope> scopes(Experiment experiment) {
    Set<Scope> scopes = new LinkedHashSet<>();
    for (Model model : experiment.models()) {
      for (Condition condition : experiment.conditions(model)) {
        for (PromptGroup prompt : experiment.prompts()) {
          scopes.add(new Scope(model.name(), condition.name(), prompt.id()));
        }
        scopes.add(new Scope(model.name(), condition.name(), ""));
      }
    }
    return scopes;
  }
}

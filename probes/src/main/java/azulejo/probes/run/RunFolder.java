package azulejo.probes.run;

import azulejo.probes.experiment.Cell;
import azulejo.probes.experiment.Experiment;
import azulejo.probes.experiment.ExperimentFile;
import azulejo.runtime.AtomicFile;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.OptionException;
import azulejo.runtime.OutputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * A run's folder: {@code run.json} (the resolved configuration, with the SHA-256 of every file that it depends on), {@code run.sqlite} (the {@link Store}),
 * {@code images/MODEL/CONDITION/PROMPT-INDEX.png}, {@code usage/MODEL.json}. Held by one process at a time.
 */
public final class RunFolder implements AutoCloseable {
  private static final int FORMAT = 1;
  private static final String RUN = "run.json";
  private static final String STORE = "run.sqlite";
  private static final String LOCK = "run.lock";
  private static final String IMAGES = "images";
  private static final String USAGE = "usage";
  private static final Set<String> OWN = Set.of(RUN, STORE, STORE + "-journal", LOCK, IMAGES, USAGE);

  private final Path path;
  private final Experiment experiment;
  private final String json;
  private final Store store;
  private final FileChannel lock;

  private RunFolder(Path path, Experiment experiment, String json, Store store, FileChannel lock) {
    this.path = path;
    this.experiment = experiment;
    this.json = json;
    this.store = store;
    this.lock = lock;
  }

  /** Whether a run was begun there. */
  public static boolean holdsRun(Path path) {
    return Files.isRegularFile(path.resolve(RUN));
  }

  /**
   * Begins a run, or goes on with it.
   *
   * @param wanted the run's experiment; empty for that of the folder
   * @param cancelled asked while files are hashed
   * @throws OptionException when the folder holds another run, or something else, or with {@code wanted} empty no run
   * @throws CheckpointException when a checkpoint is another one than when the run began
   * @throws OutputException when another process has the run, or the folder cannot be written
   */
  public static RunFolder open(Path path, Optional<Experiment> wanted, BooleanSupplier cancelled) {
    if (wanted.isEmpty() && !holdsRun(path)) {
      throw new OptionException(path + " holds no run: begin one with a preset or a configuration");
    }
    requireOurs(path);
    boolean created = !Files.exists(path);
    AtomicFile.createFolder(path);
    FileChannel lock = lock(path);
    try {
      Experiment experiment;
      String json;
      if (holdsRun(path) && (wanted.isEmpty() || hasMade(path))) {
        json = readRun(path);
        JsonNode run = parse(path, json);
        experiment = wanted.orElseGet(() -> ExperimentFile.parse(path.resolve(RUN).toString(), run.path("experiment").toString(), p -> p));
        requireSame(path, Identity.read(run), Identity.of(experiment, cancelled));
      } else {
        experiment = wanted.orElseThrow();
        json = json(experiment, Identity.of(experiment, cancelled));
        removeBeginning(path);
        AtomicFile.write(path.resolve(RUN), json.getBytes(StandardCharsets.UTF_8));
      }
      removeParts(path);
      return new RunFolder(path, experiment, json, Store.open(path.resolve(STORE)), lock);
    } catch (RuntimeException e) {
      close(lock);
      if (created && !holdsRun(path)) {
        deleteQuietly(path.resolve(LOCK));
        deleteQuietly(path);
      }
      throw e;
    }
  }

  /** Whether a run has an image, or had one. */
  private static boolean hasMade(Path path) {
    if (!Files.exists(path.resolve(STORE))) {
      return Files.exists(path.resolve(IMAGES));
    }
    try (Store store = Store.open(path.resolve(STORE))) {
      return !store.images().isEmpty();
    }
  }

  /** What is left of a run that was begun and has made nothing, because its configuration was found to be wrong. */
  private static void removeBeginning(Path path) {
    try {
      for (String name : List.of(RUN, STORE, STORE + "-journal")) {
        Files.deleteIfExists(path.resolve(name));
      }
      if (Files.exists(path.resolve(USAGE))) {
        try (Stream<Path> files = Files.list(path.resolve(USAGE))) {
          for (Path file : files.toList()) {
            Files.delete(file);
          }
        }
      }
    } catch (IOException e) {
      throw new OutputException("cannot tidy up " + path + ": " + AzulejoException.reason(e), e);
    }
  }

  private static void deleteQuietly(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      // the failure that led here is the one to report
    }
  }

  /** Opens a run to look at it, while it goes on or afterwards. */
  public static RunFolder read(Path path) {
    if (!holdsRun(path)) {
      throw new OptionException(path + (Files.exists(path) ? " holds no run" : " does not exist") + ": azulejo probe makes one");
    }
    if (!Files.exists(path.resolve(STORE))) {
      throw new OptionException(path + " has no " + STORE + ": the run has not made anything yet, or the file was moved away");
    }
    String json = readRun(path);
    Experiment experiment = ExperimentFile.parse(path.resolve(RUN).toString(), parse(path, json).path("experiment").toString(), p -> p);
    return new RunFolder(path, experiment, json, Store.openReadOnly(path.resolve(STORE)), null);
  }

  public Path path() {
    return path;
  }

  public Experiment experiment() {
    return experiment;
  }

  /** {@code run.json}. */
  public String json() {
    return json;
  }

  public Store store() {
    return store;
  }

  /**
   * Notes that another session begins.
   *
   * @param environment as a JSON object
   */
  public void begin(String environment) {
    store.putSession(Instant.now().toString(), environment);
  }

  /** A cell's image, relative to the folder. */
  static String imageFile(Cell cell) {
    return IMAGES + "/" + cell.path() + ".png";
  }

  boolean hasImage(Cell cell) {
    return Files.exists(path.resolve(imageFile(cell)));
  }

  /** Where the usage of a model's codes is kept. */
  Path usageFile(String model) {
    return path.resolve(USAGE).resolve(model + ".json");
  }

  @Override
  public void close() {
    try {
      store.close();
    } finally {
      if (lock != null) {
        close(lock);
      }
    }
  }

  private static String json(Experiment experiment, Identity identity) {
    JsonMapper mapper = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
    Map<String, Object> root = new LinkedHashMap<>();
    root.put("format", FORMAT);
    root.put("experiment", mapper.readTree(experiment.json()));
    root.put("prompts_sha256", Hash.of(mapper.readTree(experiment.json()).path("prompts").toString()));
    root.put("files", identity.files());
    return mapper.writeValueAsString(root);
  }

  private static String readRun(Path path) {
    try {
      return Files.readString(path.resolve(RUN));
    } catch (IOException e) {
      throw new OutputException("cannot read " + path.resolve(RUN) + ": " + AzulejoException.reason(e), e);
    }
  }

  private static JsonNode parse(Path path, String json) {
    Path file = path.resolve(RUN);
    try {
      JsonNode run = JsonMapper.shared().readTree(json);
      if (run.path("format").asInt(0) != FORMAT || !run.path("experiment").isObject() || !run.path("files").isObject()) {
        throw new OutputException(file + " is not a run of this version of Azulejo: go on with the version that began it, or choose another folder");
      }
      return run;
    } catch (JacksonException e) {
      throw new OutputException(file + " is damaged: " + e.getOriginalMessage(), e);
    }
  }

  private static void requireSame(Path path, Identity then, Identity now) {
    String difference = then.difference(now);
    if (difference.isEmpty()) {
      return;
    }
    if (then.sameConfiguration(now)) {
      throw new CheckpointException(path + " was begun with other files: " + difference + ", so its images would not belong together: bring the file back, "
          + "or begin a run in another folder");
    }
    throw new OptionException(path + " holds a run of another configuration: " + difference
        + "; leave the configuration out to go on with that run, or choose another folder");
  }

  /** A folder that is not a run's is not filled with one: whose files are those? */
  private static void requireOurs(Path path) {
    if (!Files.exists(path)) {
      return;
    }
    if (!Files.isDirectory(path)) {
      throw new OptionException(path + " is a file, but a run is a folder");
    }
    try (Stream<Path> files = Files.list(path)) {
      Optional<String> other = files.map(file -> file.getFileName().toString()).filter(name -> !OWN.contains(name) && !name.startsWith(".run.json.")).findFirst();
      if (other.isPresent() && !holdsRun(path)) {
        throw new OptionException(path + " holds no run but other files, such as " + other.get() + ": choose a new folder");
      }
    } catch (IOException e) {
      throw new OutputException("cannot read " + path + ": " + AzulejoException.reason(e), e);
    }
  }

  /** The operating system takes the lock back when the process ends, however it ends. */
  private static FileChannel lock(Path path) {
    Path file = path.resolve(LOCK);
    FileChannel channel = null;
    try {
      channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
      FileLock held = tryLock(channel);
      if (held == null) {
        String owner = Files.readString(file).strip();
        throw new OutputException("another process" + (owner.isEmpty() ? "" : " (number " + owner + ")") + " is working on the run in " + path
            + ": wait until it is done, or stop it");
      }
      channel.truncate(0);
      channel.write(ByteBuffer.wrap((ProcessHandle.current().pid() + "\n").getBytes(StandardCharsets.US_ASCII)));
      return channel;
    } catch (IOException e) {
      close(channel);
      throw new OutputException("cannot write " + file + ": " + AzulejoException.reason(e), e);
    } catch (RuntimeException e) {
      close(channel);
      throw e;
    }
  }

  private static FileLock tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException e) {
      return null; // held by this process
    }
  }

  private static void close(FileChannel channel) {
    try {
      if (channel != null) {
        channel.close();
      }
    } catch (IOException e) {
      // the lock goes with the process at the latest
    }
  }

  /** What a killed process had not finished writing; a report that is being written meanwhile is not this process's. */
  private static void removeParts(Path path) {
    for (Path folder : List.of(path.resolve(IMAGES), path.resolve(USAGE))) {
      if (Files.exists(folder)) {
        try (Stream<Path> files = Files.walk(folder)) {
          for (Path file : files.filter(f -> f.getFileName().toString().matches("\\..*\\.part")).toList()) {
            Files.delete(file);
          }
        } catch (IOException e) {
          throw new OutputException("cannot tidy up " + folder + ": " + AzulejoException.reason(e), e);
        }
      }
    }
  }

  /** The folders of the images of {@code cells}. */
  void createFolders(List<Cell> cells) {
    cells.stream().map(cell -> path.resolve(imageFile(cell)).getParent()).distinct().forEach(AtomicFile::createFolder);
  }
}

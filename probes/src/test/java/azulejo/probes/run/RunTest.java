package azulejo.probes.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.probes.experiment.Cell;
import azulejo.probes.experiment.Experiment;
import azulejo.probes.experiment.ExperimentFile;
import azulejo.probes.run.Store.Key;
import azulejo.runtime.Cancelled;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.OptionException;
import azulejo.runtime.OutputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunTest {
  @TempDir
  Path dir;

  private final FakeWorkshop workshop = new FakeWorkshop();

  private RunFolder open(String name) {
    return RunFolder.open(dir.resolve(name), Optional.of(FakeWorkshop.experiment(dir.resolve("checkpoints"))), () -> false);
  }

  private void execute(RunFolder run, int batch) {
    new Executor(run, workshop, batch, new RunListener() {}).run();
  }

  private Path undisturbed() {
    try (RunFolder run = open("undisturbed")) {
      execute(run, 5);
    }
    return dir.resolve("undisturbed");
  }

  /** Everything that a run holds: the bytes of each image, and what the store says. */
  private static Map<String, String> contents(Path folder) {
    Map<String, String> contents = new TreeMap<>();
    try (RunFolder run = RunFolder.read(folder); Stream<Path> files = Files.walk(folder.resolve("images"))) {
      files.filter(Files::isRegularFile).forEach(file -> contents.put(folder.relativize(file).toString(), Hash.of(Executor.read(file))));
      run.store().images().forEach((key, row) -> contents.put("row " + key, row.text() + row.sha256() + row.file()));
      run.store().values().forEach(value -> contents.put(value.model() + value.condition() + value.prompt() + value.metric(), String.valueOf(value.value())));
      run.store().totals().forEach(total -> contents.put(total.scope() + total.estimator(), String.valueOf(total.nats())));
      for (Key key : run.store().images().keySet()) {
        run.store().images(new Store.Scope(key.model(), key.condition(), key.prompt()))
            .forEach(row -> contents.put("tokens " + row.key(), Arrays.toString(row.tokens())));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return contents;
  }

  @Test
  void makesAndMeasuresEveryCellOnce() {
    Set<Key> seen = new HashSet<>();
    workshop.atBatch = cells -> cells.forEach(cell -> assertThat(seen.add(Key.of(cell))).isTrue());
    Path folder = undisturbed();
    assertThat(seen).hasSize(2 * 3 * 3 * 3);
    try (RunFolder run = RunFolder.read(folder)) {
      assertThat(run.store().images()).hasSize(54);
      assertThat(run.store().values()).hasSize(2 * 3 * 3 + 2 * 3); // a set's and a condition's
      assertThat(run.store().images(new Store.Scope("one", "short", "p000"))).extracting(Store.ImageRow::text).containsExactly("star", "the star", "star");
    }
  }

  /** A model is not known to be quick before it was. */
  @Test
  void batchesGrowWhileTheyAreQuick() {
    List<Integer> sizes = new ArrayList<>();
    workshop.atBatch = cells -> {
      if (cells.getFirst().model().name().equals("one")) {
        sizes.add(cells.size());
      }
    };
    undisturbed();
    assertThat(sizes).containsExactly(1, 2, 4, 2, 5, 4, 5, 4); // 9 images in each of 3 conditions, at most 5 together
  }

  @Test
  void aFinishedRunHasNothingToDo() {
    Path folder = undisturbed();
    Map<String, String> before = contents(folder);
    workshop.atBatch = cells -> {
      throw new AssertionError("made again: " + cells);
    };
    workshop.atSet = set -> {
      throw new AssertionError("measured again: " + set);
    };
    try (RunFolder run = open("undisturbed")) {
      execute(run, 5);
    }
    assertThat(contents(folder)).isEqualTo(before);
  }

  /** SIGKILL at random moments, from the first file to the last metric; then one start that is let be. The child's progress is the clock, however slow the machine. */
  @Test
  void aKilledRunFinishesWithTheImagesOfAnUndisturbedOne() throws Exception {
    Map<String, String> expected = contents(undisturbed());
    Path folder = dir.resolve("killed");
    Random random = new Random(11);
    List<Integer> left = new ArrayList<>();
    for (int kill = 0; kill < 6; kill++) {
      Process child = child(folder);
      int batches = random.nextInt(4);
      while (batches >= 0 && child.inputReader().readLine() != null) {
        batches--;
      }
      child.waitFor(random.nextInt(25), TimeUnit.MILLISECONDS);
      child.destroyForcibly().waitFor();
      left.add(54 - images(folder));
    }
    Process last = child(folder);
    last.inputReader().lines().forEach(_ -> {});
    assertThat(last.waitFor()).as(() -> read(last)).isZero();
    assertThat(contents(folder)).isEqualTo(expected);
    assertThat(left).as("kills came while images were missing").anyMatch(n -> n > 0 && n < 54);
    try (Stream<Path> files = Files.walk(folder)) {
      assertThat(files.map(f -> f.getFileName().toString()).filter(name -> name.startsWith(".") || name.endsWith("-journal"))).isEmpty();
    }
  }

  private static String read(Process child) {
    try {
      return new String(child.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static int images(Path folder) {
    try (Stream<Path> files = Files.exists(folder.resolve("images")) ? Files.walk(folder.resolve("images")) : Stream.empty()) {
      return (int) files.filter(f -> f.toString().endsWith(".png")).count();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Process child(Path folder) throws IOException {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    return new ProcessBuilder(java, "--enable-native-access=ALL-UNNAMED", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Djava.awt.headless=true", "-cp",
        System.getProperty("java.class.path"), KilledRun.class.getName(), folder.toString(), dir.resolve("checkpoints").toString()).start();
  }

  @Test
  void stopsBetweenStepsAndGoesOn() {
    AtomicBoolean stop = new AtomicBoolean();
    workshop.atBatch = cells -> stop.set(cells.getFirst().condition().name().equals("argmax"));
    try (RunFolder run = open("stopped")) {
      assertThatThrownBy(() -> new Executor(run, workshop, 4, new RunListener() {
        @Override
        public boolean cancelled() {
          return stop.get();
        }
      }).run()).isInstanceOf(Cancelled.class);
      assertThat(run.store().images()).hasSize(9);
    }
    workshop.atBatch = _ -> {};
    try (RunFolder run = open("stopped")) {
      execute(run, 4);
    }
    assertThat(contents(dir.resolve("stopped"))).isEqualTo(contents(undisturbed()));
  }

  @Test
  void noCellDependsOnAnother() {
    List<Cell> cells = new ArrayList<>(FakeWorkshop.experiment(dir.resolve("checkpoints")).cells());
    assertThat(cells.stream().map(RunFolder::imageFile).collect(Collectors.toSet())).hasSameSizeAs(cells);
    Path folder = undisturbed();
    Map<String, String> expected = contents(folder);
    Collections.shuffle(cells, new Random(3));
    try (RunFolder run = open("undisturbed")) {
      for (Cell cell : cells.subList(0, 10)) {
        Files.delete(folder.resolve(RunFolder.imageFile(cell)));
      }
      execute(run, 1);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    assertThat(contents(folder)).isEqualTo(expected);
  }

  @Test
  void aChangedImageIsReportedAndLeftAlone() throws IOException {
    Path image = undisturbed().resolve("images/one/argmax/p001-002.png");
    byte[] bytes = Files.readAllBytes(image);
    bytes[bytes.length / 2] ^= 1;
    Files.write(image, bytes);
    try (RunFolder run = open("undisturbed")) {
      assertThatThrownBy(() -> execute(run, 5)).isInstanceOf(OutputException.class).hasMessageContaining(image + " is damaged or was changed");
    }
    assertThat(Files.readAllBytes(image)).isEqualTo(bytes);
  }

  @Test
  void aSecondProcessIsToldWhoHasTheRun() {
    try (RunFolder _ = open("busy")) {
      assertThatThrownBy(() -> open("busy")).isInstanceOf(OutputException.class)
          .hasMessageContaining("another process (number " + ProcessHandle.current().pid() + ") is working on the run in " + dir.resolve("busy"));
    }
    open("busy").close();
  }

  @Test
  void anotherConfigurationIsRefusedWithTheFirstDifference() {
    undisturbed();
    anotherConfiguration();
  }

  private void anotherConfiguration() {
    Experiment other = FakeWorkshop.experiment(dir.resolve("checkpoints"));
    Experiment more = new Experiment(other.title(), 6, other.images(), other.prompts(), other.models(), other.conditions(), other.measures());
    assertThatThrownBy(() -> RunFolder.open(dir.resolve("undisturbed"), Optional.of(more), () -> false)).isInstanceOf(OptionException.class)
        .hasMessageContaining("holds a run of another configuration: seed was 5 and is 6 now");
  }

  /** The store knows of the images even where they were moved away. */
  @Test
  void anotherConfigurationDoesNotReplaceARunWithoutItsImages() throws IOException {
    Path folder = undisturbed();
    Map<String, String> before = contents(folder);
    Files.move(folder.resolve("images"), dir.resolve("moved"));
    anotherConfiguration();
    Files.move(dir.resolve("moved"), folder.resolve("images"));
    assertThat(contents(folder)).isEqualTo(before);
  }

  @Test
  void anotherCheckpointIsRefusedByItsFile() throws IOException {
    undisturbed();
    Path weights = dir.resolve("checkpoints/two/transformer/model.safetensors");
    Files.writeString(weights, "other weights");
    assertThatThrownBy(() -> open("undisturbed")).isInstanceOf(CheckpointException.class)
        .hasMessageContaining("was begun with other files: the file transformer/model.safetensors of models.two has other contents now");
    Files.delete(weights);
    assertThatThrownBy(() -> open("undisturbed")).isInstanceOf(CheckpointException.class).hasMessageContaining("is gone");
  }

  @Test
  void checkpointsMayMove() throws IOException {
    Map<String, String> before = contents(undisturbed());
    Files.move(dir.resolve("checkpoints"), dir.resolve("elsewhere"));
    try (RunFolder run = RunFolder.open(dir.resolve("undisturbed"), Optional.of(FakeWorkshop.experiment(dir.resolve("elsewhere"))), () -> false)) {
      execute(run, 5);
    }
    assertThat(contents(dir.resolve("undisturbed"))).isEqualTo(before);
  }

  @Test
  void aRunGoesOnWithoutItsConfiguration() {
    Path folder = undisturbed();
    try (RunFolder run = RunFolder.open(folder, Optional.empty(), () -> false)) {
      assertThat(run.experiment()).isEqualTo(FakeWorkshop.experiment(dir.resolve("checkpoints")));
    }
    assertThatThrownBy(() -> RunFolder.open(dir.resolve("none"), Optional.empty(), () -> false)).isInstanceOf(OptionException.class)
        .hasMessageContaining("holds no run");
    assertThat(dir.resolve("none")).doesNotExist();
  }

  /** Found out before the first image, of the last model too; and the folder is free for the corrected configuration. */
  @Test
  void aConditionThatDoesNotApplyIsRefusedAndMayBeCorrected() {
    Experiment good = FakeWorkshop.experiment(dir.resolve("checkpoints"));
    Experiment bad = ExperimentFile.parse("bad", good.json().replace("\"argmax\" : \"all\"", "\"frozen\" : \"path\"").replace("\"kind\" : \"factorial\"", "\"kind\" : null"),
        path -> path);
    workshop.atBatch = _ -> {
      throw new AssertionError("made before the conditions were checked");
    };
    try (RunFolder run = RunFolder.open(dir.resolve("corrected"), Optional.of(bad), () -> false)) {
      assertThatThrownBy(() -> execute(run, 5)).isInstanceOf(OptionException.class)
          .hasMessage("the model one in the condition argmax: a fake has nothing to freeze");
    }
    workshop.atBatch = _ -> {};
    try (RunFolder run = open("corrected")) {
      execute(run, 5);
    }
    assertThat(contents(dir.resolve("corrected"))).isEqualTo(contents(undisturbed()));
  }

  @Test
  void aMissingCheckpointLeavesNothing() {
    Experiment experiment = FakeWorkshop.experiment(dir.resolve("checkpoints"));
    Experiment moved = ExperimentFile.parse("moved", experiment.json().replace("checkpoints", "nowhere"), path -> path);
    assertThatThrownBy(() -> RunFolder.open(dir.resolve("new"), Optional.of(moved), () -> false)).isInstanceOf(CheckpointException.class)
        .hasMessageContaining("nowhere");
    assertThat(dir.resolve("new")).doesNotExist();
  }

  @Test
  void otherFilesAreNotMixedWithARun() throws IOException {
    Files.writeString(Files.createDirectories(dir.resolve("thesis")).resolve("chapter1.tex"), "It was a dark and stormy night.");
    assertThatThrownBy(() -> open("thesis")).isInstanceOf(OptionException.class).hasMessageContaining("holds no run but other files, such as chapter1.tex");
    assertThat(dir.resolve("thesis").toFile().list()).containsExactly("chapter1.tex");
  }

  @Test
  void aDamagedStoreIsOneSentence() throws IOException {
    Path store = undisturbed().resolve("run.sqlite");
    byte[] bytes = Files.readAllBytes(store);
    Arrays.fill(bytes, 0, 4096, (byte) 7);
    Files.write(store, bytes);
    assertThatThrownBy(() -> open("undisturbed")).isInstanceOf(OutputException.class).hasMessageContaining(store + " failed: it is damaged");
    Files.delete(store);
    try (RunFolder run = open("undisturbed")) {
      execute(run, 5);
    }
  }

  /** As after {@code ulimit -f} or on a full disk: the batch in work is lost, nothing before it, and the run goes on once there is room. */
  @Test
  void aFullDiskLosesNothing() throws IOException {
    Map<String, String> expected = contents(undisturbed());
    workshop.atBatch = cells -> {
      if (cells.getFirst().condition().name().equals("short")) {
        deny(dir.resolve("full/images/one/short"));
      }
    };
    try (RunFolder run = open("full")) {
      assertThatThrownBy(() -> execute(run, 5)).isInstanceOf(OutputException.class).hasMessageContaining("cannot write");
      assertThat(run.store().images()).hasSize(18);
    }
    Files.delete(dir.resolve("full/images/one/short"));
    workshop.atBatch = _ -> {};
    try (RunFolder run = open("full")) {
      execute(run, 5);
    }
    assertThat(contents(dir.resolve("full"))).isEqualTo(expected);
  }

  /** Puts a file where a folder is: root may write to a folder whatever its permissions. */
  private static void deny(Path folder) {
    try {
      Files.delete(folder);
      Files.writeString(folder, "");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void aFailureWhileMeasuringEndsTheRun() {
    workshop.atSet = _ -> {
      throw new OptionException("the scorer is out of order");
    };
    try (RunFolder run = open("unmeasured")) {
      assertThatThrownBy(() -> execute(run, 5)).isInstanceOf(OptionException.class).hasMessage("the scorer is out of order");
    }
    workshop.atSet = _ -> {};
    try (RunFolder run = open("unmeasured")) {
      execute(run, 5);
    }
    assertThat(contents(dir.resolve("unmeasured"))).isEqualTo(contents(undisturbed()));
  }

  @Test
  void nothingIsLeftInTheFolderForTemporaryFiles() throws IOException {
    Set<String> before = sqliteFiles();
    undisturbed();
    assertThat(sqliteFiles()).isSubsetOf(before);
  }

  private static Set<String> sqliteFiles() throws IOException {
    try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
      return files.map(f -> f.getFileName().toString()).filter(name -> name.contains("sqlite")).collect(Collectors.toSet());
    }
  }
}

package azulejo.runtime.checkpoint.pickle;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.runtime.CheckpointException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that would fill the memory or never end: a JVM of its own refuses each within a small heap and a short time. */
class BombsTest {
  /** Refusing a file may take 256 MiB, of which a JVM needs some beside its heap. */
  private static final String HEAP = "-Xmx192m";

  /** It may take a second; the rest allows for a busy machine and a JVM that has just begun. */
  private static final long MAX_MILLIS = 5000;

  private static final int MANY = 3_000_000;
  private static final long[] ONE = {1};

  @TempDir
  Path dir;

  @Test
  void refusesEveryBombInASmallHeap() throws Exception {
    List<Path> files = new ArrayList<>(List.of(
        file("dictionaries", pickle().repeat(MANY, '}')),
        file("dictionaries-of-one", pickle().repeat(MANY, '}', 'N', 'N', 's')),
        file("lists-in-a-list", pickle().op(']').repeat(MANY, ']', 'a')),
        file("texts", pickle().op(']').repeat(MANY, 'U', 1, 'x', 'a')),
        file("integers", pickle().repeat(MANY, 0x8a, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9)),
        file("marks", pickle().repeat(MANY, '(')),
        file("tuples", pickle().op(')').repeat(MANY, 0x85)),
        file("memo", pickle().op(']').repeat(MANY, 0x94)),
        file("long-text", pickle().text("x".repeat((64 << 20) + 1))),
        file("long-name", pickle().op('}').text("x".repeat(10 << 20)).tensorCall("FloatStorage", "0", 1, 0, ONE, ONE).op('R', 's')),
        file("tensors", pickle().tensorCall("FloatStorage", "0", 1, 0, ONE, ONE).op('q', 1)
            .global("torch._utils", "_rebuild_tensor_v2").op('q', 0).repeat(MANY, 'h', 0, 'h', 1, 'R')),
        file("copied-dictionary", pickle().op(']', '(').repeat(100_000, ']', '(', 'N', 'N', 'e').op('e', 0x85, 'q', 1)
            .global("collections", "OrderedDict").op('q', 0).repeat(MANY, 'h', 0, 'h', 1, 'R')),
        file("unfolding", unfolding()),
        file("self", pickle().op(']', 'q', 0, '(').repeat(1000, 'h', 0).op('e')),
        legacy("legacy-long-text", pickle().text("x".repeat((64 << 20) + 1)))));
    try (Stream<Path> hostile = Files.list(TorchFileTest.path("hostile"))) {
      hostile.forEach(files::add);
    }

    Path report = dir.resolve("report.txt");
    List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), HEAP,
        "-XX:+UseSerialGC", "-cp", System.getProperty("java.class.path"), Refuser.class.getName()));
    files.forEach(file -> command.add(file.toString()));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(report.toFile()).start();
    assertThat(process.waitFor(2, TimeUnit.MINUTES)).as("ends").isTrue();

    List<String> lines = Files.readAllLines(report);
    assertThat(lines).hasSize(files.size()).allMatch(line -> line.startsWith("refused "));
    assertThat(lines).allSatisfy(line -> assertThat(Long.parseLong(line.split(" ")[1])).as(line).isLessThan(MAX_MILLIS));
  }

  /** Prints, for each file, whether it was refused and after how many milliseconds. */
  static final class Refuser {
    public static void main(String[] files) {
      for (String file : files) {
        long start = System.nanoTime();
        String outcome;
        try (TorchFile opened = TorchFile.open(Path.of(file))) {
          opened.names().forEach(opened::tensor);
          outcome = "opened";
        } catch (CheckpointException e) {
          outcome = "refused";
        }
        System.out.println(outcome + " " + (System.nanoTime() - start) / 1_000_000 + " " + file);
      }
    }
  }

  private static PickleWriter pickle() {
    return new PickleWriter();
  }

  /** Twelve levels of tuples, each holding the one below ten times. */
  private static PickleWriter unfolding() {
    PickleWriter pickle = pickle().repeat(12, '(').op(']');
    for (int level = 0; level < 12; level++) {
      pickle.op('q', level).repeat(9, 'h', level).op('t');
    }
    return pickle;
  }

  private Path file(String name, PickleWriter pickle) {
    return PickleWriter.zip(dir.resolve(name + ".pt"), Map.of("data.pkl", pickle.end(), "data/0", new byte[4]));
  }

  private Path legacy(String name, PickleWriter pickle) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.writeBytes(PickleWriter.legacyHeader());
    bytes.writeBytes(pickle.end());
    return Files.write(dir.resolve(name + ".pt"), bytes.toByteArray());
  }
}

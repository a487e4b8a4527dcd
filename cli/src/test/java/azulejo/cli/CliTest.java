package azulejo.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;

/** Runs command lines in this process. */
abstract class CliTest {
  @TempDir
  Path dir;

  final FakeEngine engine = new FakeEngine();
  final Interrupt interrupt = new Interrupt();
  final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  int columns = 0;

  /** The exit status. */
  int run(Object... args) {
    return run(out, args);
  }

  int run(OutputStream standardOutput, Object... args) {
    return run(standardOutput, interrupt, args);
  }

  /** As after a Ctrl-C in an earlier process. */
  int runWith(Interrupt fresh, Object... args) {
    return run(out, fresh, args);
  }

  private int run(OutputStream standardOutput, Interrupt interrupt, Object... args) {
    out.reset();
    err.reset();
    PrintStream printErr = new PrintStream(err, true, StandardCharsets.UTF_8);
    Environment environment = new Environment(new StandardOutput(standardOutput), printErr, columns, dir.resolve("home"), interrupt, engine);
    return Azulejo.run(environment, Stream.of(args).map(Object::toString).toArray(String[]::new));
  }

  String out() {
    return out.toString(StandardCharsets.UTF_8);
  }

  String err() {
    return err.toString(StandardCharsets.UTF_8);
  }

  /** Everything in the test's folder, by name. */
  List<String> files() {
    try (Stream<Path> files = Files.walk(dir)) {
      return files.filter(Files::isRegularFile).map(file -> dir.relativize(file).toString()).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

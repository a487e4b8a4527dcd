package azulejo.tests.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.runtime.CheckpointException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What {@code tests/fuzz} began with and what it found, crashes before all, without the fuzzer: each input is read or refused. */
class FuzzReplayTest {
  private static final Path SEEDS = Path.of("src/test/resources/fuzz");
  private static final Duration LIMIT = Duration.ofSeconds(10);
  private static final Map<String, Consumer<byte[]>> TARGETS = Map.of("safetensors", SafetensorsTarget::fuzzerTestOneInput,
      "pickle", PickleTarget::fuzzerTestOneInput, "tokenizer", TokenizerTarget::fuzzerTestOneInput, "config", ConfigTarget::fuzzerTestOneInput);

  private static Stream<Arguments> inputs() {
    return TARGETS.keySet().stream().sorted().flatMap(target -> files(SEEDS.resolve(target)).stream().map(file -> Arguments.of(target, file.getFileName().toString())));
  }

  @ParameterizedTest
  @MethodSource("inputs")
  void isReadOrRefused(String target, String name) throws IOException {
    byte[] input = Files.readAllBytes(SEEDS.resolve(target).resolve(name));
    Assertions.assertTimeoutPreemptively(LIMIT, () -> TARGETS.get(target).accept(input));
  }

  @Test
  void everyTargetHasSeeds() {
    TARGETS.keySet().forEach(target -> assertThat(files(SEEDS.resolve(target))).as(target).hasSizeGreaterThan(5));
  }

  /** A target that lets everything pass would find nothing. */
  @Test
  void anythingButARefusalIsAFind() {
    try (Scratch scratch = new Scratch()) {
      assertThatThrownBy(() -> scratch.readOrRefuse(() -> new int[0].clone()[0]++)).isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> scratch.readOrRefuse(() -> {
        throw new CheckpointException("it names no file");
      })).isInstanceOf(AssertionError.class);
    }
  }

  private static List<Path> files(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

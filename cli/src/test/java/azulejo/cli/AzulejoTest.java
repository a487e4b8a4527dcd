package azulejo.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.kernels.Backends;
import azulejo.runtime.OptionException;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

class AzulejoTest extends CliTest {

  static Stream<List<String>> commands() {
    CommandLine root = Azulejo.commandLine(new Environment(null, null, 0, null, null, null));
    return Stream.concat(Stream.of(List.of()), paths(root, List.of()));
  }

  private static Stream<List<String>> paths(CommandLine command, List<String> path) {
    return command.getSubcommands().entrySet().stream().flatMap(sub -> {
      List<String> own = Stream.concat(path.stream(), Stream.of(sub.getKey())).toList();
      return Stream.concat(Stream.of(own), paths(sub.getValue(), own));
    });
  }

  @ParameterizedTest
  @MethodSource("commands")
  void everyCommandHasHelpWithExamples(List<String> command) {
    assertThat(run(Stream.concat(command.stream(), Stream.of("--help")).toArray())).isZero();
    String name = String.join(" ", Stream.concat(Stream.of("azulejo"), command.stream()).toList());
    assertThat(out()).startsWith("Usage: " + name).contains("Examples:\n").contains("\n  " + (command.equals(List.of("completion")) ? "source <(" : "") + name);
    assertThat(out().lines()).allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(100));
    assertThat(err()).isEmpty();
  }

  @Test
  void saysItsVersion() {
    assertThat(run("--version")).isZero();
    assertThat(out()).matches("azulejo \\S+, Java \\S+\n");
  }

  @Test
  void aCommandIsNeeded() {
    assertThat(run()).isEqualTo(2);
    assertThat(err()).isEqualTo("azulejo: missing command; see azulejo --help\n");
    assertThat(run("weights")).isEqualTo(2);
    assertThat(err()).isEqualTo("azulejo weights: missing command; see azulejo weights --help\n");
    assertThat(run("generat")).isEqualTo(2);
    assertThat(err()).startsWith("azulejo: unknown argument 'generat' (did you mean generate").endsWith("?); see azulejo --help\n");
  }

  @Test
  void listsEveryBackendWithWhatItRunsOn() {
    assertThat(run("devices")).isZero();
    assertThat(out().lines()).hasSameSizeAs(Backends.names());
    for (Backends.Status backend : Backends.survey()) {
      assertThat(out()).contains(backend.name()).contains(backend.detail());
    }
    assertThat(out().lines().filter(line -> line.contains("(default)"))).singleElement().asString().startsWith(Backends.DEFAULT + " ");
  }

  @Test
  void anUnknownBackendIsOneSentence() {
    assertThatThrownBy(() -> Engine.INSTALLED.backend("abacus", 0)).isInstanceOf(OptionException.class).hasMessageContaining("abacus");
  }

  @Test
  void completionKnowsEveryOption() {
    assertThat(run("completion")).isZero();
    assertThat(out()).startsWith("#!").contains("'--guidance'").contains("synth").contains("complete ");
  }

  @Test
  void paritySaysWhichFolderItCannotRead() {
    assertThat(run("parity", dir.resolve("no"))).isEqualTo(1);
    assertThat(err()).contains("azulejo: " + dir.resolve("no") + " ").doesNotContain("\tat ");
  }

  @Test
  void synthRefusesAnUnknownType() {
    assertThat(run("weights", "synth", "amused-256", dir.resolve("new"), "--dtype", "f8")).isEqualTo(2);
    assertThat(err()).isEqualTo("azulejo: --dtype must be f32 or f16, not 'f8'\n");
    assertThat(files()).isEmpty();
  }

  @Test
  void ctrlCStopsASynthesisAndLeavesNothing() {
    interrupt.request();
    assertThat(run("weights", "synth", "amused-256", dir.resolve("new"), "--quiet")).isEqualTo(130);
    assertThat(err()).isEqualTo("azulejo: stopped\n");
    assertThat(files()).isEmpty();
  }
}

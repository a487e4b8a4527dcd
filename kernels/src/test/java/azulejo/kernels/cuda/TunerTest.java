package azulejo.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TunerTest extends EmulatedDeviceTest {
  @TempDir
  Path dir;

  private final List<String> runs = new ArrayList<>();
  private final List<Tuner.Candidate> candidates = List.of(candidate("slow", 20), candidate("fast", 0));

  private Tuner.Candidate candidate(String name, int milliseconds) {
    return new Tuner.Candidate(name, () -> {
      runs.add(name);
      try {
        Thread.sleep(milliseconds);
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    });
  }

  @Test
  void takesTheFasterAndRemembersIt() {
    Tuner tuner = new Tuner(device.driver(), dir);
    assertThat(tuner.choose("product 2 x 3", candidates).name()).isEqualTo("fast");
    assertThat(tuner.choices()).singleElement().asString().matches("product 2 x 3: slow [\\d.]+ ms, fast [\\d.]+ ms: fast");
    runs.clear();
    assertThat(tuner.choose("product 2 x 3", candidates).name()).isEqualTo("fast");
    assertThat(new Tuner(device.driver(), dir).choose("product 2 x 3", candidates).name()).isEqualTo("fast");
    assertThat(runs).isEmpty();
  }

  /** A recording lists its launches first, and only then is captured: until then the device can be asked. */
  @Test
  void measuresInTheMidstOfARecording() {
    Tuner tuner = new Tuner(device.driver(), dir);
    List<String> chosen = new ArrayList<>();
    try (Driver.Graph graph = device.driver().record(() -> chosen.add(tuner.choose("product 2 x 3", candidates).name()))) {
      assertThat(graph.launches()).isZero();
    }
    assertThat(chosen).containsExactly("fast");
  }
}

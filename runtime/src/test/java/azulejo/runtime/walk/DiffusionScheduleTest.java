package azulejo.runtime.walk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import azulejo.kernels.Transition.Logs;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.JsonConfig;
import azulejo.runtime.walk.DiffusionSchedule.Line;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the tables must be whatever their numbers, which are held against the official ones in the golden checks. */
class DiffusionScheduleTest {
  private static final int CODES = 60;
  /** Logarithms near 0 are rounded to float32 in which 1e-5, the least probability here, has a relative error of 1e-7. */
  private static final double ROUNDING = 1e-6;
  private static final DiffusionSchedule PUBLISHED = new DiffusionSchedule(CODES, 100, new Line(0.99999, 0.000009),
      new Line(0.000009, 0.99999));

  @TempDir
  Path dir;

  @Test
  void aCodeIsKeptReplacedOrMasked() {
    for (int t = 0; t < PUBLISHED.timesteps(); t++) {
      for (Logs logs : new Logs[] {PUBLISHED.transition(t).step(), PUBLISHED.transition(t).cumulative()}) {
        assertThat(Math.exp(logs.a()) + CODES * Math.exp(logs.b()) + Math.exp(logs.c())).isCloseTo(1, within(ROUNDING));
      }
    }
  }

  @Test
  void stepsAddUpToTheCumulativeOnes() {
    double kept = 1;
    double open = 1;
    for (int t = 0; t < PUBLISHED.timesteps(); t++) {
      kept *= Math.exp(PUBLISHED.transition(t).step().a());
      open *= 1 - Math.exp(PUBLISHED.transition(t).step().c());
      assertThat(Math.exp(PUBLISHED.transition(t).cumulative().a())).isCloseTo(kept, within(ROUNDING));
      assertThat(1 - Math.exp(PUBLISHED.transition(t).cumulative().c())).isCloseTo(open, within(ROUNDING));
    }
    assertThat(Math.exp(PUBLISHED.transition(99).cumulative().c())).isCloseTo(0.99999, within(ROUNDING));
  }

  @Test
  void theGridBeforeTheFirstStepIsClean() {
    assertThat(PUBLISHED.transition(0).last()).isTrue();
    assertThat(PUBLISHED.transition(0).cumulativeBefore()).isEqualTo(new Logs(0, Float.NEGATIVE_INFINITY, Float.NEGATIVE_INFINITY));
    assertThat(PUBLISHED.transition(1).last()).isFalse();
    assertThat(PUBLISHED.transition(1).cumulativeBefore()).isEqualTo(PUBLISHED.transition(0).cumulative());
  }

  @Test
  void fewerStepsStartNearerToTheCleanGrid() {
    assertThat(IntStream.range(0, 7).map(i -> DiffusionSchedule.timestep(i, 7))).containsExactly(6, 5, 4, 3, 2, 1, 0);
  }

  @Test
  void readsTheSchedulersFile() throws IOException {
    assertThat(read("{\"num_train_timesteps\": 25}").transition(24)).isEqualTo(
        new DiffusionSchedule(CODES, 25, new Line(0.99999, 0.000009), new Line(0.000009, 0.99999)).transition(24));
    assertThat(read("{}").timesteps()).isEqualTo(100);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "{\"num_train_timesteps\": 1} | field \"num_train_timesteps\" is 1, but at least 2 are needed",
      "{\"alpha_cum_start\": 1.5} | field \"alpha_cum_start\" and its siblings",
      "{\"alpha_cum_start\": 0.000009, \"alpha_cum_end\": 0.99999} | field \"alpha_cum_start\" and its siblings",
      "{\"gamma_cum_end\": 1} | field \"alpha_cum_start\" and its siblings",
      "{\"gamma_cum_end\": -0.5} | field \"alpha_cum_start\" and its siblings"})
  void refusesWhatIsNoDiffusion(String json, String message) {
    assertThatThrownBy(() -> read(json)).isInstanceOf(CheckpointException.class).hasMessageContaining("scheduler_config.json")
        .hasMessageContaining(message);
  }

  private DiffusionSchedule read(String json) throws IOException {
    return DiffusionSchedule.of(JsonConfig.read(Files.writeString(dir.resolve("scheduler_config.json"), json)), CODES);
  }
}

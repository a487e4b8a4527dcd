package azulejo.kernels.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WorkersTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4})
  void runsEveryTaskOnceWhateverTheThreads(int threads) throws InterruptedException {
    try (Workers workers = new Workers(threads)) {
      for (int round = 0; round < 2000; round++) {
        int count = round % 50;
        AtomicIntegerArray runs = new AtomicIntegerArray(count);
        workers.run(count, (task, worker) -> {
          assertThat(worker).isBetween(0, threads - 1);
          runs.incrementAndGet(task);
        });
        for (int i = 0; i < count; i++) {
          assertThat(runs.get(i)).isEqualTo(1);
        }
        if (round % 500 == 0) {
          Thread.sleep(20); // long enough for the daemons to park
        }
      }
    }
  }

  @Test
  void throwsWhatATaskThrewAndWorksOn() {
    try (Workers workers = new Workers(3)) {
      for (int round = 0; round < 200; round++) {
        int bad = round % 20;
        assertThatThrownBy(() -> workers.run(20, (task, worker) -> {
          if (task == bad) {
            throw new IllegalArgumentException("task " + task);
          }
        })).isInstanceOf(IllegalArgumentException.class).hasMessage("task " + bad);
        AtomicIntegerArray runs = new AtomicIntegerArray(1);
        workers.run(7, (task, worker) -> runs.incrementAndGet(0));
        assertThat(runs.get(0)).isEqualTo(7);
      }
    }
  }

  @Test
  void throwsAnErrorToo() {
    try (Workers workers = new Workers(2)) {
      assertThatThrownBy(() -> workers.run(4, (task, worker) -> {
        throw new AssertionError("broken");
      })).isInstanceOf(AssertionError.class);
    }
  }

  @Test
  void scratchIsEachWorkersOwnAndKeepsItsPlaceUntilItGrows() {
    try (Workers workers = new Workers(2)) {
      long a = workers.scratch(0, 1000);
      long b = workers.scratch(1, 1000);
      assertThat(Math.abs(a - b)).isGreaterThanOrEqualTo(1000);
      assertThat(a % 64).isZero();
      assertThat(workers.scratch(0, 500)).isEqualTo(a);
    }
  }

  @Test
  void closesTwiceAndThenRunsNothing() {
    Workers workers = new Workers(2);
    workers.close();
    workers.close();
    assertThatThrownBy(() -> workers.run(2, (task, worker) -> {})).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> new Workers(0)).isInstanceOf(IllegalArgumentException.class);
  }
}

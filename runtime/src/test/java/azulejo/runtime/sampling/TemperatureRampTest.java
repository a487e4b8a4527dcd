package azulejo.runtime.sampling;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.kernels.Backend;
import azulejo.kernels.Backends;
import azulejo.kernels.Draw;
import azulejo.kernels.HostTensor;
import azulejo.kernels.Tensor;
import azulejo.runtime.Tap;
import azulejo.runtime.ledger.EntropyLedger;
import azulejo.runtime.ledger.LedgerTape;
import azulejo.runtime.walk.RasterWalk;
import azulejo.runtime.walk.TinyModel;
import azulejo.runtime.walk.WalkNoise;
import org.junit.jupiter.api.Test;

/** The example of docs/interventions.md, word for word, and the test that it needs. */
class TemperatureRampTest {
  /** Cools the draw from one temperature to another along the walk. */
  record TemperatureRamp(float from, float to) implements Intervention {
    @Override
    public String name() {
      return "temperature_ramp";
    }

    @Override
    public String setting() {
      return from + "-" + to;
    }

    @Override
    public Edit on(Backend b, int codes) {
      return (draw, step, steps) -> {
        float temperature = from + (to - from) * step / Math.max(1, steps - 1);
        return new Draw(draw.guidance(), temperature, draw.topK(), draw.topP(), draw.pick(), draw.codebook());
      };
    }
  }

  @Test
  void coolsTheDrawAlongTheWalk() {
    try (Backend b = Backends.open("vector", 1)) {
      RasterWalk walk = new RasterWalk(b, new TinyModel(b, 50, 3), Draw.guided(1), RasterWalk.ALWAYS, 1, 16);
      walk.intervene(new TemperatureRamp(4, 0.25f));
      LedgerTape tape = walk.keepLedger();
      Tensor keys = b.tensor(HostTensor.of("keys", new long[] {1, 0}, 1, 2));
      walk.run(WalkNoise.philox(keys, keys), Tap.NONE, (_, _) -> {});

      EntropyLedger ledger = tape.read().getFirst();
      EntropyLedger.Step first = ledger.steps().getFirst();
      EntropyLedger.Step last = ledger.steps().getLast();
      assertThat(first.tempered()).as("hotter than the model").isGreaterThan(first.guided());
      assertThat(last.tempered()).as("colder").isLessThan(last.guided());
    }
  }
}

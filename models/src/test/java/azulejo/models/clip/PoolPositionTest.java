package azulejo.models.clip;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.kernels.Activation;
import org.junit.jupiter.api.Test;

/** transformers' CLIPTextTransformer: argmax of the ids where the configuration's eos_token_id is 2, else the first end token. */
class PoolPositionTest {
  private static int position(int eos, int... ids) {
    return new ClipTextEncoder.Config(50, 8, 16, 1, 1, 8, 8, Activation.QUICK_GELU, 1e-5f, eos).poolPosition(ids);
  }

  @Test
  void oldConfigurationsPoolAtTheHighestId() {
    assertThat(position(2, 48, 2, 7, 49, 49, 49)).isEqualTo(3);
    assertThat(position(2, 48, 7, 0, 0)).isEqualTo(0);
  }

  @Test
  void newConfigurationsPoolAtTheFirstEndToken() {
    assertThat(position(41, 48, 49, 41, 7, 41)).isEqualTo(2);
    assertThat(position(41, 48, 49, 7)).as("none: PyTorch's argmax of all zeros").isEqualTo(0);
  }
}

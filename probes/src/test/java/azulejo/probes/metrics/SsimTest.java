package azulejo.probes.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import azulejo.models.Image;
import azulejo.runtime.OptionException;
import org.junit.jupiter.api.Test;

/** What holds for any images; the official values are held by {@code azulejo parity}. */
class SsimTest {
  private final Image noise = Images.noise(20, 13, 1);
  private final Image other = Images.noise(20, 13, 2);

  @Test
  void equalImagesAreExactlyAlike() {
    for (Ssim ssim : new Ssim[] {Ssim.gaussian(Ssim.Range.ALL), Ssim.gaussian(Ssim.Range.SEEN), Ssim.uniform()}) {
      assertThat(ssim.similarity(ssim.moments(noise), ssim.moments(noise))).isEqualTo(1);
    }
  }

  @Test
  void theOrderOfTheTwoMakesNoDifference() {
    Ssim ssim = Ssim.gaussian(Ssim.Range.ALL);
    assertThat(ssim.similarity(ssim.moments(noise), ssim.moments(other))).isEqualTo(ssim.similarity(ssim.moments(other), ssim.moments(noise)));
  }

  /** Without variance only the means count: (2 * 100 * 150 + c1) / (100^2 + 150^2 + c1), c1 = 2.55^2. */
  @Test
  void flatImagesDifferByTheirMeansAlone() {
    Ssim ssim = Ssim.gaussian(Ssim.Range.ALL);
    double expected = (2 * 100 * 150 + 2.55 * 2.55) / (100 * 100 + 150 * 150 + 2.55 * 2.55);
    assertThat(ssim.similarity(ssim.moments(Images.flat(12, 12, 100)), ssim.moments(Images.flat(12, 12, 150)))).isCloseTo(expected, within(1e-9));
  }

  @Test
  void flatImagesHaveNoRangeOfTheirOwn() {
    Ssim ssim = Ssim.gaussian(Ssim.Range.SEEN);
    assertThat(ssim.similarity(ssim.moments(Images.flat(12, 12, 0)), ssim.moments(Images.flat(12, 12, 0)))).isEqualTo(1);
  }

  @Test
  void refusesAnImageSmallerThanItsWindow() {
    Ssim.uniform().moments(Images.flat(7, 7, 0));
    assertThatThrownBy(() -> Ssim.gaussian(Ssim.Range.ALL).moments(Images.flat(10, 30, 0))).isInstanceOf(OptionException.class)
        .hasMessageContaining("10x30 pixels").hasMessageContaining("11x11");
  }
}

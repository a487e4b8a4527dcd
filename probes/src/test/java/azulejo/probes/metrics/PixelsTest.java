package azulejo.probes.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import azulejo.models.Image;
import org.junit.jupiter.api.Test;

class PixelsTest {
  private static Image image(int... levels) {
    byte[] rgb = new byte[levels.length];
    for (int i = 0; i < rgb.length; i++) {
      rgb[i] = (byte) levels[i];
    }
    return new Image(levels.length / 3, 1, rgb);
  }

  private static double raw(Image a, Image b) {
    return Pixels.cosineDistance(Pixels.raw(a), Pixels.raw(b));
  }

  private static double centred(Image a, Image b) {
    return Pixels.cosineDistance(Pixels.centred(a), Pixels.centred(b));
  }

  /** (3, 4, 0) and (4, 3, 0) times 50: cosine 24 / 25. */
  @Test
  void rawIsTheAngleOfTheLevels() {
    assertThat(raw(image(150, 200, 0), image(200, 150, 0))).isCloseTo(1 / 25.0, within(1e-12));
  }

  @Test
  void centredDoesNotSeeBrightnessAndContrast() {
    Image picture = image(10, 60, 30, 90, 20, 40);
    assertThat(centred(picture, image(110, 160, 130, 190, 120, 140))).isCloseTo(0, within(1e-12));
    assertThat(centred(picture, image(20, 120, 60, 180, 40, 80))).isCloseTo(0, within(1e-12));
    assertThat(centred(picture, image(190, 140, 170, 110, 180, 160))).isCloseTo(2, within(1e-12));
  }

  @Test
  void equalImagesAreAtNoDistanceAtAll() {
    Image noise = Images.noise(31, 17, 3);
    assertThat(raw(noise, noise)).isZero();
    assertThat(centred(noise, noise)).isZero();
  }

  @Test
  void anImageWithoutLengthIsFarFromOthersOnly() {
    assertThat(raw(Images.flat(2, 2, 0), Images.flat(2, 2, 0))).isZero();
    assertThat(raw(Images.flat(2, 2, 0), Images.flat(2, 2, 9))).isEqualTo(1);
    assertThat(centred(Images.flat(2, 2, 7), Images.flat(2, 2, 9))).isZero();
    assertThat(centred(Images.flat(2, 2, 7), Images.noise(2, 2, 1))).isEqualTo(1);
  }
}

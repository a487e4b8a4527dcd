package azulejo.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.models.Image;
import azulejo.models.Png;
import azulejo.runtime.OptionException;
import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PngTest {
  @Test
  void pixelsComeBackUnchanged() throws IOException {
    byte[] rgb = new byte[3 * 7 * 5];
    new Random(1).nextBytes(rgb);
    PngReader png = PngReader.read(Png.encode(new Image(7, 5, rgb), Map.of()));
    assertThat(png.image().getWidth()).isEqualTo(7);
    assertThat(png.image().getHeight()).isEqualTo(5);
    for (int i = 0; i < 7 * 5; i++) {
      int expected = 0xFF << 24 | (rgb[3 * i] & 0xFF) << 16 | (rgb[3 * i + 1] & 0xFF) << 8 | rgb[3 * i + 2] & 0xFF;
      assertThat(png.image().getRGB(i % 7, i / 7)).isEqualTo(expected);
    }
  }

  @Test
  void textComesBackInItsOrderAndAnyScript() throws IOException {
    Map<String, String> text = new LinkedHashMap<>();
    text.put("prompt", "a star, \"quoted\", two\nlines");
    text.put("empty", "");
    text.put("greek", "ἕνα ἀστέρι");
    text.put("emoji", "🌟 star");
    text.put("latin", "Schloß");
    PngReader png = PngReader.read(Png.encode(FakeEngine.image(0), text));
    assertThat(png.text()).isEqualTo(text);
    assertThat(png.chunkOf()).containsEntry("prompt", "tEXt").containsEntry("greek", "iTXt").containsEntry("emoji", "iTXt").containsEntry("latin", "iTXt");
  }

  @Test
  void theSameInputGivesTheSameBytes() {
    Map<String, String> text = Map.of("prompt", "α", "seed", "1");
    assertThat(Png.encode(FakeEngine.image(0), text)).isEqualTo(Png.encode(FakeEngine.image(0), text));
  }

  @Test
  void whatIsDecodedWasEncoded() {
    byte[] rgb = new byte[3 * 6 * 4];
    new Random(2).nextBytes(rgb);
    Image back = Png.decode("noise.png", Png.encode(new Image(6, 4, rgb), Map.of("prompt", "noise")));
    assertThat(back.width()).isEqualTo(6);
    assertThat(back.height()).isEqualTo(4);
    assertThat(back.rgb()).isEqualTo(rgb);
  }

  @Test
  void whatIsNoPictureIsRefusedByName() {
    byte[] cut = Arrays.copyOf(Png.encode(FakeEngine.image(0), Map.of()), 40);
    assertThatThrownBy(() -> Png.decode("cut.png", cut)).isInstanceOf(OptionException.class).hasMessageStartingWith("cut.png is no picture");
    assertThatThrownBy(() -> Png.decode("text.png", new byte[] {'h', 'i'})).isInstanceOf(OptionException.class).hasMessageStartingWith("text.png is no picture");
  }
}

package azulejo.cli;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.models.Image;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GridTest {
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1",
    "1, 4, 2", // a square
    "1, 5, 3",
    "3, 3, 2", // one picture a prompt: nearly a square
    "2, 6, 3", // a row a prompt
    "16, 32, 2",
  })
  void columns(int prompts, int images, int expected) {
    assertThat(Grid.columns(prompts, images)).isEqualTo(expected);
  }

  @Test
  void onePictureIsItself() {
    Image image = FakeEngine.image(0);
    assertThat(Grid.of(List.of(image), 1)).isSameAs(image);
  }

  /** Every pixel of a sheet of two rows, the second one short: the picture of its cell, or white. */
  @Test
  void picturesLieRowByRowOnWhite() {
    List<Image> images = IntStream.range(0, 3).mapToObj(FakeEngine::image).toList();
    Image sheet = Grid.of(images, 2);
    int cellWidth = FakeEngine.WIDTH + Grid.GAP;
    int cellHeight = FakeEngine.HEIGHT + Grid.GAP;
    assertThat(sheet.width()).isEqualTo(2 * FakeEngine.WIDTH + Grid.GAP);
    assertThat(sheet.height()).isEqualTo(2 * FakeEngine.HEIGHT + Grid.GAP);
    for (int y = 0; y < sheet.height(); y++) {
      for (int x = 0; x < sheet.width(); x++) {
        int cell = y / cellHeight * 2 + x / cellWidth;
        boolean inside = cell < 3 && x % cellWidth < FakeEngine.WIDTH && y % cellHeight < FakeEngine.HEIGHT;
        int at = 3 * (y * sheet.width() + x);
        assertThat(sheet.rgb()[at]).isEqualTo(inside ? images.get(cell).rgb()[0] : (byte) 0xFF);
        assertThat(sheet.rgb()[at + 1]).isEqualTo(inside ? images.get(cell).rgb()[1] : (byte) 0xFF);
        assertThat(sheet.rgb()[at + 2]).isEqualTo(inside ? images.get(cell).rgb()[2] : (byte) 0xFF);
      }
    }
  }
}

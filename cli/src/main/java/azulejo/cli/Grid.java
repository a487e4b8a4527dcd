package azulejo.cli;

import azulejo.models.Image;
import java.util.Arrays;
import java.util.List;

/** Several pictures on one sheet. */
final class Grid {
  /** Pixels of white between neighbours: grounds may be of one colour. */
  static final int GAP = 2;

  private Grid() {}

  /** Columns for {@code images} pictures of {@code prompts} prompts: a row a prompt, or nearly a square where each has one picture or there is one prompt. */
  static int columns(int prompts, int images) {
    return prompts > 1 && images > prompts ? images / prompts : (int) Math.ceil(Math.sqrt(images));
  }

  /** @param images one or more of one size */
  static Image of(List<Image> images, int columns) {
    if (images.size() == 1) {
      return images.getFirst();
    }
    int cellWidth = images.getFirst().width();
    int cellHeight = images.getFirst().height();
    int rows = (images.size() + columns - 1) / columns;
    int width = columns * (cellWidth + GAP) - GAP;
    int height = rows * (cellHeight + GAP) - GAP;
    byte[] rgb = new byte[Math.multiplyExact(3, Math.multiplyExact(width, height))];
    Arrays.fill(rgb, (byte) 0xFF);
    for (int i = 0; i < images.size(); i++) {
      int left = i % columns * (cellWidth + GAP);
      int top = i / columns * (cellHeight + GAP);
      for (int y = 0; y < cellHeight; y++) {
        System.arraycopy(images.get(i).rgb(), 3 * y * cellWidth, rgb, 3 * ((top + y) * width + left), 3 * cellWidth);
      }
    }
    return new Image(width, height, rgb);
  }
}

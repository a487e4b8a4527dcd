package azulejo.cli;

import java.util.ArrayList;
import java.util.List;

/** Rows of text in aligned columns. */
final class Table {
  private static final String GAP = "  ";

  private Table() {}

  /** @param left how many of the first columns are aligned at the left; the others, numbers, at the right */
  static List<String> of(List<List<String>> rows, int left) {
    List<String> lines = new ArrayList<>();
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int column = 0; column < row.size(); column++) {
        int at = column;
        String padding = " ".repeat(rows.stream().mapToInt(r -> r.get(at).length()).max().orElse(0) - row.get(column).length());
        line.append(GAP).append(column < left ? row.get(column) + padding : padding + row.get(column));
      }
      lines.add(line.toString().stripTrailing());
    }
    return lines;
  }
}

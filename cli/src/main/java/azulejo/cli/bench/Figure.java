package azulejo.cli.bench;

import java.util.ArrayList;
import java.util.List;

/**
 * One measurement.
 *
 * @param part of the bench: "matmul", "amused-256", ...
 * @param name what was measured: sizes, format, ...; unlike within its part
 * @param seconds that it took once: a call of the op, a step, a request
 * @param value what a reader compares, in {@code unit}
 * @param beside what it may be compared with
 */
public record Figure(String part, String name, double seconds, double value, String unit, List<Beside> beside) {
  /** @param what unit, and whose number it is */
  public record Beside(double value, String what) {}

  public Figure {
    beside = List.copyOf(beside);
  }

  /** With another number beside it. */
  Figure and(double value, String what) {
    List<Beside> more = new ArrayList<>(beside);
    more.add(new Beside(value, what));
    return new Figure(part, name, seconds, this.value, unit, more);
  }
}

package azulejo.cli.parity;

import azulejo.kernels.HostTensor;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/** Compares values with golden ones, prints a line for each comparison, and counts. */
final class Checks {
  /** Of an 8-bit image's values, at most this part may be off, each by one level. */
  private static final double IMAGE_SLACK = 0.001;

  private final Consumer<String> out;
  private int passed;
  private int failed;

  Checks(Consumer<String> out) {
    this.out = out;
  }

  int passed() {
    return passed;
  }

  int failed() {
    return failed;
  }

  void section(String title) {
    out.accept("");
    out.accept(title);
  }

  /** A group of checks; what goes wrong on the way to them is one failed check, and the next group goes on. */
  void attempt(String name, Runnable group) {
    try {
      group.run();
    } catch (RuntimeException e) {
      report(name, false, e.getMessage() == null ? e.toString() : e.getMessage());
    }
  }

  /** Each element within {@code tolerance} of the golden one, absolutely; the shapes must be equal. */
  void close(String name, HostTensor golden, HostTensor value, double tolerance) {
    if (!golden.shape().equals(value.shape())) {
      report(name, false, "the shape is " + value.shape() + " instead of " + golden.shape());
      return;
    }
    double worst = 0;
    long at = 0;
    for (long i = 0; i < golden.shape().elements(); i++) {
      double error = difference(golden.doubleAt(i), value.doubleAt(i));
      if (error > worst) {
        worst = error;
        at = i;
      }
    }
    boolean fits = worst <= tolerance;
    report(name, fits, String.format(Locale.ROOT, "error %.1e, tolerance %.0e", worst, tolerance)
        + (fits ? "" : ": element " + at + " is " + value.doubleAt(at) + " instead of " + golden.doubleAt(at)));
  }

  /** {@link #close} where the golden tensor exists. */
  void closeIf(Goldens.Golden golden, String tensor, Supplier<HostTensor> value, double tolerance) {
    closeIf(golden, "", tensor, _ -> value.get(), tolerance);
  }

  /** {@link #close} where the golden tensor exists, for a value that is made to its layout; {@code prefix} is for the reader. */
  void closeIf(Goldens.Golden golden, String prefix, String tensor, UnaryOperator<HostTensor> value, double tolerance) {
    if (golden.has(tensor)) {
      HostTensor wanted = golden.tensor(tensor);
      close(prefix + tensor, wanted, value.apply(wanted), tolerance);
    }
  }

  /** Infinite where one of the two is not a number, or not finite and the other another. */
  private static double difference(double a, double b) {
    if (Double.compare(a, b) == 0 || a == b) {
      return 0;
    }
    double error = Math.abs(a - b);
    return Double.isNaN(error) ? Double.POSITIVE_INFINITY : error;
  }

  /** The same elements, shapes aside. */
  void equal(String name, HostTensor golden, int[] values) {
    equal(name, golden, Arrays.stream(values).asLongStream().toArray());
  }

  /** The same elements, shapes aside. */
  void equal(String name, HostTensor golden, long[] values) {
    long[] wanted = new long[Math.toIntExact(golden.shape().elements())];
    Arrays.setAll(wanted, golden::longAt);
    equal(name, wanted, values);
  }

  void equal(String name, long[] wanted, long[] values) {
    if (wanted.length != values.length) {
      report(name, false, values.length + " elements instead of " + wanted.length);
      return;
    }
    int first = Arrays.mismatch(wanted, values);
    long wrong = 0;
    for (int i = 0; i < wanted.length; i++) {
      wrong += wanted[i] == values[i] ? 0 : 1;
    }
    report(name, wrong == 0, wrong + " of " + wanted.length + " differ, tolerance 0"
        + (wrong == 0 ? "" : ": element " + first + " is " + values[first] + " instead of " + wanted[first]));
  }

  /** Every bit of every float. */
  void identical(String name, HostTensor golden, float[] values) {
    close(name, golden, HostTensor.of(name, values, golden.shape().toArray()), 0);
  }

  /** An 8-bit image may be off by one level where the exact value lies on the border between two, in fewer than one of a thousand places. */
  void image(String name, HostTensor golden, byte[] rgb) {
    if (golden.shape().elements() != rgb.length) {
      report(name, false, rgb.length + " values instead of " + golden.shape().elements());
      return;
    }
    long off = 0;
    long worst = 0;
    for (int i = 0; i < rgb.length; i++) {
      long error = Math.abs(golden.longAt(i) - (rgb[i] & 0xFF));
      worst = Math.max(worst, error);
      off += error == 0 ? 0 : 1;
    }
    report(name, worst <= 1 && off < IMAGE_SLACK * rgb.length,
        String.format(Locale.ROOT, "error %d, %d of %d differ, tolerance 1 in %.1f%%", worst, off, rgb.length, 100 * IMAGE_SLACK));
  }

  /** What a reader should know beside the checks. */
  void note(String text) {
    out.accept("  note   " + text);
  }

  void report(String name, boolean fits, String detail) {
    if (fits) {
      passed++;
    } else {
      failed++;
    }
    out.accept(String.format(Locale.ROOT, "  %-6s %-52s %s", fits ? "ok" : "FAILED", name, detail));
  }
}

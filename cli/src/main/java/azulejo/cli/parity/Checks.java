package azulejo.cli.parity;

import azulejo.kernels.HostTensor;
import azulejo.kernels.WeightFormat;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/** Compares values with golden ones, prints a line for each comparison, and counts. */
final class Checks {
  /** Of an 8-bit image's values, at most this part may be off, each by one level. */
  private static final double IMAGE_SLACK = 0.001;

  /** Times {@link #rounding}, how much narrow weights may move a value, as a part of its tensor's largest; see docs/cli.md. */
  private static final double THROUGH_LAYERS = 32;

  /** Why something cannot be compared. */
  static final String OTHERWISE = "another token was drawn before it, as narrow weights may";

  /** {@link #close} or {@link #denoised}. */
  @FunctionalInterface
  interface Comparison {
    void compare(String name, HostTensor golden, HostTensor value, double tolerance);
  }

  private final Consumer<String> out;
  private final WeightFormat format;
  private double rounding;
  private int passed;
  private int failed;

  /** @param format of the denoisers' linear layers */
  Checks(WeightFormat format, Consumer<String> out) {
    this.format = format;
    this.out = out;
  }

  /** That a denoiser is to be opened with. */
  WeightFormat format() {
    return format;
  }

  /** Whether a denoiser gives other values than the recorded ones by more than the order of its sums. */
  boolean narrow() {
    return format != WeightFormat.F32;
  }

  int passed() {
    return passed;
  }

  int failed() {
    return failed;
  }

  /** The {@link Rounding} of the model whose values are {@link #denoised} from now on. */
  void rounding(double ofWeights) {
    this.rounding = ofWeights;
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

  /**
   * {@link #close} for what linear layers of a denoiser have made: where their weights are narrow, {@code tolerance} grows by a part of the golden tensor's
   * largest magnitude.
   */
  void denoised(String name, HostTensor golden, HostTensor value, double tolerance) {
    double largest = 0;
    for (long i = 0; i < golden.shape().elements(); i++) {
      largest = Math.max(largest, Math.abs(golden.doubleAt(i)));
    }
    close(name, golden, value, tolerance + THROUGH_LAYERS * rounding * largest);
  }

  /**
   * What a run drew: every element must be the recorded one, unless the weights are narrow. Then races that were close may end otherwise, so the share is
   * told and not judged.
   *
   * @return whether what follows from the draws can be held against what followed from the recorded ones
   */
  boolean drawn(String name, HostTensor golden, int[] values) {
    if (!narrow()) {
      equal(name, golden, values);
      return true;
    }
    long same = golden.shape().elements() != values.length ? 0 : IntStream.range(0, values.length).filter(i -> golden.longAt(i) == values[i]).count();
    note(String.format(Locale.ROOT, "%-52s not judged: %d of %d are the recorded ones", name, same, values.length));
    return same == values.length;
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

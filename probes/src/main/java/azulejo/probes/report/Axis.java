package azulejo.probes.report;

import azulejo.probes.stats.Estimate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;

/**
 * A linear scale with ticks at round numbers.
 *
 * @param step between ticks, which are its multiples
 * @param from the pixel of {@code low}
 * @param to the pixel of {@code high}
 */
record Axis(double low, double high, double step, double from, double to) {

  /**
   * Ends on ticks.
   *
   * @param ticks about how many intervals between ticks there is room for
   */
  static Axis covering(double low, double high, int ticks, double from, double to) {
    double span = high - low;
    if (!(span > 1e-12 * Math.max(Math.abs(low), Math.abs(high)))) {
      span = low == 0 ? 1 : Math.abs(low) * 0.2;
      low -= low == 0 ? 0 : span / 2;
      high = low + span;
    }
    double rough = span / ticks;
    double power = Math.pow(10, Math.floor(Math.log10(rough)));
    double step = power * DoubleStream.of(1, 2, 5, 10).filter(m -> m * power >= rough * 0.75).findFirst().orElse(10);
    double tolerance = step * 1e-9;
    return new Axis(Math.floor((low + tolerance) / step) * step, Math.ceil((high - tolerance) / step) * step, step, from, to);
  }

  /**
   * A horizontal axis for all numbers and their intervals, which ends close to them, with as many ticks as there is room for
   * their labels.
   */
  static Axis lying(Collection<Estimate> estimates, boolean zero, double from, double to) {
    DoubleSummaryStatistics range = range(estimates, zero);
    double margin = (range.getMax() - range.getMin()) * 0.03;
    for (int ticks = 5; ; ticks--) {
      Axis round = covering(estimates, zero, ticks, from, to);
      double low = zero && range.getMin() == 0 ? 0 : Math.max(round.low, range.getMin() - margin);
      Axis axis = margin > 0 ? new Axis(low, Math.min(round.high, range.getMax() + margin), round.step, from, to) : round;
      double widest = axis.ticks().stream().mapToDouble(t -> Svg.widthOf(axis.label(t))).max().orElse(0);
      if (widest + 6 <= axis.step / (axis.high - axis.low) * (to - from) || ticks == 1) {
        return axis;
      }
    }
  }

  /** Covers all numbers and their intervals. */
  static Axis covering(Collection<Estimate> estimates, boolean zero, int ticks, double from, double to) {
    DoubleSummaryStatistics range = range(estimates, zero);
    return range.getCount() == 0 ? covering(0, 1, ticks, from, to) : covering(range.getMin(), range.getMax(), ticks, from, to);
  }

  private static DoubleSummaryStatistics range(Collection<Estimate> estimates, boolean zero) {
    DoubleStream ends = estimates.stream()
        .flatMapToDouble(e -> e.hasInterval() ? DoubleStream.of(e.value(), e.low(), e.high()) : DoubleStream.of(e.value()))
        .filter(Double::isFinite);
    return (zero ? DoubleStream.concat(ends, DoubleStream.of(0)) : ends).summaryStatistics();
  }

  double at(double x) {
    return from + (Math.clamp(x, low, high) - low) / (high - low) * (to - from);
  }

  List<Double> ticks() {
    List<Double> ticks = new ArrayList<>();
    for (long i = (long) Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
      ticks.add(i * step);
    }
    return ticks;
  }

  String label(double tick) {
    if (step < 1e-5 || step >= 1e6) {
      return tick == 0 ? "0" : String.format(Locale.ROOT, "%.1e", tick).replace('-', '\u2212');
    }
    int decimals = (int) Math.clamp(-Math.floor(Math.log10(step) + 1e-9), 0, 6);
    return String.format(Locale.ROOT, "%." + decimals + "f", Math.abs(tick) < step / 2 ? 0.0 : tick).replace('-', '\u2212');
  }
}

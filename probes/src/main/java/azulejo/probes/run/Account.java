package azulejo.probes.run;

import azulejo.probes.Results.Quantity;
import azulejo.probes.Results.Standing;
import java.util.List;

/** What the entropy ledger of one image comes to. */
public record Account(List<Total> totals, List<Curve> curves) {
  public static final Account NONE = new Account(List.of(), List.of());

  /** @param nats of the whole image */
  public record Total(Quantity quantity, String estimator, Standing standing, double nats) {}

  /**
   * A quantity over the schedule.
   *
   * @param unit "nats" or empty, see {@link azulejo.probes.Results.Curve}
   * @param values one a step, NaN for a step without it
   */
  public record Curve(String quantity, String unit, List<Double> values) {
    public Curve {
      values = List.copyOf(values);
    }
  }

  public Account {
    totals = List.copyOf(totals);
    curves = List.copyOf(curves);
  }
}

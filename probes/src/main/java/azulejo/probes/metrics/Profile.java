package azulejo.probes.metrics;

import azulejo.probes.Results;
import azulejo.probes.Results.Role;
import azulejo.runtime.OptionException;

/**
 * What a value means: a metric's value says nothing without the implementation that it follows, its network and its weights.
 *
 * @param name as it is asked for: {@code lpips:alex-0.1}
 * @param label for an axis: "LPIPS (AlexNet)"
 * @param smallerIsMore whether a smaller value means more diversity or quality
 * @param weights the {@linkplain azulejo.runtime.checkpoint.Fingerprint fingerprint} of the network's weights, or empty where there is none
 */
public record Profile(String name, String label, Role role, boolean smallerIsMore, String weights) {
  /** Of a metric without a network. */
  public static Profile of(String name, String label, Role role, boolean smallerIsMore) {
    return new Profile(name, label, role, smallerIsMore, "");
  }

  /** The exact name, for example {@code lpips:alex-0.1@0c5d3f81}: values with different ids are not comparable. */
  public String id() {
    return weights.isEmpty() ? name : name + "@" + weights;
  }

  /** @throws OptionException when a value of this profile must not be compared with one of {@code other} */
  public void requireComparable(String other) {
    if (!id().equals(other)) {
      throw new OptionException("a value of " + id() + " cannot be compared with one of " + other + ": they measure different things");
    }
  }

  /** For the results of a run. */
  public Results.Metric metric() {
    return new Results.Metric(id(), label, role, smallerIsMore);
  }
}

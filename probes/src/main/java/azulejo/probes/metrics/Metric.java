package azulejo.probes.metrics;

/** A number that says how diverse or how good images are. What it is computed from decides which of the three kinds it is. */
public sealed interface Metric permits SetMetric, ImageMetric, CollectionMetric {
  Profile profile();
}

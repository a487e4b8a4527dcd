/**
 * How diverse and how good images are, by metrics whose names say exactly what they are.
 *
 * <p>A {@link azulejo.probes.metrics.Specimen} is an image with its caption and its tokens, where they are known. A {@link
 * azulejo.probes.metrics.Metric} is one of three kinds:
 * <ul>
 *   <li>{@link azulejo.probes.metrics.SetMetric}: one value of a set. Diversity is measured within the images of a prompt, over all unique pairs, and averaged
 *       over prompts by the caller. A set's specimens remember what the networks saw, so that many metrics cost one pass each.
 *   <li>{@link azulejo.probes.metrics.ImageMetric}: one value an image, such as its agreement with the caption.
 *   <li>{@link azulejo.probes.metrics.CollectionMetric}: a distance between two collections. Its features are plain vectors, stored as images come.
 * </ul>
 *
 * <p>How a run measures a prompt's set:
 * <pre>{@code
 * try (Metrics metrics = new Metrics(new Networks(Optional.of(clip), Optional.of(lpips), Optional.empty()), backend)) {
 *   List<Specimen> set = ...;                       // the images of one prompt under one condition
 *   for (String name : names) {
 *     switch (metrics.open(name)) {
 *       case SetMetric m -> store(m.profile(), m.of(set));
 *       case ImageMetric m -> store(m.profile(), m.mean(m.of(set)));
 *       case CollectionMetric m -> keep(m.featureId(), m.features(set));   // and at the end m.distance(kept, reference)
 *     }
 *   }
 * }
 * }</pre>
 *
 * <p>Values carry a {@link azulejo.probes.metrics.Profile}: values with different {@link azulejo.probes.metrics.Profile#id ids} measure different things
 * and are never compared. All results are the same for any order of the images, batch size and number of threads, up to rounding.
 */
package azulejo.probes.metrics;

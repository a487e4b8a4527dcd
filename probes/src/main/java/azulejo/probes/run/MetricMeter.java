package azulejo.probes.run;

import azulejo.kernels.Backend;
import azulejo.models.Png;
import azulejo.probes.Results;
import azulejo.probes.experiment.Measures;
import azulejo.probes.metrics.CollectionMetric;
import azulejo.probes.metrics.ImageMetric;
import azulejo.probes.metrics.Metric;
import azulejo.probes.metrics.Metrics;
import azulejo.probes.metrics.Networks;
import azulejo.probes.metrics.SetMetric;
import azulejo.probes.metrics.Specimen;
import azulejo.runtime.Cancelled;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/** Measures with {@link Metrics}. */
final class MetricMeter implements Meter {
  /** How many reference images are looked at together. */
  private static final int TOGETHER = 16;

  private final Backend backend;
  private final Metrics metrics;
  private final List<Metric> used;
  private final Map<String, List<float[]>> reference = new HashMap<>();

  private MetricMeter(Backend backend, Metrics metrics, List<Metric> used) {
    this.backend = backend;
    this.metrics = metrics;
    this.used = used;
  }

  /** Loads the networks and looks at the reference images. */
  static MetricMeter open(Measures measures, Backend backend, RunListener listener) {
    Metrics metrics = new Metrics(new Networks(measures.clip(), measures.lpips(), measures.inception()), backend);
    MetricMeter meter = null;
    try {
      meter = new MetricMeter(backend, metrics, measures.names().stream().map(metrics::open).toList());
      if (meter.used.stream().anyMatch(CollectionMetric.class::isInstance)) {
        meter.lookAt(ModelWorkshop.pictures(measures.reference().orElseThrow()), listener);
      }
      return meter;
    } catch (RuntimeException | Error e) {
      metrics.close();
      backend.close();
      throw e;
    }
  }

  private void lookAt(List<Path> pictures, RunListener listener) {
    for (int from = 0; from < pictures.size(); from += TOGETHER) {
      if (listener.cancelled()) {
        throw new Cancelled();
      }
      List<Specimen> specimens = pictures.subList(from, Math.min(from + TOGETHER, pictures.size())).stream()
          .map(file -> Specimen.of(file.toString(), Png.decode(file.toString(), Executor.read(file))))
          .toList();
      features(specimens).forEach((kind, vectors) -> reference.computeIfAbsent(kind, _ -> new ArrayList<>()).addAll(vectors));
    }
  }

  /** By kind, a vector for each image. */
  private Map<String, List<float[]>> features(List<Specimen> specimens) {
    Map<String, List<float[]>> features = new LinkedHashMap<>();
    for (Metric metric : used) {
      if (metric instanceof CollectionMetric collection) {
        features.computeIfAbsent(collection.featureId(), _ -> collection.features(specimens));
      }
    }
    return features;
  }

  @Override
  public Reading set(List<Subject> images) {
    List<Specimen> specimens = specimens(images);
    Map<Results.Metric, Double> values = new LinkedHashMap<>();
    for (Metric metric : used) {
      switch (metric) {
        case SetMetric set when !ofSeveralCaptions(metric) -> values.put(metric.profile().metric(), set.of(specimens));
        case ImageMetric image -> values.put(metric.profile().metric(), Arrays.stream(image.of(specimens)).average().orElseThrow());
        default -> {}
      }
    }
    Map<String, List<float[]>> features = features(specimens);
    List<Map<String, float[]>> byImage = IntStream.range(0, images.size()).mapToObj(i -> {
      Map<String, float[]> vectors = new LinkedHashMap<>();
      features.forEach((kind, all) -> vectors.put(kind, all.get(i)));
      return vectors;
    }).toList();
    return new Reading(values, byImage);
  }

  @Override
  public Map<Results.Metric, Double> whole(Images images, Features features) {
    Map<Results.Metric, Double> values = new LinkedHashMap<>();
    List<Specimen> specimens = used.stream().anyMatch(MetricMeter::ofSeveralCaptions) ? specimens(images.all()) : List.of();
    for (Metric metric : used) {
      switch (metric) {
        case CollectionMetric collection -> values.put(metric.profile().metric(),
            collection.distance(features.of(collection.featureId()), reference.get(collection.featureId())));
        case SetMetric set when ofSeveralCaptions(metric) -> values.put(metric.profile().metric(), set.of(specimens));
        default -> {}
      }
    }
    return values;
  }

  /** Conditional Vendi scores tell apart what images of several captions owe to them, so they are of a whole condition. */
  private static boolean ofSeveralCaptions(Metric metric) {
    return metric.profile().name().startsWith("cond-vendi:") || metric.profile().name().startsWith("info-vendi:");
  }

  private static List<Specimen> specimens(List<Subject> images) {
    return images.stream().map(image -> new Specimen(image.name(), image.image(), Optional.of(image.caption()), Optional.of(image.tokens()))).toList();
  }

  @Override
  public void close() {
    metrics.close();
    backend.close();
  }
}

package azulejo.probes.experiment;

import azulejo.kernels.WeightFormat;
import azulejo.models.GenerationRequest;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * A checkpoint and how it is sampled in every condition; what is empty is left to the model.
 *
 * @param name unique in the experiment, part of file names
 * @param usage how often each code is used, counted before: a usage file; where it is empty the run counts its reference images' codes
 */
public record Model(String name, Path folder, OptionalInt steps, OptionalDouble guidance, OptionalInt guidanceInterval, List<Double> temperature, OptionalInt topK,
    OptionalDouble topP, OptionalDouble truncation, WeightFormat weights, Optional<Path> usage) {

  public Model {
    temperature = List.copyOf(temperature);
  }

  /** Puts the settings into a request. */
  public void apply(GenerationRequest.Builder request) {
    steps.ifPresent(request::steps);
    guidance.ifPresent(request::guidance);
    guidanceInterval.ifPresent(request::guidanceInterval);
    request.temperature(temperature);
    topK.ifPresent(request::topK);
    topP.ifPresent(request::topP);
    truncation.ifPresent(request::truncation);
  }

  /** As the configuration has it. */
  Map<String, Object> fields() {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("folder", folder.toString());
    steps.ifPresent(value -> fields.put("steps", value));
    guidance.ifPresent(value -> fields.put("guidance", value));
    guidanceInterval.ifPresent(value -> fields.put("guidance-interval", value));
    if (!temperature.isEmpty()) {
      fields.put("temperature", temperature);
    }
    topK.ifPresent(value -> fields.put("top-k", value));
    topP.ifPresent(value -> fields.put("top-p", value));
    truncation.ifPresent(value -> fields.put("truncation", value));
    if (weights != WeightFormat.F32) {
      fields.put("weights", weights.label());
    }
    usage.ifPresent(file -> fields.put("usage", file.toString()));
    return fields;
  }
}

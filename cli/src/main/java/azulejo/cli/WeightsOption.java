package azulejo.cli;

import azulejo.kernels.WeightFormat;
import azulejo.runtime.OptionException;
import java.util.Arrays;
import java.util.List;
import picocli.CommandLine.Option;

/** How the weights of a model are kept. */
final class WeightsOption {
  @Option(names = "--weights", paramLabel = "FORMAT", defaultValue = "f32",
      description = "Keep the weights of the linear layers that a step reads as f32, bf16, f16 (backend cuda or reference) or int8: narrower ones are read faster and are less exact"
          + " (default: ${DEFAULT-VALUE}).")
  private String label;

  WeightFormat format() {
    return Arrays.stream(WeightFormat.values()).filter(format -> format.label().equalsIgnoreCase(label)).findFirst()
        .orElseThrow(() -> new OptionException("--weights must be " + choices() + ", not '" + label + "'"));
  }

  /** f32, bf16, f16 or int8 */
  private static String choices() {
    List<String> labels = Arrays.stream(WeightFormat.values()).map(WeightFormat::label).toList();
    return String.join(", ", labels.subList(0, labels.size() - 1)) + " or " + labels.getLast();
  }
}

package azulejo.cli;

import azulejo.runtime.Cancelled;
import azulejo.weights.Conversion;
import azulejo.weights.Quantization;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "quantize",
    description = {
      "Copy a part of a model with the weights of its linear layers as signed bytes, a scale for each row, and report what that loses.",
      "The copy is loaded like the original, whose place it takes in the model's folder; with generate --weights int8 its bytes are computed with."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  azulejo weights quantize llamagen/t2i_XL_stage1_256.pt llamagen-int8/t2i_XL_stage1_256.safetensors",
      "  azulejo weights quantize llamagen/flan-t5-xl llamagen-int8/flan-t5-xl/model.safetensors"
    })
final class WeightsQuantizeCommand implements Runnable {
  private static final int WORST = 5;

  private final Environment environment;

  @Parameters(index = "0", paramLabel = "IN", description = "A weights file, or a component's folder.")
  private Path in;

  @Parameters(index = "1", paramLabel = "OUT", description = "A .safetensors file.")
  private Path out;

  @Option(names = "--tensors", description = "Report every tensor, not only the five that lose most.")
  private boolean tensors;

  @Option(names = "--quiet", description = "Print nothing but errors.")
  private boolean quiet;

  WeightsQuantizeCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public void run() {
    StatusLine status = new StatusLine(environment.err(), quiet, environment.columns());
    long start = System.nanoTime();
    Quantization.Summary summary;
    try (Interrupt.Stretch _ = environment.interrupt().stoppable()) {
      summary = Quantization.quantize(environment.resolve(in), out, (bytes, total) -> {
        if (environment.interrupt().requested()) {
          throw new Cancelled();
        }
        status.show(String.format(Locale.ROOT, "writing, %.2f of %.2f GB", bytes / 1e9, total / 1e9));
      });
    } finally {
      status.clear();
    }
    status.println(String.format(Locale.ROOT, "wrote %s: %d of %d tensors as bytes, %s instead of %s, %.1f s", out, summary.losses().size(), summary.tensors(),
        WeightsInspectCommand.bytes(summary.bytes()), WeightsInspectCommand.bytes(summary.bytesBefore()), (System.nanoTime() - start) / 1e9));
    if (!quiet) {
      report(summary).forEach(environment.out()::println);
    }
  }

  private List<String> report(Quantization.Summary summary) {
    List<Quantization.Loss> shown = tensors ? summary.losses()
        : summary.losses().stream().sorted(Comparator.comparingDouble(Quantization.Loss::relative).reversed()).limit(WORST).toList();
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("tensor", "shape", "error, RMS", "largest"));
    shown.forEach(loss -> rows.add(List.of(loss.name(), loss.shape().toString(), percent(loss.relative()),
        String.format(Locale.ROOT, "%.2e", loss.largest()))));
    rows.add(List.of("all " + summary.losses().size(), "", percent(summary.relative()), ""));
    return Table.of(rows, 2);
  }

  private static String percent(double part) {
    return String.format(Locale.ROOT, "%.2f %%", 100 * part);
  }
}

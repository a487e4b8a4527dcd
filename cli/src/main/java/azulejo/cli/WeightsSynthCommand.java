package azulejo.cli;

import azulejo.kernels.DType;
import azulejo.runtime.Cancelled;
import azulejo.runtime.OptionException;
import azulejo.weights.Synth;
import java.nio.file.Path;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "synth",
    description = {
      "Write a checkpoint of random weights in a published model's layout and size.",
      "For measuring time and memory where the real weights cannot be had: its pictures show noise. The same kind and type give the same bytes everywhere."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  azulejo weights synth amused-256 /tmp/amused-256",
      "  azulejo weights synth amused-512 /tmp/amused-512 --dtype f16",
      "  azulejo weights synth llamagen-XL /tmp/llamagen-XL",
      "  azulejo generate --model /tmp/amused-256 --prompt \"noise\" --steps 12 --out noise.png"
    })
final class WeightsSynthCommand implements Runnable {
  private final Environment environment;

  @Parameters(index = "0", paramLabel = "KIND", description = "amused-256, amused-512, vqdiffusion-ithq, llamagen-XL (of captions), or, of classes, "
        + "llamagen-B, llamagen-B-384, llamagen-L, llamagen-XL-classes, llamagen-XXL or llamagen-3B.")
  private String kind;

  @Parameters(index = "1", paramLabel = "DIR", description = "A new or an empty folder.")
  private Path dir;

  @Option(names = "--dtype", paramLabel = "TYPE", defaultValue = "f32", description = "f32, or f16 for half the size (default: ${DEFAULT-VALUE}).")
  private String dtype;

  @Option(names = "--quiet", description = "Print nothing but errors.")
  private boolean quiet;

  WeightsSynthCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public void run() {
    DType type = switch (dtype) {
      case "f32" -> DType.F32;
      case "f16" -> DType.F16;
      default -> throw new OptionException("--dtype must be f32 or f16, not '" + dtype + "'");
    };
    StatusLine status = new StatusLine(environment.err(), quiet, environment.columns());
    long start = System.nanoTime();
    Synth.Summary summary;
    try (Interrupt.Stretch _ = environment.interrupt().stoppable()) {
      summary = Synth.write(kind, dir, type, (component, bytes, total) -> {
        if (environment.interrupt().requested()) {
          throw new Cancelled();
        }
        status.show(String.format(Locale.ROOT, "writing %s, %.2f of %.2f GB", component, bytes / 1e9, total / 1e9));
      });
    } finally {
      status.clear();
    }
    status.println(String.format(Locale.ROOT, "wrote %s: %.1f M parameters, %.2f GB, %.1f s", dir, summary.parameters() / 1e6, summary.bytes() / 1e9,
        (System.nanoTime() - start) / 1e9));
  }
}

package azulejo.cli;

import azulejo.kernels.DType;
import azulejo.runtime.Cancelled;
import azulejo.runtime.OptionException;
import azulejo.weights.Conversion;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "convert",
    description = {
      "Copy a checkpoint into a safetensors file: a file of torch.save (.pt, .pth, .bin, .ckpt; nothing in it is executed), a sharded folder, or another "
          + "safetensors file.",
      "Names and shapes stay, tensors that share their memory are kept once, and the file's digest goes into the SHA256SUMS beside it."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  azulejo weights convert t2i_XL_stage1_256.pt t2i_XL_stage1_256.safetensors",
      "  azulejo weights convert flan-t5-xl t5.safetensors --dtype bf16",
      "  azulejo weights convert training.ckpt ema.safetensors --from ema"
    })
final class WeightsConvertCommand implements Runnable {
  private final Environment environment;

  @Parameters(index = "0", paramLabel = "IN", description = "A weights file, a component's folder, or an index of shards.")
  private Path in;

  @Parameters(index = "1", paramLabel = "OUT", description = "A .safetensors file.")
  private Path out;

  @Option(names = "--dtype", paramLabel = "TYPE", description = "f32, f16 or bf16 for all floats (default: each tensor's own type).")
  private String dtype;

  @Option(names = "--from", paramLabel = "PART", description = "Which part of a file of torch.save: model, module, state_dict, ema, another key, or all "
      + "(default: the first of these four that is there, as when it is loaded).")
  private String from;

  @Option(names = "--quiet", description = "Print nothing but errors.")
  private boolean quiet;

  WeightsConvertCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public void run() {
    Optional<DType> floats = Optional.ofNullable(dtype).map(name -> switch (name) {
      case "f32" -> DType.F32;
      case "f16" -> DType.F16;
      case "bf16" -> DType.BF16;
      default -> throw new OptionException("--dtype must be f32, f16 or bf16, not '" + name + "'");
    });
    StatusLine status = new StatusLine(environment.err(), quiet, environment.columns());
    long start = System.nanoTime();
    Conversion.Summary summary;
    try (Interrupt.Stretch _ = environment.interrupt().stoppable()) {
      summary = Conversion.convert(environment.resolve(in), out, floats, Optional.ofNullable(from), (bytes, total) -> {
        if (environment.interrupt().requested()) {
          throw new Cancelled();
        }
        status.show(String.format(Locale.ROOT, "writing, %.2f of %.2f GB", bytes / 1e9, total / 1e9));
      });
    } finally {
      status.clear();
    }
    status.println(String.format(Locale.ROOT, "wrote %s: %d tensors%s, %s, %.1f s", out, summary.tensors(),
        summary.shared() == 0 ? "" : " under " + (summary.tensors() + summary.shared()) + " names", WeightsInspectCommand.bytes(summary.bytes()),
        (System.nanoTime() - start) / 1e9));
    summary.others().forEach(other -> status.println("the file also has \"" + other + "\": --from " + other + " takes that"));
  }
}

package azulejo.cli;

import azulejo.runtime.Cancelled;
import azulejo.weights.HubSettings;
import azulejo.weights.Pull;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "pull",
    description = {
      "Fetch a model from a hub into the cache that huggingface_hub uses too, and print its folder.",
      "Only the files that a model is loaded from; each one's digest is checked before it gets its name. An interrupted pull goes on where it stopped."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  azulejo generate --model \"$(azulejo weights pull amused/amused-256)\" --prompt \"a fox\"",
      "  azulejo weights pull peizesun/llamagen_t2i --include t2i_XL_stage1_256.pt --include vq_ds16_t2i.pt",
      "  HF_TOKEN=hf_... HF_HOME=/data/hf azulejo weights pull owner/private-model --revision v2"
    })
final class WeightsPullCommand implements Runnable {
  private final Environment environment;

  @Parameters(paramLabel = "REPO", description = "OWNER/NAME, such as amused/amused-256.")
  private String repository;

  @Option(names = "--revision", paramLabel = "REV", defaultValue = "main", description = "A branch, a tag or a commit (default: ${DEFAULT-VALUE}).")
  private String revision;

  @Option(names = "--include", paramLabel = "PATTERN", description = "Fetch the files that match, * within a folder and ** across, instead of those that a "
      + "model is loaded from. May be given more than once.")
  private List<String> include = List.of();

  @Option(names = "--variant", paramLabel = "NAME", defaultValue = "", description = "Weights of this variant, such as fp16, where a folder has them.")
  private String variant;

  @Option(names = "--quiet", description = "Print nothing but the folder and errors.")
  private boolean quiet;

  WeightsPullCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public void run() {
    HubSettings settings = HubSettings.of(System.getenv());
    StatusLine status = new StatusLine(environment.err(), quiet, environment.columns());
    long start = System.nanoTime();
    Pull.Summary summary;
    try (Interrupt.Stretch _ = environment.interrupt().stoppable()) {
      summary = Pull.pull(settings, new Pull.Request(repository, revision, include, variant), (file, done, total) -> {
        if (environment.interrupt().requested()) {
          throw new Cancelled();
        }
        status.show(line(file, done, total, (System.nanoTime() - start) / 1e9));
      });
    } finally {
      status.clear();
    }
    status.println(String.format(Locale.ROOT, "%d files, %s, of which %s were fetched in %.0f s", summary.files().size(),
        WeightsInspectCommand.bytes(summary.bytes()), WeightsInspectCommand.bytes(summary.fetched()), (System.nanoTime() - start) / 1e9));
    environment.out().println(Path.of("").toAbsolutePath().resolve(summary.snapshot()).normalize().toString());
  }

  private static String line(String file, long done, long total, double seconds) {
    return String.format(Locale.ROOT, "%3.0f %%, %.2f of %.2f GB, %.0f s: %s", total == 0 ? 100 : 100.0 * done / total, done / 1e9, total / 1e9, seconds, file);
  }
}

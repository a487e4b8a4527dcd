package azulejo.cli;

import azulejo.models.GeneratedImage;
import azulejo.runtime.AtomicFile;
import azulejo.runtime.OptionException;
import azulejo.runtime.ledger.EntropyLedger;
import azulejo.runtime.ledger.Estimate;
import azulejo.runtime.sampling.Usage;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.LongStream;
import tools.jackson.databind.json.JsonMapper;

/** The ledger of a run as files: a line of JSON for each step of each image, in nats, and beside it a CSV of what they add up to, in bits. */
final class LedgerFiles {
  private static final String ENDING = ".jsonl";

  private LedgerFiles() {}

  /** The summary that goes with a ledger. */
  static Path summary(Path ledger) {
    String name = ledger.getFileName().toString();
    if (!name.endsWith(ENDING)) {
      throw new OptionException("--ledger " + ledger + " must end in " + ENDING + "; its summary is written beside it as .csv");
    }
    return ledger.resolveSibling(name.substring(0, name.length() - ENDING.length()) + ".csv");
  }

  /**
   * @param codes V
   * @param drawn how often each code was drawn, draws that were thrown away too; without any, none were counted
   */
  static void write(List<GeneratedImage> images, int codes, long[] drawn, Path file) {
    StringBuilder lines = new StringBuilder();
    StringBuilder csv = new StringBuilder("image,prompt,index,quantity,estimator,kind,bits,bits_per_token\n");
    for (int number = 0; number < images.size(); number++) {
      GeneratedImage image = images.get(number);
      EntropyLedger ledger = image.ledger().orElseThrow();
      for (EntropyLedger.Step step : ledger.steps()) {
        lines.append(JsonMapper.shared().writeValueAsString(line(number, image, ledger, step))).append('\n');
      }
      for (Estimate estimate : ledger.estimates()) {
        csv.append(number).append(',').append(quoted(image.prompt())).append(',').append(image.index()).append(',').append(quoted(estimate.quantity()))
            .append(',').append(quoted(estimate.estimator())).append(',').append(estimate.kind().name().toLowerCase(Locale.ROOT).replace('_', ' '))
            .append(String.format(Locale.ROOT, ",%.4f,%.6f%n", estimate.bits(), estimate.bits() / ledger.cells()));
      }
    }
    usage(csv, "codes of the pictures", Usage.count(images.stream().map(GeneratedImage::tokens).toList(), codes, "the pictures"));
    if (LongStream.of(drawn).sum() > 0) {
      usage(csv, "codes drawn", new Usage(drawn, "the draws"));
    }
    AtomicFile.write(file, lines.toString().getBytes(StandardCharsets.UTF_8));
    AtomicFile.write(summary(file), csv.toString().getBytes(StandardCharsets.UTF_8));
  }

  /** H(Z) of all pictures together, a token's. */
  private static void usage(StringBuilder csv, String what, Usage usage) {
    csv.append(String.format(Locale.ROOT, "all,,,H(Z),\"%s, %d of %d, by frequency\",lower bound,,%.6f%n", what, usage.used(), usage.counts().length,
        usage.entropy() / Math.log(2)));
    csv.append(String.format(Locale.ROOT, "all,,,H(Z),\"%s, corrected as by Miller and Madow\",nearly unbiased,,%.6f%n", what,
        usage.entropyMillerMadow() / Math.log(2)));
  }

  private static Map<String, Object> line(int number, GeneratedImage image, EntropyLedger ledger, EntropyLedger.Step step) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("image", number);
    line.put("index", image.index());
    line.put("step", step.step() + 1);
    line.put("steps", ledger.steps().size());
    line.put("drawn", step.drawn());
    line.put("settled", step.settled());
    line.put("argmax", !step.random());
    line.put("entropy_guided", step.guided());
    line.put("entropy_subset", step.subset());
    line.put("entropy_tempered", step.tempered());
    line.put("entropy_truncated", step.truncated());
    line.put("kept_mass", step.kept());
    switch (ledger.walk()) {
      case RASTER -> line.put("surprisal", step.surprisal());
      case MASKED -> {
        line.put("surprisal", step.surprisal());
        line.put("surprisal_of_kept_tokens", step.settledSurprisal());
        line.put("path_surprisal", step.pathSurprisal());
        line.put("path_entropy_at_most", step.pathAtMost());
      }
      case DENOISING -> {
        line.put("transition_entropy", step.pathEntropy() + step.moved().entropy());
        line.put("transition_surprisal", step.pathSurprisal() + step.moved().surprisal());
        line.put("transition_entropy_of_staying", step.stayEntropy());
      }
    }
    return line;
  }

  private static String quoted(String text) {
    return '"' + text.replace("\"", "\"\"") + '"';
  }
}

package azulejo.kernels.cuda;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Chooses between ways to compute one thing by timing them on the device: once for each size, then from a file that belongs to the kind of device, so that one
 * machine computes in the same way from run to run.
 */
final class Tuner {
  private static final int RUNS = 5;

  /** A way to compute it: writes to memory that is good for nothing else. */
  record Candidate(String name, Runnable run) {}

  /** What was found: milliseconds of each candidate, in their order. */
  private record Choice(String name, String times) {}

  private final Driver driver;
  private final Path file;
  private final Map<String, Choice> known = new LinkedHashMap<>();
  private final Map<String, Choice> used = new LinkedHashMap<>();

  /** @param folder for the file */
  Tuner(Driver driver, Path folder) {
    this.driver = driver;
    Driver.Device d = driver.device();
    this.file = folder.resolve("choices-" + d.name().replaceAll("\\W+", "-") + "-cuda" + d.version() + ".tsv");
    try {
      for (String line : Files.readAllLines(file)) {
        String[] fields = line.split("\t");
        if (fields.length == 3) {
          known.put(fields[0], new Choice(fields[1], fields[2]));
        }
      }
    } catch (IOException e) {
      // nothing is known yet
    }
  }

  /** The fastest of at least one candidate for {@code what}, a text that says all that the time depends on. */
  Candidate choose(String what, List<Candidate> candidates) {
    Choice choice = known.get(what);
    if (choice == null) {
      choice = driver.beforeRecording(() -> measure(candidates));
      known.put(what, choice);
      write(what, choice);
    }
    used.put(what, choice);
    String name = choice.name;
    return candidates.stream().filter(c -> c.name.equals(name)).findFirst().orElse(candidates.getFirst());
  }

  private Choice measure(List<Candidate> candidates) {
    List<String> times = new ArrayList<>();
    String best = "";
    float least = Float.POSITIVE_INFINITY;
    for (Candidate candidate : candidates) {
      candidate.run.run();
      float[] runs = new float[RUNS];
      for (int i = 0; i < RUNS; i++) {
        try (Driver.Mark from = driver.mark()) {
          candidate.run.run();
          try (Driver.Mark to = driver.mark()) {
            runs[i] = to.since(from);
          }
        }
      }
      Arrays.sort(runs);
      float median = runs[RUNS / 2];
      times.add(String.format(Locale.ROOT, "%s %.4f ms", candidate.name, median));
      if (median < least) {
        least = median;
        best = candidate.name;
      }
    }
    return new Choice(best, String.join(", ", times));
  }

  private void write(String what, Choice choice) {
    try {
      Files.createDirectories(file.getParent());
      Files.writeString(file, what + "\t" + choice.name + "\t" + choice.times + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException e) {
      // the next run measures again
    }
  }

  /** A line for each size that this process came across. */
  List<String> choices() {
    return used.entrySet().stream().map(e -> e.getKey() + ": " + e.getValue().times + ": " + e.getValue().name).toList();
  }
}

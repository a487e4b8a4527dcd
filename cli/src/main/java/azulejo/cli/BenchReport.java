package azulejo.cli;

import azulejo.cli.bench.Bench;
import azulejo.cli.bench.Figure;
import azulejo.kernels.Backend;
import azulejo.kernels.DeviceException;
import azulejo.runtime.AtomicFile;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.OptionException;
import azulejo.runtime.checkpoint.Json;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Prints the figures of a bench part by part, and keeps them in a file: a bench that is cut short leaves what it has measured. */
final class BenchReport implements Bench.Listener {
  private final StandardOutput out;
  private final StatusLine status;
  private final Path json;
  private final Map<String, Object> root = new LinkedHashMap<>();
  private final List<Figure> figures = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();
  private final Map<String, List<String>> choices = new LinkedHashMap<>();
  private final Map<String, String> failures = new LinkedHashMap<>();
  private int printed;

  /** @param json null for no file */
  BenchReport(StandardOutput out, StatusLine status, Path json, Backend backend) {
    this.out = out;
    this.status = status;
    this.json = json;
    root.put("azulejo", Version.number());
    root.put("java", Runtime.version().toString());
    root.put("system", System.getProperty("os.name") + " " + System.getProperty("os.version") + ", " + System.getProperty("os.arch"));
    root.put("processors", Runtime.getRuntime().availableProcessors());
    root.put("backend", backend.name());
    root.put("device", backend.description());
    root.put("figures", figures);
    root.put("choices", choices);
    root.put("notes", notes);
    root.put("failures", failures);
    out.println(backend.name() + ": " + backend.description());
    out.flush();
  }

  /** What another engine measured: an object with a text {@code what} and an object {@code seconds} of numbers. */
  static Bench.Peer peer(Path file) {
    JsonNode node = Json.object(file);
    JsonNode seconds = node.path("seconds");
    if (!node.path("what").isString() || !seconds.isObject() || !seconds.valueStream().allMatch(value -> value.isNumber() && value.doubleValue() > 0)) {
      throw new OptionException(file + " holds no times of another engine: it needs a text \"what\" and an object \"seconds\" of numbers above 0, as bench/torch_rival.py"
          + " prints them");
    }
    return new Bench.Peer(node.path("what").stringValue(), seconds.propertyStream().collect(Collectors.toMap(Map.Entry::getKey, e -> e.getValue().doubleValue())));
  }

  boolean succeeded() {
    return failures.isEmpty();
  }

  @Override
  public void doing(String what) {
    status.show(what + " ...");
  }

  @Override
  public void note(String sentence) {
    notes.add(sentence);
    status.println("note: " + sentence);
  }

  @Override
  public void measured(Figure figure) {
    figures.add(figure);
  }

  @Override
  public void finished(String part, List<String> choices) {
    if (!choices.isEmpty()) {
      this.choices.put(part, choices);
    }
    print(part);
    choices.forEach(choice -> out.println("  chosen: " + choice));
    save();
  }

  @Override
  public void failed(String part, RuntimeException reason) {
    boolean expected = reason instanceof AzulejoException || reason instanceof DeviceException;
    failures.put(part, expected ? reason.getMessage() : reason.toString());
    print(part);
    if (!expected) { // the other parts go on, so this is the time to say where it happened
      StringWriter trace = new StringWriter();
      reason.printStackTrace(new PrintWriter(trace));
      status.println(trace.toString().strip());
    }
    out.println("  FAILED: " + failures.get(part));
    save();
  }

  /** The figures that have come since the last part. */
  private void print(String part) {
    status.clear();
    out.println("");
    out.println(part);
    List<Figure> fresh = figures.subList(printed, figures.size());
    List<String> lines = Table.of(fresh.stream().map(f -> List.of(f.name(), time(f.seconds()), number(f.value()), f.unit())).toList(), 1);
    for (int i = 0; i < lines.size(); i++) {
      out.println((lines.get(i) + "  " + beside(fresh.get(i))).stripTrailing());
    }
    printed = figures.size();
  }

  private void save() {
    out.flush();
    if (json != null) {
      AtomicFile.write(json, JsonMapper.shared().writerWithDefaultPrettyPrinter().writeValueAsString(root).getBytes(StandardCharsets.UTF_8));
    }
  }

  private static String beside(Figure figure) {
    return figure.beside().stream().map(b -> number(b.value()) + " " + b.what()).collect(Collectors.joining("; "));
  }

  private static String time(double seconds) {
    return seconds < 1e-3 ? number(seconds * 1e6) + " us" : seconds < 1 ? number(seconds * 1e3) + " ms" : number(seconds) + " s";
  }

  /** Three digits that count. */
  static String number(double value) {
    double magnitude = Math.abs(value);
    return String.format(Locale.ROOT, magnitude >= 99.95 ? "%.0f" : magnitude >= 9.995 ? "%.1f" : magnitude >= 0.1 || value == 0 ? "%.2f" : "%.2g", value);
  }
}

package azulejo.cli;

import azulejo.kernels.DType;
import azulejo.runtime.checkpoint.Audit.Asked;
import azulejo.runtime.checkpoint.Audit.Verdict;
import azulejo.weights.Inspection;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.json.JsonMapper;

@Command(
    name = "inspect",
    description = {
      "Show what a checkpoint holds: which model it is, its parts, tensors, types, size in memory, and what is missing.",
      "Reads headers alone, executes nothing, and takes a weights file (.safetensors, .pt, .pth, .bin, .ckpt), a sharded folder or a model's folder."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  azulejo weights inspect demo/masked",
      "  azulejo weights inspect vq_ds16_t2i.pt --tensors",
      "  azulejo weights inspect demo/clip --json | jq .parameters"
    })
final class WeightsInspectCommand implements Runnable {
  private static final int LONGEST_LIST = 10;

  private final Environment environment;

  @Parameters(paramLabel = "PATH", description = "A file or a folder.")
  private Path path;

  @Option(names = "--tensors", description = "List every tensor.")
  private boolean tensors;

  @Option(names = "--json", description = "Print all of it, every tensor too, as JSON.")
  private boolean json;

  WeightsInspectCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public void run() {
    Inspection inspection = Inspection.of(environment.resolve(path));
    if (json) {
      environment.out().println(new JsonMapper().writeValueAsString(json(inspection)));
    } else {
      lines(inspection).forEach(environment.out()::println);
    }
  }

  private List<String> lines(Inspection inspection) {
    List<String> lines = new ArrayList<>();
    lines.add(inspection.path() + ": " + inspection.model());
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("part", "what", "tensors", "types", "parameters", "in the file", "f32", "bf16", "int8"));
    inspection.components().forEach(c -> rows.add(List.of(c.name(), c.what(), Integer.toString(c.tensors().size()), types(c), millions(c.parameters()),
        bytes(c.bytes()), bytes(c.memory(4, 0)), bytes(c.memory(2, 0)), bytes(c.memory(1, 4)))));
    if (inspection.components().size() > 1) {
      rows.add(List.of("all", "", Integer.toString(inspection.components().stream().mapToInt(c -> c.tensors().size()).sum()), "",
          millions(inspection.parameters()), bytes(inspection.components().stream().mapToLong(Inspection.Component::bytes).sum()),
          bytes(inspection.memory(4, 0)), bytes(inspection.memory(2, 0)), bytes(inspection.memory(1, 4))));
    }
    lines.addAll(Table.of(rows, 2));
    for (Inspection.Component component : inspection.components()) {
      if (tensors) {
        lines.add(component.name() + ":");
        lines.addAll(Table.of(component.tensors().stream().map(t -> List.of(t.name(), t.dtype().name(), t.shape().toString())).toList(), 3));
      }
      lines.addAll(shortcomings(component));
    }
    lines.addAll(inspection.faults());
    lines.add(inspection.whole() ? inspection.components().stream().allMatch(Inspection.Component::checked) ? "nothing is missing"
        : "this version does not know what some of it should hold, so it cannot tell whether anything is missing" : "it is not whole");
    return lines;
  }

  /** What a part lacks, and what it has too much. */
  static List<String> shortcomings(Inspection.Component component) {
    List<String> lines = new ArrayList<>();
    List<String> missing = component.lacking(Verdict.MISSING).stream().map(a -> a.name() + " " + a.shape()).toList();
    list(lines, component.name() + " lacks", missing);
    component.lacking(Verdict.WRONG).stream().limit(LONGEST_LIST).map(Asked::problem).forEach(lines::add);
    int more = component.lacking(Verdict.WRONG).size() - LONGEST_LIST;
    if (more > 0) {
      lines.add("... and " + more + " more that do not fit");
    }
    list(lines, component.name() + " has, which the model does not read,", component.extra());
    return lines;
  }

  private static void list(List<String> lines, String what, List<String> names) {
    if (!names.isEmpty()) {
      String more = names.size() > LONGEST_LIST ? ", ..." : "";
      lines.add(what + " " + names.size() + (names.size() == 1 ? " tensor: " : " tensors: ")
          + names.stream().limit(LONGEST_LIST).collect(Collectors.joining(", ")) + more);
    }
  }

  private static String types(Inspection.Component component) {
    return component.tensors().stream().map(Inspection.Entry::dtype).distinct().sorted().map(DType::name).collect(Collectors.joining(" "));
  }

  private static String millions(long parameters) {
    return String.format(Locale.ROOT, "%.1f M", parameters / 1e6);
  }

  /** In megabytes, as files are measured. */
  static String bytes(long bytes) {
    return String.format(Locale.ROOT, bytes < 10_000_000_000L ? "%.1f MB" : "%.0f MB", bytes / 1e6);
  }

  private static Map<String, Object> json(Inspection inspection) {
    Map<String, Object> root = new LinkedHashMap<>();
    root.put("path", inspection.path().toString());
    root.put("model", inspection.model());
    root.put("runs", inspection.runs());
    root.put("whole", inspection.whole());
    root.put("parameters", inspection.parameters());
    root.put("memory", memory(inspection.memory(4, 0), inspection.memory(2, 0), inspection.memory(1, 4)));
    root.put("parts", inspection.components().stream().map(WeightsInspectCommand::json).toList());
    root.put("faults", inspection.faults());
    return root;
  }

  private static Map<String, Object> json(Inspection.Component component) {
    Map<String, Object> node = new LinkedHashMap<>();
    node.put("name", component.name());
    node.put("path", component.path().toString());
    node.put("what", component.what());
    node.put("parameters", component.parameters());
    node.put("bytes", component.bytes());
    node.put("memory", memory(component.memory(4, 0), component.memory(2, 0), component.memory(1, 4)));
    node.put("checked", component.checked());
    node.put("missing", component.lacking(Verdict.MISSING).stream().map(a -> tensor(a.name(), a.shape().toArray())).toList());
    node.put("wrong", component.lacking(Verdict.WRONG).stream().map(Asked::problem).toList());
    node.put("extra", component.extra());
    node.put("tensors", component.tensors().stream().map(t -> {
      Map<String, Object> tensor = tensor(t.name(), t.shape().toArray());
      tensor.put("dtype", t.dtype().name());
      return tensor;
    }).toList());
    return node;
  }

  private static Map<String, Object> tensor(String name, long[] shape) {
    Map<String, Object> node = new LinkedHashMap<>();
    node.put("name", name);
    node.put("shape", LongStream.of(shape).boxed().toList());
    return node;
  }

  private static Map<String, Object> memory(long f32, long bf16, long int8) {
    Map<String, Object> node = new LinkedHashMap<>();
    node.put("f32", f32);
    node.put("bf16", bf16);
    node.put("int8", int8);
    return node;
  }
}

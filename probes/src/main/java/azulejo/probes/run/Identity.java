package azulejo.probes.run;

import azulejo.probes.experiment.Experiment;
import azulejo.probes.experiment.Model;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a run's images and values depend on: its configuration, and by their SHA-256 the files that it names. Where those files lie makes no difference.
 *
 * @param configuration as {@link Experiment#json} has it
 * @param files by what the configuration calls them ({@code models.masked}, {@code metrics.clip}), the hash of each file
 */
record Identity(JsonNode configuration, Map<String, SortedMap<String, String>> files) {

  static Identity of(Experiment experiment, BooleanSupplier cancelled) {
    Map<String, SortedMap<String, String>> files = new LinkedHashMap<>();
    for (Model model : experiment.models()) {
      files.put("models." + model.name(), Hash.files(model.folder(), cancelled));
      model.usage().ifPresent(file -> files.put("models." + model.name() + ".usage", Hash.files(file, cancelled)));
    }
    experiment.measures().folders().forEach((name, folder) -> files.put("metrics." + name, Hash.files(folder, cancelled)));
    return new Identity(JsonMapper.shared().readTree(experiment.json()), files);
  }

  static Identity read(JsonNode run) {
    Map<String, SortedMap<String, String>> files = new LinkedHashMap<>();
    run.path("files").properties().forEach(entry -> {
      SortedMap<String, String> hashes = new TreeMap<>();
      entry.getValue().properties().forEach(file -> hashes.put(file.getKey(), file.getValue().stringValue()));
      files.put(entry.getKey(), hashes);
    });
    return new Identity(run.path("experiment"), files);
  }

  /** Where {@code other} differs first, as half a sentence; empty where it is the same run. */
  String difference(Identity other) {
    String configuration = difference("", placeless(this.configuration), placeless(other.configuration));
    if (!configuration.isEmpty()) {
      return configuration;
    }
    for (String name : files.keySet()) {
      SortedMap<String, String> mine = files.get(name);
      SortedMap<String, String> others = other.files.getOrDefault(name, new TreeMap<>());
      for (String file : mine.keySet()) {
        if (!mine.get(file).equals(others.get(file))) {
          return "the file " + file + " of " + name + (others.containsKey(file) ? " has other contents now" : " is gone");
        }
      }
      for (String file : others.keySet()) {
        if (!mine.containsKey(file)) {
          return "the file " + file + " of " + name + " is new";
        }
      }
    }
    return "";
  }

  /** Whether the configurations agree, so that any difference lies in the files. */
  boolean sameConfiguration(Identity other) {
    return difference("", placeless(configuration), placeless(other.configuration)).isEmpty();
  }

  /** The configuration without the places of its files. */
  private static JsonNode placeless(JsonNode configuration) {
    ObjectNode copy = (ObjectNode) configuration.deepCopy();
    copy.path("models").forEach(model -> ((ObjectNode) model).remove(List.of("folder", "usage")));
    if (copy.path("metrics") instanceof ObjectNode metrics) {
      metrics.properties().stream().map(Map.Entry::getKey).toList().stream().filter(name -> metrics.get(name).isString()).forEach(name -> metrics.put(name, ""));
    }
    return copy;
  }

  private static String difference(String at, JsonNode a, JsonNode b) {
    if (a.isObject() && b.isObject()) {
      for (String name : a.propertyNames()) {
        String inner = at.isEmpty() ? name : at + "." + name;
        if (!b.has(name)) {
          return inner + " is there no longer";
        }
        String difference = difference(inner, a.get(name), b.get(name));
        if (!difference.isEmpty()) {
          return difference;
        }
      }
      return b.propertyNames().stream().filter(name -> !a.has(name)).findFirst().map(name -> (at.isEmpty() ? name : at + "." + name) + " is new").orElse("");
    }
    if (a.isArray() && b.isArray() && a.size() == b.size()) {
      for (int i = 0; i < a.size(); i++) {
        String difference = difference(at + "[" + i + "]", a.get(i), b.get(i));
        if (!difference.isEmpty()) {
          return difference;
        }
      }
      return "";
    }
    return a.equals(b) ? "" : at + " was " + shown(a) + " and is " + shown(b) + " now";
  }

  private static String shown(JsonNode value) {
    return value.isArray() ? "a list of " + value.size() : value.isString() ? "'" + value.stringValue() + "'" : value.toString();
  }
}

package azulejo.probes.experiment;

import azulejo.runtime.AzulejoException;
import azulejo.runtime.OptionException;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Prompts and their paraphrases from a file, by its ending:
 * <ul>
 *   <li>{@code .json}: a list of objects with {@code prompt}, and optionally {@code id} and {@code paraphrases}, an object of the lists {@code short},
 *       {@code medium} and {@code long}; {@code attributes} may be there and say nothing to an experiment. {@code demo/prompts.json} is one.
 *   <li>{@code .jsonl}: such an object a line.
 *   <li>{@code .tsv}: the columns prompt, length ({@code short}, {@code medium}, {@code long}, or {@code base} for a prompt without paraphrases) and
 *       paraphrase, a line each; lines of one prompt make a group.
 *   <li>anything else: a prompt a line, without paraphrases.
 * </ul>
 */
public final class PromptFile {
  private PromptFile() {}

  /** @throws OptionException saying what is wrong, and where */
  public static List<PromptGroup> read(Path file) {
    String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
    String content = content(file);
    List<PromptGroup> groups;
    if (name.endsWith(".json")) {
      groups = list(file.toString(), parse(file.toString(), content));
    } else if (name.endsWith(".jsonl")) {
      groups = jsonLines(file, content);
    } else if (name.endsWith(".tsv")) {
      groups = columns(file, content);
    } else {
      List<String> lines = content.lines().map(String::strip).filter(line -> !line.isEmpty()).toList();
      groups = new ArrayList<>();
      for (String line : lines) {
        groups.add(new PromptGroup(id(groups.size()), line, List.of(), List.of(), List.of()));
      }
    }
    if (groups.isEmpty()) {
      throw new OptionException(file + " holds no prompt");
    }
    return groups;
  }

  private static String content(Path file) {
    try {
      return Files.readString(file);
    } catch (CharacterCodingException e) {
      throw new OptionException(file + " is not UTF-8 text", e);
    } catch (IOException e) {
      throw new OptionException("cannot read the prompts " + file + ": " + AzulejoException.reason(e), e);
    }
  }

  /** @param where the prompts stand, for messages */
  static List<PromptGroup> list(String where, JsonNode list) {
    if (!list.isArray()) {
      throw new OptionException(where + " must be a list of prompts");
    }
    List<PromptGroup> groups = new ArrayList<>();
    for (JsonNode item : list.values()) {
      groups.add(group(where + ": prompt " + (groups.size() + 1), item, groups.size()));
    }
    return groups;
  }

  private static List<PromptGroup> jsonLines(Path file, String content) {
    List<PromptGroup> groups = new ArrayList<>();
    int number = 0;
    for (String line : content.lines().toList()) {
      number++;
      if (!line.isBlank()) {
        String where = file + ": line " + number;
        groups.add(group(where, parse(where, line), groups.size()));
      }
    }
    return groups;
  }

  private static PromptGroup group(String where, JsonNode item, int number) {
    if (item.isString() && !item.stringValue().isBlank()) {
      return new PromptGroup(id(number), item.stringValue(), List.of(), List.of(), List.of());
    }
    Fields fields = new Fields(where, item);
    String text = fields.text("prompt").orElseThrow(() -> new OptionException(where + " has no 'prompt'"));
    String id = fields.text("id").orElse(id(number));
    fields.get("attributes");
    Fields paraphrases = fields.object("paraphrases", null);
    PromptGroup group = new PromptGroup(id, text, paraphrases.texts("short"), paraphrases.texts("medium"), paraphrases.texts("long"));
    paraphrases.end();
    fields.end();
    return group;
  }

  private static List<PromptGroup> columns(Path file, String content) {
    Map<String, Map<String, List<String>>> groups = new LinkedHashMap<>();
    int number = 0;
    for (String line : content.lines().toList()) {
      number++;
      if (line.isBlank() || number == 1 && line.strip().toLowerCase(Locale.ROOT).startsWith("prompt\t")) {
        continue;
      }
      String[] columns = line.split("\t", -1);
      String length = columns.length > 1 ? columns[1].strip() : "";
      boolean base = length.equals("base") && columns.length == 2;
      if (columns[0].isBlank() || !base && (columns.length != 3 || !List.of("short", "medium", "long").contains(length) || columns[2].isBlank())) {
        throw new OptionException(file + ": line " + number
            + " must be a prompt, a tab, short, medium or long, a tab and a paraphrase (or a prompt, a tab and base)");
      }
      Map<String, List<String>> lengths = groups.computeIfAbsent(columns[0].strip(), _ -> new LinkedHashMap<>());
      if (!base) {
        lengths.computeIfAbsent(length, _ -> new ArrayList<>()).add(columns[2].strip());
      }
    }
    List<PromptGroup> result = new ArrayList<>();
    groups.forEach((text, lengths) -> result.add(new PromptGroup(id(result.size()), text, lengths.getOrDefault("short", List.of()),
        lengths.getOrDefault("medium", List.of()), lengths.getOrDefault("long", List.of()))));
    return result;
  }

  private static JsonNode parse(String where, String json) {
    try {
      return JsonMapper.shared().readTree(json);
    } catch (JacksonException e) {
      throw new OptionException(where + " is not JSON: " + e.getOriginalMessage(), e);
    }
  }

  private static String id(int number) {
    return String.format(Locale.ROOT, "p%03d", number);
  }
}

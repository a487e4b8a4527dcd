package azulejo.probes.experiment;

import azulejo.runtime.OptionException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/**
 * An object of a configuration, read field by field. What nobody asked for by the time of {@link #end} is an error, so that no key is accepted and ignored.
 * All getters throw {@link OptionException} with a sentence that says where the value stands; a field that is null counts as absent.
 */
final class Fields {
  private final String where;
  private final JsonNode node;
  private final Set<String> asked = new LinkedHashSet<>();

  /** @param where as a message begins: the file, and what in it */
  Fields(String where, JsonNode node) {
    this.where = where;
    this.node = node;
    if (!node.isObject()) {
      throw new OptionException(where + " must be a list of keys with values, not " + shown(node));
    }
  }

  String where() {
    return where;
  }

  List<String> names() {
    return List.copyOf(node.propertyNames());
  }

  boolean has(String name) {
    return node.hasNonNull(name);
  }

  Optional<JsonNode> get(String name) {
    asked.add(name);
    return has(name) ? Optional.of(node.get(name)) : Optional.empty();
  }

  Optional<String> text(String name) {
    return get(name).map(value -> {
      if (!value.isString() || value.stringValue().isBlank()) {
        throw wrong(name, "a text", value);
      }
      return value.stringValue();
    });
  }

  OptionalInt integer(String name) {
    return get(name).map(value -> {
      if (!value.isIntegralNumber() || !value.canConvertToInt()) {
        throw wrong(name, "a whole number", value);
      }
      return OptionalInt.of(value.intValue());
    }).orElse(OptionalInt.empty());
  }

  Optional<Long> longInteger(String name) {
    return get(name).map(value -> {
      if (!value.isIntegralNumber() || !value.canConvertToLong()) {
        throw wrong(name, "a whole number", value);
      }
      return value.longValue();
    });
  }

  Optional<Double> real(String name) {
    return get(name).map(value -> {
      if (!value.isNumber()) {
        throw wrong(name, "a number", value);
      }
      return value.doubleValue();
    });
  }

  /** One number, or a list of them. */
  List<Double> reals(String name) {
    return get(name).map(value -> {
      List<Double> numbers = new ArrayList<>();
      for (JsonNode number : value.isArray() ? value.values() : List.of(value)) {
        if (!number.isNumber()) {
          throw wrong(name, "a number or a list of numbers", value);
        }
        numbers.add(number.doubleValue());
      }
      return List.copyOf(numbers);
    }).orElse(List.of());
  }

  /** A list of texts. */
  List<String> texts(String name) {
    return get(name).map(value -> {
      if (!value.isArray()) {
        throw wrong(name, "a list", value);
      }
      List<String> texts = new ArrayList<>();
      for (JsonNode text : value.values()) {
        if (!text.isString() || text.stringValue().isBlank()) {
          throw wrong(name, "a list of texts", value);
        }
        texts.add(text.stringValue());
      }
      return List.copyOf(texts);
    }).orElse(List.of());
  }

  /** An object of objects, in the file's order; one given as {@code shortcut} is short for an object with that key alone. */
  Map<String, Fields> objects(String name, String shortcut) {
    Map<String, Fields> objects = new LinkedHashMap<>();
    get(name).ifPresent(value -> {
      Fields outer = new Fields(where + ": " + name, value);
      for (String key : outer.names()) {
        objects.put(key, outer.object(key, shortcut));
      }
    });
    return objects;
  }

  /** The object {@code name}; empty where it is null, and where it is a text an object with that text as {@code shortcut}. */
  Fields object(String name, String shortcut) {
    asked.add(name);
    String inner = where + (where.contains(": ") ? " " : ": ") + name;
    JsonNode value = node.get(name);
    if (value == null || value.isNull()) {
      return new Fields(inner, JsonNodeFactory.instance.objectNode());
    }
    if (value.isString() && shortcut != null) {
      return new Fields(inner, JsonNodeFactory.instance.objectNode().put(shortcut, value.stringValue()));
    }
    return new Fields(inner, value);
  }

  /** @throws OptionException when there is a field that was never asked for */
  void end() {
    for (String name : names()) {
      if (!asked.contains(name)) {
        throw new OptionException(where + " has the unknown key '" + name + "'" + suggestion(name) + ": it may have " + String.join(", ", asked));
      }
    }
  }

  private String suggestion(String name) {
    return asked.stream().filter(known -> distance(known, name) <= 2).findFirst().map(known -> " (did you mean " + known + "?)").orElse("");
  }

  OptionException wrong(String name, String wanted, JsonNode value) {
    return new OptionException(where + ": " + name + " must be " + wanted + ", not " + shown(value));
  }

  private static String shown(JsonNode value) {
    if (value.isNull() || value.isMissingNode()) {
      return "nothing";
    }
    String text = value.isString() ? "'" + value.stringValue() + "'" : value.toString();
    return text.length() > 60 ? text.substring(0, 57) + "..." : text;
  }

  /** How many letters must change, come or go to make {@code b} of {@code a} (Levenshtein). */
  private static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int changed = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(changed, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }
}

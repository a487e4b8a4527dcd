package azulejo.runtime.checkpoint;

import azulejo.runtime.CheckpointException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/**
 * A component's own JSON ({@code config.json}, {@code scheduler_config.json}, {@code model_index.json}) as typed fields. A field that is null counts as absent.
 *
 * <p>All getters throw {@link CheckpointException} naming the file and the field when its value has another type, and, without a default, when it is absent.
 */
public final class JsonConfig {
  private final Path file;
  /** What precedes a field's name in a message: where the object lies in the file. */
  private final String prefix;
  private final JsonNode root;

  private JsonConfig(Path file, String prefix, JsonNode root) {
    this.file = file;
    this.prefix = prefix;
    this.root = root;
  }

  /** @throws CheckpointException when the file is missing or is not a JSON object */
  public static JsonConfig read(Path file) {
    return new JsonConfig(file, "", Json.object(file));
  }

  public Path file() {
    return file;
  }

  /** The fields in the file's order, the null ones included. */
  public List<String> names() {
    return List.copyOf(root.propertyNames());
  }

  public boolean has(String name) {
    return root.hasNonNull(name);
  }

  public int integer(String name) {
    return required(name, INTEGER);
  }

  public int integer(String name, int absent) {
    return optional(name, INTEGER).orElse(absent);
  }

  public double real(String name) {
    return required(name, REAL);
  }

  public double real(String name, double absent) {
    return optional(name, REAL).orElse(absent);
  }

  public boolean flag(String name) {
    return required(name, FLAG);
  }

  public boolean flag(String name, boolean absent) {
    return optional(name, FLAG).orElse(absent);
  }

  public String text(String name) {
    return required(name, TEXT);
  }

  public String text(String name, String absent) {
    return optional(name, TEXT).orElse(absent);
  }

  public List<Integer> integers(String name) {
    return required(name, INTEGER.list());
  }

  public List<Double> reals(String name) {
    return required(name, REAL.list());
  }

  public List<String> texts(String name) {
    return required(name, TEXT.list());
  }

  /** Whether the field is an object, for those that may also be a plain value. */
  public boolean isSection(String name) {
    return root.path(name).isObject();
  }

  /** The fields of an object within this one, such as the {@code text_config} of a CLIP model. */
  public JsonConfig section(String name) {
    return new JsonConfig(file, prefix + name + ".", required(name, SECTION));
  }

  /** An error about a field whose value has the right type but cannot be used: "FILE: field "NAME" PROBLEM". */
  public CheckpointException fault(String name, String problem) {
    return new CheckpointException(file + ": field \"" + prefix + name + "\" " + problem);
  }

  private record Type<T>(String name, Predicate<JsonNode> fits, Function<JsonNode, T> value) {
    Type<List<T>> list() {
      return new Type<>("a list, each item " + name,
          node -> node.isArray() && items(node).allMatch(fits),
          node -> items(node).map(value).toList());
    }

    private static Stream<JsonNode> items(JsonNode array) {
      return IntStream.range(0, array.size()).mapToObj(array::get);
    }
  }

  private static final Type<Integer> INTEGER = new Type<>("a 32-bit integer", n -> n.isIntegralNumber() && n.canConvertToInt(), JsonNode::intValue);
  private static final Type<Double> REAL = new Type<>("a finite number", n -> n.isNumber() && Double.isFinite(n.doubleValue()), JsonNode::doubleValue);
  private static final Type<Boolean> FLAG = new Type<>("true or false", JsonNode::isBoolean, JsonNode::booleanValue);
  private static final Type<JsonNode> SECTION = new Type<>("an object", JsonNode::isObject, node -> node);
  private static final Type<String> TEXT = new Type<>("a text", JsonNode::isString, JsonNode::stringValue);

  private <T> T required(String name, Type<T> type) {
    return optional(name, type).orElseThrow(() -> fault(name, "is missing; " + type.name + " is expected"));
  }

  private <T> Optional<T> optional(String name, Type<T> type) {
    if (!has(name)) {
      return Optional.empty();
    }
    JsonNode value = root.get(name);
    if (!type.fits.test(value)) {
      throw fault(name, "is " + Json.kind(value) + ", but " + type.name + " is expected");
    }
    return Optional.of(type.value.apply(value));
  }
}

package azulejo.runtime.checkpoint;

import azulejo.runtime.AzulejoException;
import azulejo.runtime.CheckpointException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** JSON as a checkpoint may hold it: strict UTF-8, no key twice, nothing after the closing brace, bounded depth. */
public final class Json {
  private static final long MAX_CONFIG_BYTES = 100_000_000;

  private static final JsonMapper MAPPER = JsonMapper
      .builder(JsonFactory.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(64).maxStringLength(Integer.MAX_VALUE).build())
          .build())
      .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
      .build();

  private Json() {}

  /**
   * Parses an object.
   *
   * @param what the subject of the error's sentence, "FILE" or "FILE: the header"
   */
  public static JsonNode object(String what, byte[] utf8) {
    String text;
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8)).toString();
    } catch (CharacterCodingException e) {
      throw new CheckpointException(what + " is not UTF-8 text", e);
    }
    JsonNode node;
    try {
      node = MAPPER.readTree(text);
    } catch (JacksonException e) {
      throw new CheckpointException(what + " is not valid JSON" + position(e) + ": " + problem(e), e);
    }
    if (!node.isObject()) {
      throw new CheckpointException(what + " is not a JSON object");
    }
    return node;
  }

  /** Reads a file that holds one object. */
  public static JsonNode object(Path file) {
    try {
      if (Files.size(file) > MAX_CONFIG_BYTES) {
        throw new CheckpointException(file + " is too large for a JSON file of a checkpoint: " + Files.size(file) + " bytes");
      }
      return object(file.toString(), Files.readAllBytes(file));
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + file + ": " + AzulejoException.reason(e), e);
    }
  }

  /** What a value is, as an error message says it. */
  public static String kind(JsonNode node) {
    return switch (node.getNodeType()) {
      case ARRAY -> "a list";
      case OBJECT -> "an object";
      case STRING -> "the text \"" + abbreviated(node.stringValue()) + "\"";
      case NULL, MISSING -> "null";
      default -> abbreviated(node.toString());
    };
  }

  private static String abbreviated(String text) {
    return text.length() <= 40 ? text : text.substring(0, 40) + "...";
  }

  private static String position(JacksonException e) {
    return e.getLocation() == null ? "" : " at line " + e.getLocation().getLineNr() + ", column " + e.getLocation().getColumnNr();
  }

  /** The parser's words without its advice to programmers. */
  private static String problem(JacksonException e) {
    return String.valueOf(e.getOriginalMessage()).lines().findFirst().orElse("unreadable").replaceFirst("(: maybe a | \\(start marker|: enable `|, from `).*", "");
  }
}

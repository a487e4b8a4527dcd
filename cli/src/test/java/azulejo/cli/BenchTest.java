package azulejo.cli;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.cli.bench.Bench;
import azulejo.runtime.GenerationException;
import azulejo.runtime.checkpoint.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** The bench on the reference backend, with sizes that take seconds; a model is the fake one. */
class BenchTest extends CliTest {
  private Path json;

  private JsonNode results() {
    return Json.object(json);
  }

  private List<JsonNode> figures() {
    return results().path("figures").valueStream().toList();
  }

  private int bench(Object... args) {
    json = dir.resolve("bench.json");
    return run(Stream.concat(Stream.of("bench", "--quick", "--backend", "reference", "--json", json), Stream.of(args)).toArray());
  }

  @Test
  void measuresEveryOp() {
    assertThat(bench("--quiet")).isZero();
    assertThat(figures().stream().map(f -> f.path("part").stringValue()).distinct()).containsExactlyElementsOf(Bench.OPS);
    assertThat(figures()).allSatisfy(figure -> {
      assertThat(figure.path("seconds").doubleValue()).isPositive();
      assertThat(figure.path("value").doubleValue()).isPositive();
      assertThat(out()).contains(figure.path("name").stringValue() + " ").contains(" " + figure.path("unit").stringValue());
    });
    assertThat(results().path("device").stringValue()).contains("plain Java");
    assertThat(err()).isEmpty();
  }

  /** A product of M x N x K is 2 M N K operations. */
  @Test
  void theRateIsTheWorkOverTheTime() {
    assertThat(bench("--only", "matmul")).isZero();
    assertThat(figures()).hasSizeGreaterThan(1).allSatisfy(figure -> assertThat(figure.path("name").stringValue()).startsWith("32x64x64 "));
    JsonNode figure = figures().getFirst();
    assertThat(figure.path("value").doubleValue() * figure.path("seconds").doubleValue() * 1e12).isEqualTo(2.0 * 32 * 64 * 64, byAMillionth());
  }

  private static Offset<Double> byAMillionth() {
    return Offset.offset(0.3);
  }

  @Test
  void anotherEngineStandsBeside() throws IOException {
    Path peer = Files.writeString(dir.resolve("peer.json"), "{\"what\": \"Abacus 3\", \"seconds\": {\"matmul 32x64x64 f32\": 0.5, \"matmul 9x9x9 f32\": 1}}");
    assertThat(bench("--only", "matmul", "--peer", peer)).isZero();
    JsonNode beside = figures().getFirst().path("beside").valueStream().filter(b -> b.path("what").stringValue().endsWith("Abacus 3")).findFirst().orElseThrow();
    assertThat(beside.path("value").doubleValue() * 0.5e12).isEqualTo(2.0 * 32 * 64 * 64, byAMillionth());
    assertThat(out().lines().filter(line -> line.contains("TFLOP/s Abacus 3"))).singleElement().asString().contains("32x64x64 f32");
  }

  @Test
  void aModelIsTakenFromItsFolder() throws IOException {
    Path models = dir.resolve("models");
    Files.createDirectories(models.resolve("vqdiffusion-ithq"));
    assertThat(bench("--models", models, "--only", "vqdiffusion-ithq")).isZero();
    assertThat(engine.folder).isEqualTo(models.resolve("vqdiffusion-ithq"));
    assertThat(figures()).singleElement().satisfies(figure -> {
      assertThat(figure.path("part").stringValue()).isEqualTo("vqdiffusion-ithq");
      assertThat(figure.path("name").stringValue()).startsWith("1 image, 2 steps");
      assertThat(figure.path("unit").stringValue()).isEqualTo("steps/s");
    });
    assertThat(err()).contains("fake, two steps"); // the model says what it is
  }

  @Test
  void aPartThatFailsFailsAlone() throws IOException {
    engine.atStep = _ -> {
      throw new GenerationException("no luck");
    };
    Files.createDirectories(dir.resolve("models/llamagen-B-384"));
    Files.createDirectories(dir.resolve("models/llamagen-XL-classes"));
    assertThat(bench("--models", dir.resolve("models"), "--only", "attention,llamagen-B-384,llamagen-XL-classes")).isEqualTo(1);
    assertThat(out()).contains("  FAILED: no luck");
    assertThat(results().path("failures").propertyNames()).containsExactly("llamagen-B-384", "llamagen-XL-classes");
    assertThat(figures()).isNotEmpty();
    assertThat(err()).doesNotContain("\tat ");
  }

  @Test
  void aFaultOfTheProgramSaysWhereItHappened() throws IOException {
    engine.atStep = _ -> {
      throw new IllegalStateException("no good");
    };
    Files.createDirectories(dir.resolve("models/llamagen-B-384"));
    assertThat(bench("--models", dir.resolve("models"), "--only", "llamagen-B-384")).isEqualTo(1);
    assertThat(out()).contains("  FAILED: java.lang.IllegalStateException: no good");
    assertThat(err()).contains("\tat azulejo.cli.BenchTest.");
  }

  @Test
  void mistakesAreOneSentence() throws IOException {
    assertThat(bench("--only", "matmul,mutmal")).isEqualTo(2);
    assertThat(err()).isEqualTo("azulejo: --only knows no 'mutmal': choose of " + String.join(", ", Bench.parts()) + "\n");
    Path peer = Files.writeString(dir.resolve("peer.json"), "{\"what\": \"Abacus\", \"seconds\": {\"matmul\": \"fast\"}}");
    assertThat(bench("--only", "matmul", "--peer", peer)).isEqualTo(2);
    assertThat(err()).startsWith("azulejo: " + peer + " holds no times").hasLineCount(1);
    assertThat(run("bench", "--quick", "--json", "/proc/no/bench.json")).isEqualTo(1);
    assertThat(err()).startsWith("azulejo: ").contains("/proc/no").hasLineCount(1);
    assertThat(out()).isEmpty();
  }

  @Test
  void ctrlCStops() {
    interrupt.request();
    assertThat(bench()).isEqualTo(130);
    assertThat(json).doesNotExist();
  }

  /** The script that measures PyTorch knows the sizes by heart. */
  @Test
  void thePeersSizesAreTheBenchs() throws IOException {
    String script = Files.readString(Path.of("../bench/torch_rival.py"));
    assertThat(sizes(script, "MATMUL")).containsExactlyElementsOf(sizes("matmul"));
    assertThat(sizes(script, "ATTENTION")).containsExactlyElementsOf(sizes("attention"));
  }

  private static List<String> sizes(String part) {
    return Bench.shared().stream().map(name -> name.split(" ")).filter(name -> name[0].equals(part)).map(name -> name[1]).distinct().toList();
  }

  private static List<String> sizes(String script, String list) {
    Matcher matcher = Pattern.compile(list + " = \\[(.*?)]").matcher(script);
    assertThat(matcher.find()).isTrue();
    return Stream.of(matcher.group(1).split(", ")).map(name -> name.replace("\"", "")).toList();
  }
}

package azulejo.cli;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.kernels.Draw.Pick;
import azulejo.models.Image;
import azulejo.models.Png;
import azulejo.models.Probe;
import azulejo.runtime.sampling.ArgmaxWindow;
import azulejo.runtime.sampling.CodebookSubset;
import azulejo.runtime.sampling.Usage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The probes as options of {@code generate}, and {@code usage}. */
class InterventionsTest extends CliTest {
  private Path usage() throws IOException {
    return Files.writeString(dir.resolve("usage.json"), JsonMapper.shared().writeValueAsString(new Usage(new long[] {4, 0, 9}, "three codes").toMap()));
  }

  @Test
  void handsTheProbesToTheModel() throws IOException {
    Path file = usage();
    Path mask = Files.writeString(dir.resolve("mask.txt"), "# a comment\n1\n 2 # two\n\n");
    assertThat(run("generate", "--model", dir, "--prompt", "a", "--codebook", "keep-top:0.5", "--codebook", "mask:" + mask, "--codebook", "drop-random:0.3@7",
        "--argmax", "late", "--argmax-mode", "posterior", "--path-seed", 3, "--draw-seed", -4, "--out", dir.resolve("x.png"))).as(err()).isZero();
    Usage counts = new Usage(new long[] {4, 0, 9}, file.toString());
    assertThat(engine.request.probe().interventions()).containsExactly(CodebookSubset.keepTop(counts, 0.5),
        CodebookSubset.mask(List.of(1, 2), mask.toString()), CodebookSubset.dropRandom(0.3, 7), new ArgmaxWindow(2 / 3.0, 1, Pick.ARGMAX_TRANSITION));
    assertThat(engine.request.probe().pathSeed()).hasValue(3);
    assertThat(engine.request.probe().drawSeed()).hasValue(-4);
    assertThat(engine.request.probe().ledger()).isFalse();
  }

  @Test
  void takesTheUsageThatIsNamed() throws IOException {
    Path file = usage();
    Files.move(file, dir.resolve("other.json"));
    assertThat(run("generate", "--model", dir, "--prompt", "a", "--codebook", "drop-top:0.5", "--usage", dir.resolve("other.json"), "--out", dir.resolve("x.png")))
        .isZero();
    assertThat(engine.request.probe().interventions()).containsExactly(
        CodebookSubset.dropTop(new Usage(new long[] {4, 0, 9}, dir.resolve("other.json").toString()), 0.5));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "--codebook keep-top:0.5 | usage.json does not exist, which says how frequent the codes are: make it with azulejo usage",
      "--codebook half | a codebook subset is keep-top:FRACTION",
      "--codebook keep-top:2 | between 0 and 1",
      "--usage x.json | add it, or leave --usage out",
      "--argmax sometimes | an argmax window is all, early, middle, late",
      "--argmax-mode x0 | add --argmax all",
      "--argmax all --argmax-mode hard | --argmax-mode must be x0 or posterior",
      "--ledger ledger.txt | must end in .jsonl",
      "--settle-map map.jpg | --settle-map map.jpg asks for the format jpg"})
  void saysWhatIsWrong(String options, String message) {
    Object[] given = List.of(options.split(" ")).toArray();
    Object[] args = new Object[given.length + 7];
    System.arraycopy(new Object[] {"generate", "--model", dir, "--prompt", "a", "--out", dir.resolve("x.png")}, 0, args, 0, 7);
    System.arraycopy(given, 0, args, 7, given.length);
    assertThat(run(args)).isEqualTo(2);
    assertThat(err()).contains(message);
    assertThat(files()).isEmpty();
  }

  /** The fake's ledger: two tokens, each out of one bit; its tokens are 7 and the picture's number, 2 of each code drawn. Half a nat over 4 is 0.18 bits. */
  @Test
  void writesTheLedgerAndTheSettleMap() throws IOException {
    assertThat(run("generate", "--prompt", "a \"star\"", "--count", 2, "--ledger", dir.resolve("l.jsonl"), "--settle-map", dir.resolve("map-{}.png"), "--out",
        dir.resolve("x.png"))).as(err()).isZero();
    assertThat(files()).containsExactly("l.csv", "l.jsonl", "map-000.png", "map-001.png", "x.png");
    assertThat(err()).contains("wrote " + dir.resolve("l.jsonl"), "wrote " + dir.resolve("l.csv"), "wrote " + dir.resolve("map-000.png"));

    List<String> lines = Files.readAllLines(dir.resolve("l.jsonl"));
    assertThat(lines).hasSize(4);
    JsonNode line = JsonMapper.shared().readTree(lines.get(3));
    assertThat(line.get("image").asInt()).isEqualTo(1);
    assertThat(line.get("step").asInt()).isEqualTo(2);
    assertThat(line.get("entropy_truncated").asDouble()).isEqualTo(Math.log(2));
    assertThat(Files.readAllLines(dir.resolve("l.csv"))).hasSize(13)
        .startsWith("image,prompt,index,quantity,estimator,kind,bits,bits_per_token",
            "0,\"a \"\"star\"\"\",0,\"H(P|X)\",\"the order is fixed\",exact,0.0000,0.000000",
            "0,\"a \"\"star\"\"\",0,\"H(Z|P,X)\",\"entropy before each draw\",unbiased,2.0000,1.000000")
        .endsWith("all,,,H(Z),\"codes of the pictures, 3 of 9, by frequency\",lower bound,,1.500000",
            "all,,,H(Z),\"codes of the pictures, corrected as by Miller and Madow\",nearly unbiased,,1.860674",
            "all,,,H(Z),\"codes drawn, 2 of 9, by frequency\",lower bound,,1.000000",
            "all,,,H(Z),\"codes drawn, corrected as by Miller and Madow\",nearly unbiased,,1.180337");

    Image map = Png.decode("map", Files.readAllBytes(dir.resolve("map-000.png")));
    assertThat(map.width()).as("a grid of 2 x 1 cells, twice, with a gap").isEqualTo(2 * 4 + 4);
    assertThat(pixel(map, 0)).as("settled first").isEqualTo(0x440154);
    assertThat(pixel(map, 3)).as("settled last").isEqualTo(0xFDE725);
  }

  private static int pixel(Image image, int x) {
    return (image.rgb()[3 * x] & 0xFF) << 16 | (image.rgb()[3 * x + 1] & 0xFF) << 8 | image.rgb()[3 * x + 2] & 0xFF;
  }

  /** A set of as many pictures as the prompt's own, one paraphrase after the other. */
  @Test
  void makesSetsOfParaphrases() throws IOException {
    Path file = Files.writeString(dir.resolve("p.tsv"), "a star\tshort\tstar\na star\tshort\tone star\na ring\tshort\tring\n");
    assertThat(run("generate", "--paraphrases", file, "--paraphrase-length", "short", "--count", 3, "--json", "--out", dir.resolve("x.png"))).as(err()).isZero();
    assertThat(engine.request.prompts()).containsExactly("star", "one star", "ring");
    assertThat(engine.request.probe().picks()).containsExactly(new Probe.Pick(0, 0), new Probe.Pick(1, 1), new Probe.Pick(0, 2), new Probe.Pick(2, 0),
        new Probe.Pick(2, 1), new Probe.Pick(2, 2));
    assertThat(JsonMapper.shared().readTree(out()).at("/settings/paraphrases").asString()).isEqualTo("short of p.tsv");

    assertThat(run("generate", "--paraphrases", file, "--paraphrase-length", "short", "--prompt", "a ring", "--out", dir.resolve("x.png"))).isZero();
    assertThat(engine.request.prompts()).containsExactly("ring");
  }

  @Test
  void saysWhatIsWrongWithParaphrases() throws IOException {
    Path file = Files.writeString(dir.resolve("p.tsv"), "a star\tshort\tstar\n");
    assertRefused("\"a star\" has no paraphrases of all three lengths", "--paraphrases", file);
    assertRefused("\"a star\" has no long paraphrases", "--paraphrases", file, "--paraphrase-length", "long");
    assertRefused("must be short, medium, long or mixed, not 'tiny'", "--paraphrases", file, "--paraphrase-length", "tiny");
    assertRefused("has no prompt \"a ring\"", "--paraphrases", file, "--prompt", "a ring");
    assertRefused("give one of them", "--paraphrases", file, "--prompts", file);
    assertRefused("add --paraphrases FILE", "--prompt", "a", "--paraphrase-length", "long");
  }

  private void assertRefused(String message, Object... options) {
    Object[] args = Stream.concat(Stream.of("generate", "--out", dir.resolve("x.png")), Stream.of(options)).toArray();
    assertThat(run(args)).isEqualTo(2);
    assertThat(err()).contains(message);
  }

  // ---- usage --------------------------------------------------------------------------------------------------------------

  /** Pictures of 16 x 16 pixels, four tokens each; the fake's token is the red of its first pixel. */
  @Test
  void countsTheCodesOfPictures() throws IOException {
    Path pictures = Files.createDirectory(dir.resolve("pictures"));
    Files.write(pictures.resolve("a.png"), Png.encode(picture(3, 5), Map.of()));
    Files.write(pictures.resolve("b.PNG"), Png.encode(picture(3, 3), Map.of()));
    Files.writeString(pictures.resolve("notes.txt"), "no picture");
    assertThat(run("usage", "--images", pictures, "--out", dir.resolve("u.json"))).as(err()).isZero();
    JsonNode usage = JsonMapper.shared().readTree(Files.readString(dir.resolve("u.json")));
    assertThat(usage.get("counts").toString()).isEqualTo("[0,0,0,6,0,2,0,0,0]");
    assertThat(usage.get("fractions").get(3).asDouble()).isEqualTo(0.75);
    assertThat(usage.get("coverage").asDouble()).isEqualTo(2 / 9.0);
    double entropy = -0.75 * Math.log(0.75) - 0.25 * Math.log(0.25);
    assertThat(usage.get("entropy_nats").asDouble()).isEqualTo(entropy);
    assertThat(usage.get("entropy_miller_madow_nats").asDouble()).isEqualTo(entropy + 1 / 16.0);
    assertThat(usage.get("perplexity").asDouble()).isEqualTo(Math.exp(entropy));
    assertThat(Usage.read(dir.resolve("u.json")).counts()).containsExactly(0, 0, 0, 6, 0, 2, 0, 0, 0);
    assertThat(Files.readAllBytes(dir.resolve("u.png"))).isNotEmpty();
  }

  private static Image picture(int... reds) {
    byte[] rgb = new byte[3 * 16 * 16];
    for (int i = 0; i < rgb.length; i += 3) {
      rgb[i] = (byte) reds[i / 3 % 16 / 8];
    }
    return new Image(16, 16, rgb);
  }

  /** The middle square is what the model sees. */
  @Test
  void cutsAndResizesPictures() throws IOException {
    Path pictures = Files.createDirectory(dir.resolve("pictures"));
    byte[] rgb = new byte[3 * 96 * 32];
    for (int i = 0; i < rgb.length; i += 3) {
      rgb[i] = (byte) (i / 3 % 96 < 32 || i / 3 % 96 >= 64 ? 1 : 8);
    }
    Files.write(pictures.resolve("a.png"), Png.encode(new Image(96, 32, rgb), Map.of()));
    assertThat(run("usage", "--images", pictures, "--out", dir.resolve("u.json"))).as(err()).isZero();
    assertThat(Usage.read(dir.resolve("u.json")).counts()).containsExactly(0, 0, 0, 0, 0, 0, 0, 0, 4);
  }

  /** The fake draws 7 and the number of the picture. */
  @Test
  void countsTheCodesDrawnForPrompts() throws IOException {
    Path prompts = Files.writeString(dir.resolve("p.txt"), "a\nb\n");
    assertThat(run("usage", "--prompts", prompts, "--count", 2, "--seed", 5, "--out", dir.resolve("u.json"))).as(err()).isZero();
    assertThat(engine.request.seed()).isEqualTo(5);
    assertThat(Usage.read(dir.resolve("u.json")).counts()).containsExactly(1, 1, 1, 1, 0, 0, 0, 4, 0);
  }

  @Test
  void usageSaysWhatIsWrong() throws IOException {
    Path empty = Files.createDirectory(dir.resolve("empty"));
    Path odd = Files.createDirectory(dir.resolve("odd"));
    Files.writeString(odd.resolve("a.png"), "no picture");
    assertUsage("one of them", "--out", dir.resolve("u.json"));
    assertUsage("one of them", "--images", empty, "--prompts", "p.txt", "--out", dir.resolve("u.json"));
    assertUsage("has no pictures", "--images", empty, "--out", dir.resolve("u.json"));
    assertUsage("leave them out with --images", "--images", empty, "--seed", 1, "--out", dir.resolve("u.json"));
    assertUsage("cannot read the pictures in", "--images", dir.resolve("none"), "--out", dir.resolve("u.json"));
    assertUsage("a.png is no picture", "--images", odd, "--out", dir.resolve("u.json"));
    assertUsage("must end in .json", "--images", odd, "--out", dir.resolve("u.txt"));
  }

  private void assertUsage(String message, Object... options) {
    Object[] args = new Object[options.length + 1];
    args[0] = "usage";
    System.arraycopy(options, 0, args, 1, options.length);
    assertThat(run(args)).isEqualTo(2);
    assertThat(err()).contains(message);
    assertThat(files()).noneMatch(file -> file.startsWith("u."));
  }
}

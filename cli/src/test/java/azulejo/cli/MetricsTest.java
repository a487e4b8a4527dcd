package azulejo.cli;

import static org.assertj.core.api.Assertions.assertThat;

import azulejo.models.Image;
import azulejo.models.Png;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class MetricsTest extends CliTest {
  private static final Path DEMO = Path.of("../demo");

  private Path pictures;

  @BeforeEach
  void makeFolder() throws IOException {
    pictures = Files.createDirectory(dir.resolve("pictures"));
  }

  private void noise(Path folder, String name, int width, int height, int seed) throws IOException {
    byte[] rgb = new byte[3 * width * height];
    new Random(seed).nextBytes(rgb);
    Files.write(folder.resolve(name), Png.encode(new Image(width, height, rgb), Map.of()));
  }

  private void copyOfDemo(int count) throws IOException {
    for (int i = 0; i < count; i++) {
      String name = "%04d.png".formatted(i);
      Files.copy(DEMO.resolve("images").resolve(name), pictures.resolve(name));
    }
  }

  private void assertRefused(String sentence) {
    assertThat(out()).isEmpty();
    assertThat(err().lines()).singleElement().asString().contains(sentence);
  }

  @Test
  void listsEveryMetric() {
    assertThat(run("metrics", "--list")).isZero();
    assertThat(out().lines()).anyMatch(line -> line.startsWith("lpips:alex-0.1 ")).anyMatch(line -> line.startsWith("fid:pytorch-fid "))
        .allMatch(line -> line.matches("[a-z-]+:[a-z0-9.-]+ {2,}.+"));
  }

  @Test
  void measuresAFolder() throws IOException {
    copyOfDemo(3);
    Files.writeString(pictures.resolve("notes.txt"), "not a picture");
    assertThat(run("metrics", "--metric", "lpips:alex-0.1,cosine:raw", "--lpips", DEMO.resolve("lpips"), "--images", pictures)).isZero();
    assertThat(out().lines()).hasSize(2);
    assertThat(out()).containsPattern("lpips:alex-0\\.1@[0-9a-f]{8} +[0-9.]+ +3 pictures, more is more diverse\n");
    assertThat(out()).containsPattern("cosine:raw +0\\.[0-9]{6} +3 pictures, more is more diverse\n");
    assertThat(err()).isEmpty();
  }

  @Test
  void writesJson() throws IOException {
    copyOfDemo(4);
    assertThat(run("metrics", "--metric", "kid:clip", "--metric", "fid:clip", "--clip", DEMO.resolve("clip"), "--images", pictures, "--reference", pictures,
        "--json", "--quiet")).isZero();
    JsonNode result = JsonMapper.shared().readTree(out());
    assertThat(result.path("images").path("count").asInt()).isEqualTo(4);
    assertThat(result.path("reference").path("folder").asString()).isEqualTo(pictures.toString());
    JsonNode fid = result.path("values").get(1);
    assertThat(fid.path("metric").asString()).isEqualTo("fid:clip");
    assertThat(fid.path("profile").asString()).isEqualTo("fid:clip@" + fid.path("weights").asString());
    assertThat(Math.abs(fid.path("value").asDouble())).isLessThan(1e-6);
    assertThat(fid.path("smaller_is_more").asBoolean()).isTrue();
    assertThat(result.path("notes").get(0).asString()).contains("biased upwards");
    assertThat(err()).isEmpty();
  }

  @Test
  void measuresDiversityWithinCaptions() throws IOException {
    for (int i = 0; i < 4; i++) {
      noise(pictures, i + ".png", 16, 16, i % 2);
    }
    Path captions = Files.writeString(dir.resolve("captions.tsv"), "0.png\tone\n2.png\tone\tmore\n\n1.png\tother\n3.png\tother\n");
    assertThat(run("metrics", "--metric", "cosine:centred", "--images", pictures, "--captions", captions, "--by-caption")).isZero();
    assertThat(out()).containsPattern("cosine:centred +0\\.000000 +4 pictures in 2 sets");
    assertThat(run("metrics", "--metric", "cosine:centred", "--images", pictures)).isZero();
    assertThat(out()).doesNotContain("0.000000");
  }

  /** A level of a grey PNG file is that level in all three colours, as Pillow and PyTorch read it. */
  @Test
  void readsGreyPicturesAsTheyAre() throws IOException {
    BufferedImage grey = new BufferedImage(16, 16, BufferedImage.TYPE_BYTE_GRAY);
    byte[] rgb = new byte[3 * 16 * 16];
    for (int i = 0; i < 256; i++) {
      grey.getRaster().setSample(i % 16, i / 16, 0, i);
      Arrays.fill(rgb, 3 * i, 3 * i + 3, (byte) i);
    }
    ImageIO.write(grey, "png", pictures.resolve("grey.png").toFile());
    Files.write(pictures.resolve("rgb.png"), Png.encode(new Image(16, 16, rgb), Map.of()));
    assertThat(run("metrics", "--metric", "mse:255", "--images", pictures)).isZero();
    assertThat(out()).containsPattern("mse:255 +0\\.000000 ");
  }

  @Test
  void warnsOfJpegs() throws IOException {
    for (String name : new String[] {"a.jpg", "b.JPEG"}) {
      ImageIO.write(new BufferedImage(16, 16, BufferedImage.TYPE_INT_RGB), "jpeg", pictures.resolve(name).toFile());
    }
    noise(pictures, "c.png", 16, 16, 1);
    assertThat(run("metrics", "--metric", "cosine:raw", "--images", pictures)).isZero();
    assertThat(err()).contains("note: 2 of 3 pictures in " + pictures + " are JPEG files");
  }

  // ---- wrong input --------------------------------------------------------------------------------------------------------

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "--images DIR | --metric NAME",
      "--metric cosine:raw | --images DIR",
      "--metric cosine --images DIR | no metric 'cosine'",
      "--metric cosine:raw --images none | cannot read the pictures in none: no such file",
      "--metric cosine:raw --images DIR | has no pictures: PNG files are expected",
      "--metric hamming:tokens --images DIR | only a run knows",
      "--metric fid:clip --images DIR | fid:clip needs a reference collection: name a folder with --reference",
      "--metric fid:pytorch-fid --reference DIR --images DIR | has no pictures",
      "--metric clip-score:torchmetrics --images DIR | needs the images' captions",
      "--metric cosine:raw --reference DIR --images DIR | --reference is of no use to cosine:raw",
      "--metric cosine:raw --clip DIR --images DIR | --clip is of no use to cosine:raw",
      "--metric cosine:raw --by-caption --images DIR | --by-caption needs the captions"})
  void refusesWhatMakesNoSense(String options, String sentence) {
    assertThat(run((Object[]) ("metrics " + options.replace("DIR", pictures.toString())).split(" "))).isEqualTo(2);
    assertRefused(sentence);
  }

  @Test
  void refusesPicturesThatItCannotCompare() throws IOException {
    noise(pictures, "a.png", 16, 16, 1);
    assertThat(run("metrics", "--metric", "cosine:raw", "--images", pictures)).isEqualTo(2);
    assertRefused("cosine:raw compares pairs of images, so it needs at least 2, not 1");
    noise(pictures, "b.png", 16, 17, 1);
    assertThat(run("metrics", "--metric", "cosine:raw", "--images", pictures)).isEqualTo(2);
    assertRefused("a.png is 16x16 pixels, but ");
    assertThat(err()).contains("b.png is 16x17");
    Files.write(pictures.resolve("b.png"), Arrays.copyOf(Files.readAllBytes(pictures.resolve("a.png")), 100));
    assertThat(run("metrics", "--metric", "cosine:raw", "--images", pictures)).isEqualTo(2);
    assertRefused("b.png");
    assertThat(run("metrics", "--metric", "fid:pytorch-fid", "--images", pictures, "--reference", pictures)).isEqualTo(2);
    assertRefused("fid:pytorch-fid needs the weights of FID's Inception: say where with --inception PATH");
  }

  @Test
  void refusesABadTableOfCaptions() throws IOException {
    noise(pictures, "a.png", 64, 64, 1);
    Path table = Files.writeString(dir.resolve("captions.tsv"), "a.png a star\n");
    Object[] command = {"metrics", "--metric", "clip-score:torchmetrics", "--clip", DEMO.resolve("clip"), "--images", pictures, "--captions", table};
    assertThat(run(command)).isEqualTo(2);
    assertRefused("line 1: a file's name, a tab and its caption are expected");
    Files.writeString(table, "a.png\ta star\na.png\ta moon\n");
    assertThat(run(command)).isEqualTo(2);
    assertRefused("line 2: a.png has a caption already");
    Files.writeString(table, "b.png\ta star\n");
    assertThat(run(command)).isEqualTo(2);
    assertRefused("a.png has no caption");
  }

  @Test
  void refusesWeightsOfAnotherNetwork() throws IOException {
    noise(pictures, "a.png", 64, 64, 1);
    assertThat(run("metrics", "--metric", "lpips:vgg-0.1", "--lpips", DEMO.resolve("lpips"), "--images", pictures)).isEqualTo(1);
    assertRefused("LPIPS with vgg needs vgg16-397923af.pth and vgg.pth");
  }
}
